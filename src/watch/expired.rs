//! Guests with a time to live: their policy says when they are retired.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::model::{DomainRef, POLICY_NAMESPACE, Removal, StorageFlags, Verdict};
use crate::ports::{HypervisorError, HypervisorView};
use crate::retire::{Connected, Error, Failed, Request, Undefine};
use crate::xml::read_policy_element;

use super::follow::Watch;
use super::news::News;

/// How often one is tried again that could not be retired.
const AGAIN: Duration = Duration::from_secs(600);

/// A domain that will be retired, or is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiring {
    pub domain: DomainRef,
    pub at: Timestamp,
    pub active: bool,
    /// It is stopped for that where it runs then.
    pub stop: bool,
}

/// Every persistent domain whose policy has a moment at which it expires, the first one first. A
/// policy that is not understood says nothing here; whoever retires the domain is told of it.
///
/// # Errors
/// libvirt does not answer.
pub fn expiring(hypervisor: &dyn HypervisorView) -> Result<Vec<Expiring>, HypervisorError> {
    let all = hypervisor.with_metadata(POLICY_NAMESPACE)?;
    let of = |(status, xml): (crate::ports::Status, String)| {
        let policy = read_policy_element(&xml).ok()?;
        let is_meant = status.persistent && !policy.protected;
        Some(Expiring {
            at: policy.expires_at.filter(|_| is_meant)?,
            domain: status.domain,
            active: status.active,
            stop: policy.stop,
        })
    };
    let mut expiring: Vec<Expiring> = all.into_iter().filter_map(of).collect();
    expiring.sort_by(|one, other| (one.at, &one.domain.name).cmp(&(other.at, &other.domain.name)));
    Ok(expiring)
}

impl Watch<'_> {
    /// Retires those that are due; one that runs waits, unless its policy has it stopped.
    pub(super) fn retire_expired(&mut self, host: &dyn Connected) -> Result<(), Error> {
        let world = host.world();
        let now = world.clock.now();
        let due = expiring(world.hypervisor)?
            .into_iter()
            .filter(|it| it.at <= now);
        for one in due {
            if world.control.wants_rollback() {
                return Ok(());
            }
            let uuid = one.domain.uuid;
            if one.active && !one.stop {
                self.listener
                    .hear(News::ExpiredAndRuns { guest: one.domain });
                continue;
            }
            if self.was_brought_back(&one)? {
                continue;
            }
            if self
                .refused
                .get(&uuid)
                .is_some_and(|when| when.elapsed() < AGAIN)
            {
                continue;
            }
            let guest = one.domain.clone();
            match self.retire_one(one) {
                Ok(()) => {
                    self.refused.remove(&uuid);
                }
                Err(error) if !host.monitor().is_alive() => return Err(error),
                Err(_) if world.control.wants_rollback() => return Ok(()),
                Err(error) => {
                    self.refused.insert(uuid, Instant::now());
                    self.listener.hear(News::NotRetired { guest, error });
                }
            }
        }
        Ok(())
    }

    /// Whether an operator wanted it back after it had expired: then a new moment has to be set.
    fn was_brought_back(&self, one: &Expiring) -> Result<bool, Error> {
        let journal = self.site.reader("watch")?;
        let latest = journal.latest(&|summary| {
            summary.domain.uuid == one.domain.uuid && summary.started_at >= one.at
        })?;
        Ok(match latest {
            Some(latest) => journal.read(latest.id)?.was_asked_back(),
            None => false,
        })
    }

    fn retire_one(&mut self, one: Expiring) -> Result<(), Error> {
        let request = Request {
            domains: vec![one.domain.uuid.to_string()],
            removal: removal(one.stop),
            prepare: false,
            each: false,
            reason: Some(format!("watch: expired {} by its policy", one.at)),
            retention: self.site.retention(),
            purpose: format!("watch: {} has expired", one.domain.name),
        };
        let retired = Undefine::new(self.site, request)?.carry_out()?;
        self.listener.changed(retired.touched);
        match retired.failed {
            Failed::Nothing => Ok(()),
            Failed::Batch(error) => Err(error),
            Failed::Some(each) => match each.into_iter().next() {
                Some((_, error)) => Err(error),
                None => Ok(()),
            },
        }
    }
}

/// The policy speaks of the disks, and one without a word stays. What else the domain has waits in
/// quarantine with its definition.
fn removal(stop: bool) -> Removal {
    Removal {
        storage: StorageFlags {
            keep: true,
            ..StorageFlags::default()
        },
        managed_save: true,
        snapshots_metadata: true,
        checkpoints_metadata: true,
        nvram: Some(Verdict::Remove),
        tpm: Some(Verdict::Remove),
        stop_first: stop,
        ..Removal::default()
    }
}
