//! How a guest ended, and what follows: its storage stays, or is retired, or that is tried again.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::model::{Ended, Watched};
use crate::retire::{Changed, Connected, Error};

use super::before;
use super::follow::Watch;
use super::news::News;
use super::retire::retire;

/// How often a guest is tried again whose disks somebody uses, or while the journal is held.
const AGAIN: Duration = Duration::from_secs(15);
/// The same where a step failed: each try is a transaction of its own in the journal.
const AFTER_FAILURE: Duration = Duration::from_secs(600);

impl Watch<'_> {
    pub(super) fn ended(&mut self, domain: Uuid, how: Ended) -> Result<(), Error> {
        let Some(watched) = self.guests.get(domain) else {
            return Ok(());
        };
        let guest = watched.domain.clone();
        if how.is_death() {
            self.deaths.insert(domain, (how, Instant::now()));
            return Ok(());
        }
        self.listener.hear(News::NotDead { guest, how });
        self.forget(domain)
    }

    /// What happened while nobody looked, and who is there now.
    pub(super) fn catch_up(&mut self, host: &dyn Connected) -> Result<(), Error> {
        self.guests.load(host.world().hypervisor.uri())?;
        self.missing.clear();
        for watched in self.living() {
            if self.is_dead(host, &watched)? {
                self.ended_unheard(host, &watched)?;
            }
        }
        self.look_at_all(host)
    }

    /// Some end without an event, such as a guest that libvirtd gives up while it takes up its
    /// guests again after a restart. An event that is only late comes before the next look, and
    /// knows more than the log: so a guest must be missing twice.
    pub(super) fn miss(&mut self, host: &dyn Connected) -> Result<(), Error> {
        let missed_before = std::mem::take(&mut self.missing);
        for watched in self.living() {
            let uuid = watched.domain.uuid;
            if host.world().hypervisor.status(uuid)?.is_some() {
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
    fn ended_unheard(&mut self, host: &dyn Connected, watched: &Watched) -> Result<(), Error> {
        let how = host.monitor().last_end(&watched.domain);
        self.ended(watched.domain.uuid, how.unwrap_or(Ended::Unknown))
    }

    /// One that is defined and shut off is no transient guest any more; unless it is so because
    /// what followed its death was undone.
    fn is_dead(&self, host: &dyn Connected, watched: &Watched) -> Result<bool, Error> {
        Ok(match host.world().hypervisor.status(watched.domain.uuid)? {
            None => true,
            Some(status) if status.active || !status.persistent => false,
            Some(_) => {
                let journal = self.site.reader("watch")?;
                before::unfinished(&*journal, watched)?.is_some()
            }
        })
    }

    pub(super) fn retire_dead(&mut self, host: &dyn Connected) -> Result<(), Error> {
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
            let result = retire(self.site, host, &watched, how, &mut touched);
            self.listener.changed(touched);
            match result {
                Ok(()) => {
                    self.forget(uuid)?;
                    // Who was started again meanwhile was not looked at while he counted as dead.
                    self.look_at(host, uuid)?;
                }
                // A connection that broke, and a signal, leave it for the next time.
                Err(error) if !host.monitor().is_alive() => return Err(error),
                Err(_) if host.world().control.wants_rollback() => return Ok(()),
                Err(error) => {
                    let pause = match error.changed() {
                        Changed::PutBack | Changed::PutBackToo(_) => AFTER_FAILURE,
                        _ => AGAIN,
                    };
                    self.listener.hear(News::NotRetired {
                        guest: watched.domain,
                        error,
                    });
                    self.deaths.insert(uuid, (how, Instant::now() + pause));
                }
            }
        }
        Ok(())
    }
}
