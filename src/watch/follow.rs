//! What `watch` does while a connection lasts: hear of guests, look at them, retire the dead.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::model::Ended;
use crate::ports::LifeEvent;
use crate::retire::{Connected, Error, Site};

use super::TICK;
use super::guests::Guests;
use super::news::{Listener, News};
use super::note::{Note, take_note};

pub(super) struct Watch<'a> {
    pub(super) site: &'a dyn Site,
    pub(super) listener: &'a mut dyn Listener,
    pub(super) guests: Guests<'a>,
    /// Guests that have ended and are to be retired, with when to try.
    pub(super) deaths: HashMap<Uuid, (Ended, Instant)>,
    /// Guests that the last look did not find, and whose end nobody has heard of.
    pub(super) missing: HashSet<Uuid>,
    /// Guests that have expired and could not be retired, with when that was tried.
    pub(super) refused: HashMap<Uuid, Instant>,
    /// Only catch up, and end.
    once: bool,
    /// How often every guest is looked at without an event.
    interval: Duration,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        site: &'a dyn Site,
        listener: &'a mut dyn Listener,
        guests: Guests<'a>,
        once: bool,
        interval: Duration,
    ) -> Self {
        Self {
            site,
            listener,
            guests,
            deaths: HashMap::new(),
            missing: HashSet::new(),
            refused: HashMap::new(),
            once,
            interval,
        }
    }

    /// One connection, until it breaks (an error) or a signal comes.
    pub(super) fn follow(&mut self, host: &dyn Connected) -> Result<(), Error> {
        // Before anything is looked at, so that nothing is missed in between.
        let events = host.monitor().events()?;
        self.catch_up(host)?;
        self.retire_dead(host)?;
        self.retire_expired(host)?;
        if self.once {
            return self.end_once();
        }
        self.listener.hear(News::Watching(self.guests.len()));
        let mut looked = Instant::now();
        loop {
            self.hear(host, &events)?;
            if host.world().control.wants_rollback() {
                return Ok(());
            }
            if !host.monitor().is_alive() {
                return Err(Error::Broken);
            }
            if looked.elapsed() > self.interval {
                self.miss(host)?;
                self.look_at_all(host)?;
                self.retire_expired(host)?;
                looked = Instant::now();
            }
            self.retire_dead(host)?;
        }
    }

    /// Whoever was dead and could not be retired stays on the list, and that is no success.
    fn end_once(&self) -> Result<(), Error> {
        match self.deaths.is_empty() && self.refused.is_empty() {
            true => Ok(()),
            false => Err(Error::GuestsLeft),
        }
    }

    fn hear(&mut self, host: &dyn Connected, events: &Receiver<LifeEvent>) -> Result<(), Error> {
        let mut wait = TICK;
        loop {
            match events.recv_timeout(wait) {
                Ok(LifeEvent::Ended { domain, how }) => self.ended(domain, how)?,
                Ok(LifeEvent::Changed { domain }) => self.look_at(host, domain)?,
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Broken),
            }
            wait = Duration::ZERO;
        }
    }

    pub(super) fn look_at_all(&mut self, host: &dyn Connected) -> Result<(), Error> {
        let running = host.monitor().running_transient()?;
        let all: HashSet<Uuid> = self.guests.uuids().into_iter().chain(running).collect();
        for uuid in all {
            self.look_at(host, uuid)?;
        }
        Ok(())
    }

    /// Puts a guest on the list, brings its record up to date, or takes it off.
    /// What goes wrong with one guest keeps no other from being watched.
    pub(super) fn look_at(&mut self, host: &dyn Connected, uuid: Uuid) -> Result<(), Error> {
        if self.deaths.contains_key(&uuid) {
            return Ok(());
        }
        match self.take_note(host, uuid) {
            Err(error) if host.monitor().is_alive() => {
                self.listener.hear(News::NotLookedAt { guest: uuid, error });
                Ok(())
            }
            other => other,
        }
    }

    fn take_note(&mut self, host: &dyn Connected, uuid: Uuid) -> Result<(), Error> {
        match take_note(host, uuid, self.guests.get(uuid))? {
            Note::Ended => Ok(()),
            Note::NotOurs => self.forget(uuid),
            Note::Invalid { guest, problem } => {
                self.listener.hear(News::PolicyInvalid { guest, problem });
                self.forget(uuid)
            }
            Note::Ours { watched, loses_tpm } => {
                if loses_tpm {
                    let guest = watched.domain.clone();
                    self.listener.hear(News::LosesTpm { guest });
                }
                self.missing.remove(&uuid);
                self.guests.keep(*watched)
            }
        }
    }

    pub(super) fn forget(&mut self, uuid: Uuid) -> Result<(), Error> {
        self.deaths.remove(&uuid);
        self.guests.remove(uuid)
    }
}
