//! What a retired domain leaves behind is not ours to keep as it was (law 4).
//!
//! - A base image that two domains shared goes with the last of them: bringing the first one back
//!   alone would give it a disk without its base, so the order of rollback is checked.
//! - A base that stayed may be gone, replaced or written to since. An overlay on it would show its
//!   guest other data, and no byte of ours would be wrong.
//! - A medium in a drive, or a disk that is only read, is no base. That it is gone is told.

use std::path::PathBuf;

use crate::model::{
    Access, ChainLink, Claim, Fate, FileFacts, Plan, Refusal, RefusalCode, State, Transaction,
    TransactionId,
};

use crate::ports::Presence;

use super::error::EngineError;
use super::restoration::Restoration;
use super::{Engine, places};

impl Engine<'_> {
    /// Refuses a rollback whose domain stands on files that wait in another transaction's
    /// quarantine, if that is not one of `earlier`, which come back before it. Files that are gone
    /// for another reason are no obstacle: what is left comes back.
    pub(super) fn held_by_others(
        &self,
        transaction: &Transaction,
        earlier: &[TransactionId],
    ) -> Result<Vec<Refusal>, EngineError> {
        let mut missing = Vec::new();
        for path in left_behind(&transaction.plan) {
            if self.world.storage.facts(&path)?.is_none() {
                missing.push(path);
            }
        }
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let mut refusals = Vec::new();
        for summary in self.journal.outstanding()? {
            let is_open = summary.state.claim() == Claim::Unfinished;
            if !holds(summary.state)
                || summary.id == transaction.id
                || earlier.contains(&summary.id)
            {
                continue;
            }
            let other = self.journal.read(summary.id)?;
            let first = match is_open {
                true => "recover".to_owned(),
                false => format!("rollback {}", other.id),
            };
            refusals.extend(
                other
                    .taken()
                    .map(|(_, taken, _)| taken.path())
                    .filter(|path| missing.iter().any(|it| it == path))
                    .map(|path| Refusal {
                        code: RefusalCode::ChangedSincePlan,
                        subject: path.display().to_string(),
                        message: format!(
                            "domain {} stands on {}, which went into quarantine with transaction \
                             {} (domain {})",
                            transaction.domain().name,
                            path.display(),
                            other.id,
                            other.domain().name
                        ),
                        hint: format!(
                            "bring that one back first: virt-retire {first}, then: virt-retire \
                             rollback {}",
                            transaction.id
                        ),
                    }),
            );
        }
        Ok(refusals)
    }
}

