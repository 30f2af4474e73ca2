//! `watch`: what it says while it goes on, and what is left of it at the end.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use crate::model::{Ended, Summary};
use crate::watch::{self, Listener, News};

use super::super::answers;
use super::super::args::Output;
use super::super::context::Context;
use super::super::control::say;
use super::super::error::{CliError, Exit};
use super::super::safe::safe;

/// `interval`: how often every guest is looked at without an event.
pub fn run(context: &Context, once: bool, interval: Duration) -> Result<(), CliError> {
    let list = context.watchlist()?;
    let mut teller = Teller {
        context,
        once,
        said: HashMap::new(),
        untold: Vec::new(),
        has_changed: false,
    };
    let result = watch::run(context, &list, once, interval, &mut teller);
    // One document, as of every other command that ends.
    let is_due = once && context.output == Output::Json;
    if is_due && (result.is_ok() || !teller.untold.is_empty()) {
        answers::transactions::tell(context, &teller.untold);
    }
    result.map_err(|error| {
        let mut error = CliError::from(error);
        if teller.has_changed && error.exit == Exit::Error {
            error.exit = Exit::Unfinished;
            error.hint = "fix the cause, then: virt-retire watch --once".into();
        }
        error
    })
}

struct Teller<'a> {
    context: &'a Context,
    once: bool,
    /// What was said last of each guest that something is wrong with, so that it is said once.
    said: HashMap<Uuid, String>,
    /// What is still to be told of, in one JSON document at the end.
    untold: Vec<Summary>,
    /// A transaction has been carried out, so that no later error can say that nothing was changed.
    has_changed: bool,
}

impl Teller<'_> {
    fn tell(&self, text: &str) {
        if !self.context.quiet && self.context.output == Output::Text {
            say(text);
        }
    }

    fn say_once(&mut self, guest: Uuid, text: String) {
        if self.said.get(&guest) != Some(&text) {
            say(&text);
            self.said.insert(guest, text);
        }
    }
}

impl Listener for Teller<'_> {
    fn hear(&mut self, news: News) {
        match news {
            News::Watching(count) => self.tell(&format!("watching {count} guests")),
            News::LibvirtAway => self.tell("libvirt went away; waiting for it"),
            News::LibvirtBack => self.tell("libvirt is back"),
            News::NotDead { guest, how } => self.tell(&not_dead(&safe(&guest.name), how)),
            News::PolicyInvalid { guest, problem } => self.say_once(
                guest.uuid,
                format!(
                    "{} is not watched: its policy is not valid: {problem}",
                    safe(&guest.name)
                ),
            ),
            News::LosesTpm { guest } => self.say_once(
                guest.uuid,
                format!(
                    "{}: libvirt will delete the state of its TPM when it ends, and no rollback \
                     brings that back. With <backend type='emulator' persistent_state='yes'> in \
                     its XML libvirt keeps it",
                    safe(&guest.name)
                ),
            ),
            News::ExpiredAndRuns { guest } => self.say_once(
                guest.uuid,
                format!(
                    "{} has expired by its policy and runs; it is retired once it is shut off",
                    safe(&guest.name)
                ),
            ),
            News::NotLookedAt { guest, error } => {
                let error = CliError::from(error);
                self.say_once(
                    guest,
                    format!("{guest} cannot be looked at: {}", safe(&error.told())),
                );
            }
            News::NotRetired { guest, error } => {
                let error = CliError::from(error);
                self.say_once(
                    guest.uuid,
                    format!(
                        "{} has ended or expired, and could not be retired: {} ({})",
                        safe(&guest.name),
                        safe(&error.told()),
                        safe(&error.hint)
                    ),
                );
            }
        }
    }

    /// Who follows without end tells of each at once.
    fn changed(&mut self, touched: Vec<Summary>) {
        self.has_changed |= !touched.is_empty();
        if self.once && self.context.output == Output::Json {
            self.untold.extend(touched);
        } else if !touched.is_empty() {
            answers::transactions::tell(self.context, &touched);
        }
    }
}

fn not_dead(name: &str, how: Ended) -> String {
    match how {
        Ended::Unknown => format!(
            "{name} runs no more and nobody can say how it ended; its storage is left alone"
        ),
        _ => format!("{name} has not died ({}); its storage stays", how.word()),
    }
}
