//! The last look before something is destroyed: nobody came to use what waited in quarantine, and
//! it is what was put there (law 5).

use std::path::{Path, PathBuf};

use crate::model::{FileKind, Progress, Refusal, RefusalCode, Transaction, TransactionId, User};
use crate::ports::{Presence, StorageError};

use super::super::bases::{holds, left_behind};
use super::super::comparison::rename_back;
use super::super::error::EngineError;
use super::super::keepers::finder;
use super::super::look::{Claimed, in_use, used_in_quarantine};
use super::super::{Engine, places};
use super::is_record;

/// The transaction that cannot be purged, and why; without its number, which may stand beside.
pub(super) type InTheWay = (TransactionId, Refusal);

/// The same where its number stands nowhere else.
pub fn named(id: TransactionId, refusal: Refusal) -> Refusal {
    Refusal {
        message: format!("transaction {id}: {}", refusal.message),
        ..refusal
    }
}

impl Engine<'_> {
    /// What stands in the way of purging these, once all of `going` are purged.
    pub(super) fn in_the_way(
        &self,
        transactions: &[Transaction],
        going: &[TransactionId],
    ) -> Result<Vec<Refusal>, EngineError> {
        let all: Vec<&Transaction> = transactions.iter().collect();
        let mut refusals = self.used(&all)?;
        refusals.extend(self.stood_upon(transactions, going)?);
        let told = refusals.into_iter();
        Ok(told.map(|(id, refusal)| named(id, refusal)).collect())
    }

    /// Who uses what waits of these, but for other transactions, and what of it is not there.
    pub(super) fn used(&self, transactions: &[&Transaction]) -> Result<Vec<InTheWay>, EngineError> {
        let mut refusals = Vec::new();
        let used = used_in_quarantine(&self.world, transactions)?;
        for (transaction, used) in transactions.iter().zip(used) {
            let found = self.used_of(transaction, &used)?.into_iter();
            refusals.extend(found.map(|refusal| (transaction.id, refusal)));
        }
        Ok(refusals)
    }

    fn used_of(
        &self,
        transaction: &Transaction,
        used: &[Claimed],
    ) -> Result<Vec<Refusal>, EngineError> {
        let mut refusals = Vec::new();
        for folder in transaction.folders() {
            if places::is_read_only(&self.world, &folder) {
                refusals.push(read_only(transaction, &folder));
            }
            // Or `purging` would be entered, which no rollback leads out of, for what cannot be
            // destroyed: whoever may rename the quarantine can put a symlink in its place.
            if let Err(error) = self.world.storage.enter(&folder) {
                refusals.push(shut(transaction, &folder, &error));
            }
        }
        // What lies behind it is not this transaction's.
        if !refusals.is_empty() {
            return Ok(refusals);
        }
        for (step, taken, stored) in transaction.taken() {
            if transaction.progress().get(step) == Some(&Progress::Destroyed) {
                continue;
            }
            let path = taken.path();
            match finder(self.world.storage, taken, path, &stored).waiting()? {
                Presence::It(_) => {}
                Presence::Another(_) => {
                    refusals.push(another(transaction, path, &stored));
                    continue;
                }
                Presence::Nothing => {
                    refusals.extend(self.not_there(transaction, step, path, &stored)?);
                    continue;
                }
            }
            let mut users: Vec<User> = used
                .iter()
                .filter(|one| one.step == step)
                .flat_map(|one| one.users.clone())
                .collect();
            if users.is_empty() {
                users.extend(self.world.holders(taken, &stored)?);
            }
            if !users.is_empty() {
                refusals.push(used_by(transaction, path, &in_use(path, &users)));
            }
        }
        refusals.extend(self.second_names(transaction)?);
        Ok(refusals)
    }

    /// A file that is not where it waits is gone already, unless what it waits in is gone with it:
    /// then nobody knows.
    fn not_there(
        &self,
        transaction: &Transaction,
        step: usize,
        original: &Path,
        stored: &Path,
    ) -> Result<Option<Refusal>, EngineError> {
        let progress = transaction.progress();
        let record = transaction.plan.steps.iter().position(is_record);
        let record_goes = record.is_some_and(|index| {
            matches!(progress[index], Progress::Destroying | Progress::Destroyed)
        });
        let never_came = matches!(progress[step], Progress::Pending | Progress::Undone);
        let folder = stored.parent().unwrap_or(stored);
        if record_goes || never_came {
            return Ok(None);
        }
        if let Some(name) = self.other_name(transaction, step)? {
            return Ok(Some(Refusal {
                code: RefusalCode::ChangedSincePlan,
                subject: original.display().to_string(),
                message: format!(
                    "{} has another name in quarantine than it was given: {}",
                    original.display(),
                    name.display()
                ),
                hint: format!(
                    "{}, then: virt-retire purge {}",
                    rename_back(&name, stored),
                    transaction.id
                ),
            }));
        }
        if self.world.storage.glance(folder)?.is_some() {
            return Ok(None);
        }
        Ok(Some(Refusal {
            code: RefusalCode::PlaceChanged,
            subject: folder.display().to_string(),
            message: format!(
                "what was retired of {} cannot be looked at: {}",
                original.display(),
                places::absence(&self.world, folder)?
            ),
            hint: format!(
                "{}, then: virt-retire purge {}",
                places::way_to(&self.world, transaction, folder)
                    .unwrap_or_else(|| "mount the file system".into()),
                transaction.id
            ),
        }))
    }

    /// Where in the transaction's own folders the step's file is, under a name that none of its
    /// files waits by.
    fn other_name(
        &self,
        transaction: &Transaction,
        step: usize,
    ) -> Result<Option<PathBuf>, EngineError> {
        let Some((_, moved, _)) = transaction.files().find(|(one, ..)| *one == step) else {
            return Ok(None);
        };
        let names: Vec<PathBuf> = transaction.taken().map(|(.., stored)| stored).collect();
        for folder in transaction.folders() {
            for entry in self.world.storage.list(&folder)? {
                let is_it = || Presence::at(self.world.storage, &entry.path, &moved.facts);
                if !names.contains(&entry.path) && matches!(is_it()?, Presence::It(_)) {
                    return Ok(Some(entry.path));
                }
            }
        }
        Ok(None)
    }

    /// Names that quarantined files have besides those that they had when they were retired.
    fn second_names(&self, transaction: &Transaction) -> Result<Vec<Refusal>, EngineError> {
        let mut refusals = Vec::new();
        for (_, moved, stored) in transaction.files() {
            let found = Presence::at(self.world.storage, &stored, &moved.facts)?;
            let Presence::It(now) = found else {
                continue;
            };
            if now.kind != FileKind::Directory && now.links > moved.facts.links.max(1) {
                let phrase = format!(
                    "{} is in use: it has {} names now, and had {} when it was retired",
                    moved.path.display(),
                    now.links,
                    moved.facts.links
                );
                refusals.push(used_by(transaction, &moved.path, &phrase));
            }
        }
        Ok(refusals)
    }

    /// Other transactions whose domains would come back on these files.
    pub(super) fn stood_upon(
        &self,
        transactions: &[Transaction],
        going: &[TransactionId],
    ) -> Result<Vec<InTheWay>, EngineError> {
        let mut refusals = Vec::new();
        for summary in self.journal.outstanding()? {
            let is_going = going.contains(&summary.id);
            if !holds(summary.state) || is_going {
                continue;
            }
            let other = self.journal.read(summary.id)?;
            for path in left_behind(&other.plan) {
                for transaction in transactions {
                    let is_it = |taken: &Path| taken == path && transaction.id != other.id;
                    if transaction.taken().any(|(_, taken, _)| is_it(taken.path())) {
                        let phrase = format!(
                            "{} is in use: transaction {} (domain {}) stands on it",
                            path.display(),
                            other.id,
                            other.domain().name
                        );
                        let refusal = Refusal {
                            hint: format!(
                                "purge both: virt-retire purge {} {}; or neither",
                                other.id, transaction.id
                            ),
                            ..used_by(transaction, &path, &phrase)
                        };
                        refusals.push((transaction.id, refusal));
                    }
                }
            }
        }
        Ok(refusals)
    }
}