impl Engine<'_> {
    /// Bases of disks that come back, which stayed where they were and are not what they were.
    pub(super) fn changed_bases(
        &self,
        transaction: &Transaction,
        home: &Restoration<'_>,
        earlier: &[TransactionId],
    ) -> Result<Vec<Refusal>, EngineError> {
        let mut refusals: Vec<Refusal> = Vec::new();
        if home.files_only() {
            return Ok(refusals);
        }
        for disk in &transaction.plan.disks {
            if disk.fate != Fate::Quarantine {
                continue;
            }
            for link in disk.chain.iter().filter(|link| stands_on(link)) {
                let place = home.moved(&link.path);
                let Some(how) = self.change(&place, *place != *link.path, link.facts.as_ref())?
                else {
                    continue;
                };
                let is_known = |path: &PathBuf| {
                    refusals
                        .iter()
                        .any(|one| one.subject == path.display().to_string())
                };
                // One that another transaction has is told by that one's number.
                if is_known(&link.path) || self.is_held(transaction.id, &link.path, earlier)? {
                    continue;
                }
                refusals.push(Refusal {
                    code: RefusalCode::BaseChanged,
                    subject: link.path.display().to_string(),
                    message: format!(
                        "disk {} of domain {} stands on {}, which stayed when the domain was \
                         retired: {how}",
                        disk.target,
                        transaction.domain().name,
                        place.display()
                    ),
                    hint: format!(
                        "put that file back as it was, then: virt-retire rollback {0}; or bring \
                         the domain back on what is there: virt-retire rollback {0} \
                         --accept-changed-base",
                        transaction.id
                    ),
                });
            }
        }
        Ok(refusals)
    }

    /// In what the file is not the one that stayed. Reading it changes none of this. Of one that
    /// the operator has moved to another place the inode may be another one.
    fn change(
        &self,
        place: &std::path::Path,
        has_moved: bool,
        then: Option<&FileFacts>,
    ) -> Result<Option<String>, EngineError> {
        let storage = self.world.storage;
        // Recorded since format 2.
        let Some(then) = then else {
            return Ok(match storage.glance(place)? {
                Some(_) => None,
                None => Some(places::absence(&self.world, place)?),
            });
        };
        Ok(match Presence::at(storage, place, then)? {
            Presence::Nothing => Some(places::absence(&self.world, place)?),
            Presence::Another(_) if !has_moved => {
                Some("it was replaced by another file since".into())
            }
            Presence::It(now) | Presence::Another(now) => {
                let is_changed = (now.size, now.modified) != (then.size, then.modified);
                is_changed.then(|| "it was written to since".into())
            }
        })
    }

    /// Whether some other transaction has the file in quarantine, or brings it back before.
    fn is_held(
        &self,
        own: TransactionId,
        path: &PathBuf,
        earlier: &[TransactionId],
    ) -> Result<bool, EngineError> {
        let outstanding = self.journal.outstanding()?;
        let holding = outstanding.iter().filter(|summary| holds(summary.state));
        // Some of `earlier` may be back by now.
        let others = holding.map(|summary| &summary.id).chain(earlier);
        for id in others.filter(|id| **id != own) {
            let other = self.journal.read(*id)?;
            if other.taken().any(|(_, taken, _)| taken.path() == path) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Kept files that are no base and are not there any more: the domain comes back without them.
    pub(super) fn missing(
        &self,
        transaction: &Transaction,
        home: &Restoration<'_>,
    ) -> Result<Vec<String>, EngineError> {
        let mut told = Vec::new();
        let kept = transaction
            .plan
            .disks
            .iter()
            .filter(|disk| disk.fate == Fate::Keep && disk.remembered_by.is_none());
        for disk in kept {
            let Some(path) = disk.path.as_ref().filter(|path| path.is_absolute()) else {
                continue;
            };
            let place = home.moved(path);
            if self.world.storage.glance(&place)?.is_none() {
                let held = self.is_held(transaction.id, path, &[])?;
                told.push(format!(
                    "disk {} ({}) stayed when the domain was retired, and is {} now",
                    disk.target,
                    place.display(),
                    if held {
                        "in quarantine with another transaction"
                    } else {
                        "gone"
                    }
                ));
            }
        }
        Ok(told)
    }
}

/// A base that stayed. One that was not there even then, or on the network, is not missed.
fn stands_on(link: &ChainLink) -> bool {
    link.fate == Fate::Keep && (link.reason.is_none() || link.facts.is_some())
}

/// Whether a transaction in this state may have files in quarantine.
pub(super) fn holds(state: State) -> bool {
    // One that is open has taken them away too: whoever recovers it decides where they end.
    state.claim() == Claim::Unfinished || matches!(state, State::Prepared | State::Committed)
}

/// Files that the domain writes to or stands on, and that its retirement left where they were.
pub(super) fn left_behind(plan: &Plan) -> impl Iterator<Item = PathBuf> + '_ {
    let tops = plan
        .disks
        .iter()
        .filter(|disk| disk.fate == Fate::Keep)
        // What only a snapshot remembers the domain does not stand on.
        .filter(|disk| disk.remembered_by.is_none())
        .filter(|disk| disk.access != Access::ReadOnly)
        .filter_map(|disk| disk.path.clone())
        .filter(|path| path.is_absolute());
    let chains = plan
        .disks
        .iter()
        .filter(|disk| disk.remembered_by.is_none())
        .filter(|disk| disk.fate != Fate::Keep || disk.access != Access::ReadOnly)
        .flat_map(|disk| &disk.chain)
        .filter(|link| stands_on(link))
        .map(|link| link.path.clone());
    tops.chain(chains)
}
