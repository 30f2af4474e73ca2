//! Errors as exit codes, words and hints: here what a command is told by, and in a file for each
//! layer that they come from, how they become that.

mod application;
mod engine;
mod ports;

use std::io::Write;

use serde::Serialize;

use crate::model::Refusal;
use crate::retire::Changed;

use super::args::Output;
use super::safe::{safe, visible, visible_json};

/// The contract's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// Nothing was changed.
    Error = 1,
    Usage = 2,
    /// Refused by a law or a rule; nothing was changed.
    Refused = 3,
    /// A step failed and everything was rolled back.
    PutBack = 4,
    /// Stuck, or work left for `recover`.
    Unfinished = 5,
    /// Another process holds the journal or the domain.
    Held = 6,
}

/// What a person or a program is told when a command does not end well.
#[derive(Debug)]
pub struct CliError {
    pub exit: Exit,
    pub code: &'static str,
    pub message: String,
    pub hint: String,
    /// `None` where the message says it, or where it goes without saying.
    pub changed: Option<Box<Changed>>,
    more: Box<More>,
}

/// What an error has besides, or not.
#[derive(Debug, Default)]
struct More {
    /// Several refusals, each with its hint, for a person who reads them one by one.
    apart: Vec<(String, String)>,
    /// The name of which there is no domain, if that is the error.
    no_such_domain: Option<String>,
    /// The kernel or libvirt denies it to whoever runs the program.
    is_denied: bool,
    /// The whole of it as a person reads it, where that is more than a message and a hint.
    screen: Option<String>,
}

impl CliError {
    pub fn new(
        exit: Exit,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            exit,
            code,
            message: message.into(),
            hint: hint.into(),
            changed: None,
            more: Box::default(),
        }
    }

    /// The same, and nothing was changed.
    pub fn unchanged(
        exit: Exit,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            changed: Some(Box::new(Changed::Nothing)),
            ..Self::new(exit, code, message, hint)
        }
    }

    /// The error of one transaction or domain, of a command that had several.
    #[must_use]
    pub fn having(mut self, changed: Changed) -> Self {
        match &changed {
            Changed::Nothing | Changed::PutBack | Changed::Unfinished => return self,
            // Neither "nothing changed" (1, 3) nor "another holds it" (6) is the whole truth now.
            Changed::PutBackToo(_) | Changed::Before { .. } => {
                if self.exit != Exit::Unfinished {
                    self.exit = Exit::PutBack;
                }
            }
            Changed::Half { .. } => {
                self.exit = Exit::Unfinished;
                self.hint = "fix the cause, then: virt-retire recover".into();
                self.more = Box::default();
            }
        }
        self.changed = Some(Box::new(changed));
        self
    }

    /// The same of another transaction of the command, too.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        if other.exit == Exit::Unfinished {
            self.exit = Exit::Unfinished;
        }
        let message = self.message.trim_end_matches('.');
        self.message = format!("{message}; {}", other.message);
        if !self.hint.contains(&other.hint) {
            self.hint = format!("{}; {}", self.hint, other.hint);
        }
        self
    }

    /// The name of which there is no domain, if that is the error.
    pub fn no_such_domain(&self) -> Option<&str> {
        self.more.no_such_domain.as_deref()
    }

    /// Whether it comes of rights that whoever runs the program does not have.
    pub fn is_denied(&self) -> bool {
        self.more.is_denied
    }

    #[must_use]
    pub fn denied(mut self, is_denied: bool) -> Self {
        self.more.is_denied |= is_denied;
        self
    }

    /// For a person, in these words.
    #[must_use]
    pub fn shown_as(mut self, screen: String) -> Self {
        self.more.screen = Some(screen);
        self
    }

    fn sentence(&self) -> Option<String> {
        self.changed.as_deref().and_then(Changed::sentence)
    }

    /// The message with what was changed.
    pub fn told(&self) -> String {
        match self.sentence() {
            None => self.message.clone(),
            Some(changed) => format!("{}. {changed}", self.message),
        }
    }

    /// A signal came before anything was begun.
    pub fn interrupted() -> Self {
        Self::unchanged(
            Exit::Error,
            "interrupted",
            "interrupted by a signal",
            "run the command again when it suits",
        )
    }

    /// Several refusals in one error: the first one's code, everyone's message and hint.
    pub fn refused(refusals: &[Refusal]) -> Self {
        let lines = |part: fn(&Refusal) -> &String| {
            let mut lines: Vec<&str> = Vec::new();
            for refusal in refusals {
                if !lines.contains(&part(refusal).as_str()) {
                    lines.push(part(refusal));
                }
            }
            lines.join("; ")
        };
        let mut error = Self::unchanged(
            Exit::Refused,
            refusals
                .first()
                .map_or("refused", |first| first.code.word()),
            lines(|refusal| &refusal.message),
            lines(|refusal| &refusal.hint),
        );
        if refusals.len() > 1 {
            error.more.apart = refusals
                .iter()
                .map(|refusal| (refusal.message.clone(), refusal.hint.clone()))
                .collect();
        }
        error
    }
}

#[derive(Serialize)]
struct Document<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: &'a str,
    message: &'a str,
    hint: &'a str,
}

/// Prints to stderr. A closed stderr is no reason to fail differently.
pub fn print(error: &CliError, output: Output) {
    let mut stderr = std::io::stderr().lock();
    let _ = match output {
        Output::Text if error.more.screen.is_some() => {
            let screen = error.more.screen.as_deref().unwrap_or_default();
            writeln!(stderr, "{}", visible(screen))
        }
        Output::Text if error.more.apart.is_empty() => writeln!(
            stderr,
            "error: {}\n hint: {}",
            safe(&error.told()),
            safe(&error.hint)
        ),
        Output::Text => error
            .more
            .apart
            .iter()
            .try_for_each(|(message, hint)| {
                writeln!(stderr, "error: {}\n hint: {}", safe(message), safe(hint))
            })
            .and_then(|()| match error.sentence() {
                Some(changed) => writeln!(stderr, "{}", safe(&changed)),
                None => Ok(()),
            }),
        Output::Json => {
            let document = Document {
                error: Body {
                    code: error.code,
                    message: &error.told(),
                    hint: &error.hint,
                },
            };
            match serde_json::to_string(&document) {
                Ok(text) => writeln!(stderr, "{}", visible_json(&text)),
                Err(error) => writeln!(stderr, "{error}"),
            }
        }
    };
}
