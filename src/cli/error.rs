//! The one file that maps errors to exit codes, words and hints.

use std::io::Write;

use serde::Serialize;

use crate::engine::EngineError;
use crate::model::{Direction, EventKind, Refusal, Step, Transaction};
use crate::ports::{HypervisorError, JournalError, LockError, StorageError};
use crate::retire;
use crate::survey::SurveyError;

use super::args::Output;
use super::safe::{safe, visible_json};

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
    /// Several refusals, each with its hint, for a person who reads them one by one.
    apart: Vec<(String, String)>,
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
            apart: Vec::new(),
        }
    }

    /// A signal came before anything was begun.
    pub fn interrupted() -> Self {
        Self::new(
            Exit::Error,
            "interrupted",
            "interrupted by a signal. Nothing was changed.",
            "run the command again when it suits",
        )
    }

    /// Another message, where this one is not the whole truth any more.
    pub fn retell(&mut self, message: String) {
        self.message = message;
        self.apart.clear();
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
        let mut error = Self::new(
            Exit::Refused,
            refusals
                .first()
                .map_or("refused", |first| first.code.word()),
            format!(
                "{}. Nothing was changed.",
                lines(|refusal| &refusal.message)
            ),
            lines(|refusal| &refusal.hint),
        );
        if refusals.len() > 1 {
            error.apart = refusals
                .iter()
                .map(|refusal| (refusal.message.clone(), refusal.hint.clone()))
                .collect();
        }
        error
    }
}

impl From<HypervisorError> for CliError {
    fn from(error: HypervisorError) -> Self {
        let (code, hint) = match &error {
            HypervisorError::Ambiguous {
                taken_as,
                taken,
                named,
                ..
            } => {
                let first = match *taken_as {
                    "UUID" => taken.typed(),
                    _ => taken.uuid.to_string(),
                };
                return Self::new(
                    Exit::Refused,
                    "ambiguous-domain",
                    format!("{error}. Nothing was changed."),
                    format!("type {first} for the one, or {} for the other", named.uuid),
                );
            }
            HypervisorError::Unreachable { .. } => (
                "libvirt-unreachable",
                "is libvirtd running, and is the URI right? To see: virsh -c URI version",
            ),
            HypervisorError::NoSuchDomain(_) => (
                "no-such-domain",
                "to see the domains there are: virsh list --all; those retired: virt-retire list",
            ),
            HypervisorError::NoSuchVolume { .. } => (
                "no-such-volume",
                "to see a pool's volumes: virsh vol-list POOL",
            ),
            HypervisorError::Lost { .. } => (
                "libvirt-lost",
                "when libvirtd is back, type: virt-retire recover",
            ),
            HypervisorError::Refused { .. } => ("libvirt-refused", "libvirt's log says more"),
            HypervisorError::TooOld { .. } => {
                ("libvirt-too-old", "upgrade libvirt, or leave that flag out")
            }
            HypervisorError::Xml { .. } => {
                ("libvirt-xml", "please report this XML; nothing was changed")
            }
        };
        Self::new(Exit::Error, code, error.to_string(), hint)
    }
}

impl From<StorageError> for CliError {
    fn from(error: StorageError) -> Self {
        Self::new(
            Exit::Error,
            "storage",
            error.to_string(),
            "nothing was changed; mend the cause and try again",
        )
    }
}

impl From<JournalError> for CliError {
    fn from(error: JournalError) -> Self {
        let (exit, code, hint) = match &error {
            JournalError::Held { .. } => (
                Exit::Held,
                "journal-held",
                "try again later, or wait longer with --wait SECONDS".to_owned(),
            ),
            // What is wrong says what to type; this is the other way out.
            JournalError::Folder { .. } => (
                Exit::Error,
                "state-folder",
                "mend that, or name another folder with --state-dir".to_owned(),
            ),
            JournalError::Io { .. } => (
                Exit::Error,
                "journal-io",
                "is the disk full or read-only? To see: df -h".to_owned(),
            ),
            JournalError::Newer { .. } => (
                Exit::Error,
                "journal-newer",
                "use the version of virt-retire that wrote it, or a newer one".to_owned(),
            ),
            JournalError::Damaged { path, .. } => (
                Exit::Error,
                "journal-damaged",
                format!(
                    "nothing in quarantine is touched. Restore '{}' from a backup, or make a new \
                     journal from the manifests in quarantine: virt-retire rebuild",
                    path.display()
                ),
            ),
            JournalError::Clock { .. } => (
                Exit::Error,
                "clock",
                "nothing was changed. Set the clock: timedatectl set-time, or date --set"
                    .to_owned(),
            ),
            JournalError::NoSuchTransaction(_) => (
                Exit::Error,
                "no-such-transaction",
                "to see them all: virt-retire list".to_owned(),
            ),
        };
        Self::new(exit, code, error.to_string(), hint)
    }
}

impl From<LockError> for CliError {
    fn from(error: LockError) -> Self {
        let message = format!("{error}. Nothing was changed.");
        match error {
            LockError::Held { .. } => Self::new(
                Exit::Held,
                "domain-held",
                message,
                "try again later, or wait longer with --wait SECONDS",
            ),
            LockError::Unusable { path, .. } => Self::new(
                Exit::Error,
                "domain-lock",
                message,
                format!("to see it: ls -ld '{}'", path.display()),
            ),
            LockError::Hypervisor(error) => error.into(),
        }
    }
}

