//! How a guest ended, and what follows: its storage stays, or is retired, or that is tried again.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::cli::context::Host;
use crate::cli::error::{CliError, Exit};
use crate::cli::safe::safe;
use crate::model::{Ended, Watched};
use crate::ports::Hypervisor;

use super::before;
use super::follow::Watch;
use super::retire::retire;

/// How often a guest is tried again whose disks somebody uses, or while the journal is held.
const AGAIN: Duration = Duration::from_secs(15);
/// The same where a step failed: each try is a transaction of its own in the journal.
const AFTER_FAILURE: Duration = Duration::from_secs(600);

impl Watch<'_> {
    pub(super) fn ended(&mut self, domain: Uuid, how: Ended) -> Result<(), CliError> {
        let Some(watched) = self.guests.get(domain) else {
            return Ok(());
        };
        let name = safe(&watched.domain.name);
        if how.is_death() {
            self.deaths.insert(domain, (how, Instant::now()));
            return Ok(());
        }
        self.tell(match how {
            Ended::Unknown => format!(
                "{name} runs no more and nobody can say how it ended; its storage is left alone"
            ),
            _ => format!("{name} has not died ({}); its storage stays", how.word()),
        });
        self.forget(domain)
    }

    /// What happened while nobody looked, and who is there now.
    pub(super) fn catch_up(&mut self, host: &Host) -> Result<(), CliError> {
        self.guests.load(host.uri())?;
        self.missing.clear();
        for watched in self.living() {
            if self.is_dead(host, &watched)? {
                self.ended_unheard(host, &watched)?;
            }
        }
        self.look_at_all(host)
    }

    /// Some end without an event, such as a guest that libvirtd gives up while it takes up its guests
    /// again after a restart. An event that is only late comes before the next look, and knows more
    /// than the log: so a guest must be missing twice.
    pub(super) fn miss(&mut self, host: &Host) -> Result<(), CliError> {
        let missed_before = std::mem::take(&mut self.missing);
        for watched in self.living() {
            let uuid = watched.domain.uuid;
            if host.hypervisor.status(uuid)?.is_some() {
                continue;
            }
            if missed_before.contains(&uuid) {
                self.ended_unheard(host, &watched)?;
            } else {
                self.missing.insert(uuid);
            }
        }
        Ok(())
    }

    /// Those of whose end nothing is known.
    fn living(&self) -> Vec<Watched> {
        let all = self.guests.uuids().into_iter();
        all.filter(|uuid| !self.deaths.contains_key(uuid))
            .filter_map(|uuid| self.guests.get(uuid).cloned())
            .collect()
    }

    /// No event said how it ended; libvirt's log of it may.
    fn ended_unheard(&mut self, host: &Host, watched: &Watched) -> Result<(), CliError> {
        let how = host.hypervisor.last_end(&watched.domain);
        self.ended(watched.domain.uuid, how.unwrap_or(Ended::Unknown))
    }

    /// One that is defined and shut off is no transient guest any more; unless it is so because what
    /// followed its death was undone.
    fn is_dead(&self, host: &Host, watched: &Watched) -> Result<bool, CliError> {
        Ok(match host.hypervisor.status(watched.domain.uuid)? {
            None => true,
            Some(status) if status.active || !status.persistent => false,
            Some(_) => {
                let journal = self.context.reader("watch")?;
                before::unfinished(&journal, watched)?.is_some()
            }
        })
    }

    pub(super) fn retire_dead(&mut self, host: &Host) -> Result<(), CliError> {
        let due: Vec<(Uuid, Ended)> = self
            .deaths
            .iter()
            .filter(|(_, (_, when))| *when <= Instant::now())
            .map(|(uuid, (how, _))| (*uuid, *how))
            .collect();
        for (uuid, how) in due {
            if host.world().control.wants_rollback() {
                return Ok(());
            }
            let Some(watched) = self.guests.get(uuid).cloned() else {
                self.deaths.remove(&uuid);
                continue;
            };
            let mut touched = Vec::new();
            let result = retire(self.context, host, &watched, how, &mut touched);
            self.tell_of(touched);
            match result {
                Ok(()) => {
                    self.forget(uuid)?;
                    // Who was started again meanwhile was not looked at while he counted as dead.
                    self.look_at(host, uuid)?;
                }
                // A connection that broke, and a signal, leave it for the next time.
                Err(error) if !host.hypervisor.is_alive() => return Err(error),
                Err(_) if host.world().control.wants_rollback() => return Ok(()),
                Err(error) => {
                    self.say_once(uuid, given_up(&watched, &error));
                    let pause = match error.exit {
                        Exit::PutBack => AFTER_FAILURE,
                        _ => AGAIN,
                    };
                    self.deaths.insert(uuid, (how, Instant::now() + pause));
                }
            }
        }
        Ok(())
    }
}

fn given_up(watched: &Watched, error: &CliError) -> String {
    format!(
        "{} has ended, and its storage could not be retired: {} ({})",
        safe(&watched.domain.name),
        safe(&error.message),
        safe(&error.hint)
    )
}