fn used_by(transaction: &Transaction, original: &Path, phrase: &str) -> Refusal {
    let id = transaction.id;
    Refusal {
        code: RefusalCode::InUse,
        subject: original.display().to_string(),
        message: phrase.to_owned(),
        hint: format!(
            "end that use, then: virt-retire purge {id}; or keep it from being selected: \
             virt-retire hold {id} --reason TEXT"
        ),
    }
}

fn read_only(transaction: &Transaction, folder: &Path) -> Refusal {
    let id = transaction.id;
    Refusal {
        code: RefusalCode::PlaceChanged,
        subject: folder.display().to_string(),
        message: format!(
            "{} is on a file system that is mounted read-only",
            folder.display()
        ),
        hint: format!("mount -o remount,rw, then: virt-retire purge {id}"),
    }
}

fn shut(transaction: &Transaction, folder: &Path, error: &StorageError) -> Refusal {
    Refusal {
        code: RefusalCode::PlaceChanged,
        subject: folder.display().to_string(),
        message: error.to_string(),
        hint: format!(
            "make the way to {} what it was, then: virt-retire purge {}",
            folder.display(),
            transaction.id
        ),
    }
}

fn another(transaction: &Transaction, original: &Path, stored: &Path) -> Refusal {
    Refusal {
        code: RefusalCode::ChangedSincePlan,
        subject: original.display().to_string(),
        message: format!(
            "{} is another file than was put there, and not ours to destroy",
            stored.display()
        ),
        hint: format!(
            "move that file away, then: virt-retire purge {}",
            transaction.id
        ),
    }
}