impl From<SurveyError> for CliError {
    fn from(error: SurveyError) -> Self {
        match error {
            SurveyError::Hypervisor(error) => error.into(),
            SurveyError::Storage(error) => error.into(),
            SurveyError::Refused(refusal) => Self::refused(&[*refusal]),
        }
    }
}

impl From<retire::Error> for CliError {
    fn from(error: retire::Error) -> Self {
        use retire::Error;
        let message = format!("{error}. Nothing was changed.");
        let (exit, code, hint) = match error {
            Error::Engine(error) => return error.into(),
            Error::Survey(error) => return error.into(),
            Error::Lock(error) => return error.into(),
            Error::Elsewhere { .. } => (
                Exit::Error,
                "other-connection",
                "leave --connect out: the connection is recorded".to_owned(),
            ),
            Error::ImportedElsewhere { .. } => (
                Exit::Error,
                "other-connection",
                "if you trust it, say so: virt-retire --connect URI rollback ID".to_owned(),
            ),
            Error::Scattered { .. } => (
                Exit::Error,
                "other-connection",
                "one command for each connection".to_owned(),
            ),
            Error::Rivals { .. } => (Exit::Error, "rivals", "roll back one of them".to_owned()),
            Error::ImportedAmongOthers(id) => (
                Exit::Refused,
                "imported",
                format!(
                    "look at it, and roll it back by itself: virt-retire show {id}; virt-retire \
                     rollback {id}"
                ),
            ),
        };
        Self::new(exit, code, message, hint)
    }
}

/// What an unfinished transaction wants before anything else of it or its domain.
const FINISH_FIRST: &str = "finish it first: virt-retire recover";

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error {
            EngineError::Journal(error) => error.into(),
            EngineError::Hypervisor(error) => error.into(),
            EngineError::Storage(error) => error.into(),
            EngineError::Refused { refusals } => Self::refused(&refusals),
            EngineError::WrongState { id, state, .. } => Self::new(
                Exit::Error,
                "wrong-state",
                format!("{message}. Nothing was changed."),
                match state.claim() {
                    crate::model::Claim::Unfinished => FINISH_FIRST.to_owned(),
                    _ => format!("to see what it is: virt-retire show {id}"),
                },
            ),
            EngineError::Claimed { by, state, .. } => Self::new(
                Exit::Refused,
                "claimed",
                format!("{message}. Nothing was changed."),
                match state.claim() {
                    crate::model::Claim::Undecided => format!(
                        "decide it first: virt-retire commit {by}, or virt-retire rollback {by}"
                    ),
                    _ => FINISH_FIRST.to_owned(),
                },
            ),
            EngineError::Xml(_) => Self::new(
                Exit::Error,
                "damaged",
                format!("{message}. Nothing was changed."),
                "restore by hand: the manifest beside the quarantined files says how",
            ),
            EngineError::Unlooked(_) => Self::new(
                Exit::Error,
                "last-look",
                format!("{message}. Nothing was changed."),
                "fix the cause, then try again",
            ),
            EngineError::Interrupted => Self::interrupted(),
            EngineError::PutBack { transaction, .. } => Self::new(
                Exit::PutBack,
                "step-failed",
                message + &stopped(&transaction),
                format!(
                    "mend the cause and try again; for the whole story: virt-retire show {}",
                    transaction.id
                ),
            ),
            EngineError::Stuck { transaction, .. } => Self::new(
                Exit::Unfinished,
                "stuck",
                message,
                format!(
                    "mend one of the two causes, then: virt-retire recover; or say how to go on: virt-retire \
                     rollback {0} --xml FILE (a repaired definition), or --files (the files alone); for the \
                     whole story: virt-retire show {0}",
                    transaction.id
                ),
            ),
            EngineError::Unfinished { .. } => Self::new(
                Exit::Unfinished,
                "unfinished",
                message,
                "mend the cause, then: virt-retire recover",
            ),
        }
    }
}

/// What no rollback gives back.
fn stopped(transaction: &Transaction) -> String {
    // The rollback's own progress says nothing of whether the guest had ended before.
    let stopped = transaction.events.iter().any(|event| match &event.kind {
        EventKind::Outcome {
            step,
            direction: Direction::Forward,
            result: Ok(_),
        } => matches!(transaction.plan.steps.get(*step), Some(Step::Stop { .. })),
        _ => false,
    });
    if !stopped {
        return String::new();
    }
    let name = &transaction.domain().name;
    let transient = if transaction.plan.persistent {
        ""
    } else {
        "; it was transient, and is defined now so that nothing of it is lost"
    };
    format!(
        ". The guest itself had been stopped and stays shut off{transient}: virsh start '{name}'"
    )
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
        Output::Text if error.apart.is_empty() => writeln!(
            stderr,
            "error: {}\n hint: {}",
            safe(&error.message),
            safe(&error.hint)
        ),
        Output::Text => error
            .apart
            .iter()
            .try_for_each(|(message, hint)| {
                writeln!(stderr, "error: {}\n hint: {}", safe(message), safe(hint))
            })
            .and_then(|()| writeln!(stderr, "Nothing was changed.")),
        Output::Json => {
            let document = Document {
                error: Body {
                    code: error.code,
                    message: &error.message,
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
