//! What `watch` does while a connection lasts: hear of guests, look at them, retire the dead.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::cli::args::Output;
use crate::cli::context::{Context, Host};
use crate::cli::control::say;
use crate::cli::error::{CliError, Exit};
use crate::cli::report;
use crate::cli::safe::safe;
use crate::model::{Ended, Summary};
use crate::ports::LifeEvent;

use super::guests::Guests;
use super::note::{Note, take_note};
use super::{TICK, lost};

pub(super) struct Watch<'a> {
    pub(super) context: &'a Context,
    pub(super) guests: Guests<'a>,
    /// Guests that have ended and are to be retired, with when to try.
    pub(super) deaths: HashMap<Uuid, (Ended, Instant)>,
    /// Guests that the last look did not find, and whose end nobody has heard of.
    pub(super) missing: HashSet<Uuid>,
    /// What was said last of each, so that it is said once.
    said: HashMap<Uuid, String>,
    /// Only catch up, and end.
    once: bool,
    /// How often every guest is looked at without an event.
    interval: Duration,
    /// What is still to be told of, in one JSON document at the end.
    pub(super) untold: Vec<Summary>,
    /// A transaction has been carried out, so that no later error can say that nothing was changed.
    pub(super) has_changed: bool,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        context: &'a Context,
        guests: Guests<'a>,
        once: bool,
        interval: Duration,
    ) -> Self {
        Self {
            context,
            guests,
            deaths: HashMap::new(),
            missing: HashSet::new(),
            said: HashMap::new(),
            once,
            interval,
            untold: Vec::new(),
            has_changed: false,
        }
    }

    /// One connection, until it breaks (an error) or a signal comes.
    pub(super) fn follow(&mut self, host: &Host) -> Result<(), CliError> {
        // Before anything is looked at, so that nothing is missed in between.
        let events = host.hypervisor.events()?;
        self.catch_up(host)?;
        self.retire_dead(host)?;
        if self.once {
            return self.end_once();
        }
        self.tell(format!("watching {} guests", self.guests.len()));
        let mut looked = Instant::now();
        loop {
            self.hear(host, &events)?;
            if host.world().control.wants_rollback() {
                return Ok(());
            }
            if !host.hypervisor.is_alive() {
                return Err(lost());
            }
            if looked.elapsed() > self.interval {
                self.miss(host)?;
                self.look_at_all(host)?;
                looked = Instant::now();
            }
            self.retire_dead(host)?;
        }
    }

    /// Whoever was dead and could not be retired stays on the list, and that is no success.
    fn end_once(&self) -> Result<(), CliError> {
        if self.deaths.is_empty() {
            return Ok(());
        }
        Err(CliError::new(
            Exit::Unfinished,
            "left-over",
            "the storage of some guests that ended could not be retired",
            "mend what was said above, then: virt-retire watch --once",
        ))
    }

    fn hear(&mut self, host: &Host, events: &Receiver<LifeEvent>) -> Result<(), CliError> {
        let mut wait = TICK;
        loop {
            match events.recv_timeout(wait) {
                Ok(LifeEvent::Ended { domain, how }) => self.ended(domain, how)?,
                Ok(LifeEvent::Changed { domain }) => self.look_at(host, domain)?,
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(lost()),
            }
            wait = Duration::ZERO;
        }
    }

    pub(super) fn look_at_all(&mut self, host: &Host) -> Result<(), CliError> {
        let running = host.hypervisor.running_transient()?;
        let all: HashSet<Uuid> = self.guests.uuids().into_iter().chain(running).collect();
        for uuid in all {
            self.look_at(host, uuid)?;
        }
        Ok(())
    }

    /// Puts a guest on the list, brings its record up to date, or takes it off.
    /// What goes wrong with one guest keeps no other from being watched.
    pub(super) fn look_at(&mut self, host: &Host, uuid: Uuid) -> Result<(), CliError> {
        if self.deaths.contains_key(&uuid) {
            return Ok(());
        }
        match self.take_note(host, uuid) {
            Err(error) if host.hypervisor.is_alive() => {
                self.say_once(
                    uuid,
                    format!("{uuid} cannot be looked at: {}", safe(&error.message)),
                );
                Ok(())
            }
            other => other,
        }
    }

    fn take_note(&mut self, host: &Host, uuid: Uuid) -> Result<(), CliError> {
        match take_note(host, uuid, self.guests.get(uuid))? {
            Note::Ended => Ok(()),
            Note::NotOurs => self.forget(uuid),
            Note::Invalid(text) => {
                self.say_once(uuid, text);
                self.forget(uuid)
            }
            Note::Ours(watched, told) => {
                if let Some(text) = told {
                    self.say_once(uuid, text);
                }
                self.missing.remove(&uuid);
                self.guests.keep(*watched)
            }
        }
    }

    pub(super) fn forget(&mut self, uuid: Uuid) -> Result<(), CliError> {
        self.deaths.remove(&uuid);
        self.guests.remove(uuid)
    }

    pub(super) fn say_once(&mut self, uuid: Uuid, text: String) {
        if self.said.get(&uuid) != Some(&text) {
            say(&text);
            self.said.insert(uuid, text);
        }
    }

    /// Who follows without end tells of each at once.
    pub(super) fn tell_of(&mut self, touched: Vec<Summary>) {
        self.has_changed |= !touched.is_empty();
        if self.once && self.context.output == Output::Json {
            self.untold.extend(touched);
        } else if !touched.is_empty() {
            report::transactions(self.context, &touched);
        }
    }

    pub(super) fn tell(&self, text: String) {
        if !self.context.quiet && self.context.output == Output::Text {
            say(&text);
        }
    }
}
