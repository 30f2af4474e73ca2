//! The quarantine against the journal: what waits there that the journal does not know of.
//!
//! A journal that was restored from a backup is silent about what came after, and would give its
//! numbers again. Looked at by `recover`, by `verify`, and whenever a transaction is begun.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::journal::manifest;
use crate::model::{Transaction, TransactionId, quoted};
use crate::ports::{Folder, JournalReader, Proof, Quarantine, StorageError};

use super::error::EngineError;
use super::{Difference, Engine};

/// Something that the journal and the quarantine do not agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A transaction of ours that the journal does not have.
    Unrecorded {
        transaction: Box<Transaction>,
        folder: PathBuf,
        /// The journal has another transaction of that number.
        number_taken: bool,
    },
    /// It lies in the state folder's quarantine, and nothing says that this program put it there.
    Unproven {
        id: TransactionId,
        folder: PathBuf,
        cause: String,
    },
    /// A transaction's folder that has another name by now, so that nothing finds its files.
    Renamed {
        id: TransactionId,
        folder: PathBuf,
        back: PathBuf,
    },
}

impl Finding {
    /// The word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Finding::Unrecorded { .. } => "not-in-journal",
            Finding::Unproven { .. } => "unproven",
            Finding::Renamed { .. } => "renamed",
        }
    }

    pub fn folder(&self) -> &PathBuf {
        match self {
            Finding::Unrecorded { folder, .. }
            | Finding::Unproven { folder, .. }
            | Finding::Renamed { folder, .. } => folder,
        }
    }

    /// What is the matter, without a full stop.
    pub fn message(&self) -> String {
        match self {
            Finding::Unrecorded {
                transaction,
                number_taken,
                ..
            } => format!(
                "transaction {} of domain {} is in quarantine and not in the journal{}",
                transaction.id,
                transaction.domain().typed(),
                match number_taken {
                    true => ", which has another of that number",
                    false => "",
                }
            ),
            Finding::Unproven { id, cause, .. } => {
                format!("what is in quarantine as transaction {id} is not this journal's: {cause}")
            }
            Finding::Renamed { id, back, .. } => format!(
                "the folder of transaction {id} in quarantine was renamed, and is looked for as {}",
                back.display()
            ),
        }
    }

    /// What to type next.
    pub fn hint(&self) -> String {
        match self {
            Finding::Unrecorded { .. } => {
                "was the journal restored from a backup? To take it in: virt-retire rebuild --add"
                    .into()
            }
            Finding::Unproven { folder, .. } => format!(
                "if you know where it comes from: virt-retire rebuild --add --from {}",
                quoted(&folder.display().to_string())
            ),
            Finding::Renamed { folder, back, .. } => rename_back(folder, back),
        }
    }
}

/// As a person types it.
pub(super) fn rename_back(folder: &Path, back: &Path) -> String {
    format!(
        "rename it back: mv -T {} {}",
        quoted(&folder.display().to_string()),
        quoted(&back.display().to_string())
    )
}

/// Where a renamed folder of ours is looked for, and whose it is. Nothing of what nobody proves
/// ours.
pub(super) fn of_renamed(
    quarantine: &dyn Quarantine,
    folder: &Path,
) -> Option<(Transaction, PathBuf)> {
    let record = quarantine.record(folder).ok()?;
    let transaction = manifest::read_record(&record.bytes).ok()?;
    let name = format!("{}-{}", transaction.id, transaction.uuid);
    (record.proof == Proof::Holds).then(|| (transaction, folder.with_file_name(name)))
}

/// What a look at the own quarantine roots has shown.
#[derive(Debug, Default)]
pub struct Comparison {
    pub findings: Vec<Finding>,
    /// The journal's own, without a proof beside them: an older version wrote them.
    pub unsealed: Vec<(TransactionId, Folder)>,
}

/// Compares by the names of folders, and reads the records of those that the journal does not have
/// under their number. Changes nothing.
///
/// # Errors
/// A journal or quarantine that cannot be read.
pub fn compare(
    quarantine: &dyn Quarantine,
    journal: &dyn JournalReader,
) -> Result<Comparison, EngineError> {
    let mut known = Known { journal, all: None };
    let mut comparison = Comparison::default();
    let mut told: Vec<uuid::Uuid> = Vec::new();
    let own = quarantine.own()?;
    for folder in own.renamed {
        if let Some((transaction, back)) = of_renamed(quarantine, &folder) {
            comparison.findings.push(Finding::Renamed {
                id: transaction.id,
                folder,
                back,
            });
        }
    }
    for folder in own.folders {
        match journal.summary(folder.id)? {
            Some(summary) if summary.uuid == folder.uuid => {
                if !folder.has_proof {
                    comparison.unsealed.push((summary.id, folder));
                }
            }
            // A transaction has a folder on each file system that its files came from.
            _ if told.contains(&folder.uuid) => {}
            _ => {
                let uuid = folder.uuid;
                if let Some(finding) = unknown(quarantine, folder, &mut known)? {
                    told.push(uuid);
                    comparison.findings.push(finding);
                }
            }
        }
    }
    Ok(comparison)
}

/// Which transactions the journal has, whatever their number: `rebuild` gives another to one whose
/// own is taken. All of the history is read for it, and only where somebody has to know.
struct Known<'a> {
    journal: &'a dyn JournalReader,
    all: Option<BTreeSet<uuid::Uuid>>,
}

impl Known<'_> {
    fn has(&mut self, uuid: uuid::Uuid) -> Result<bool, EngineError> {
        if let Some(all) = &self.all {
            return Ok(all.contains(&uuid));
        }
        let mut all = BTreeSet::new();
        self.journal.newest(&mut |summary| {
            all.insert(summary.uuid);
            Ok(true)
        })?;
        Ok(self.all.insert(all).contains(&uuid))
    }
}

/// A folder that the journal does not have under its number. `None` for one that it has under
/// another, and for another journal's: a file system has one quarantine, which all state folders of
/// the host share.
fn unknown(
    quarantine: &dyn Quarantine,
    folder: Folder,
    known: &mut Known<'_>,
) -> Result<Option<Finding>, EngineError> {
    let record = quarantine.record(&folder.path);
    let is_ours = matches!(&record, Ok(record) if record.proof == Proof::Holds);
    // Another journal's is told from ours without asking this one.
    if !is_ours && !folder.in_state || known.has(folder.uuid)? {
        return Ok(None);
    }
    let unproven = |cause: String| {
        folder.in_state.then(|| Finding::Unproven {
            id: folder.id,
            folder: folder.path.clone(),
            cause,
        })
    };
    let record = match record {
        Ok(record) => record,
        Err(cause) => return Ok(unproven(cause)),
    };
    Ok(match record.proof {
        Proof::Missing => unproven("nothing proves where it comes from".into()),
        Proof::Fails => unproven("it was changed, or another state folder's key proves it".into()),
        Proof::Holds => match manifest::read_record(&record.bytes) {
            Ok(transaction) if transaction.uuid == folder.uuid => Some(Finding::Unrecorded {
                number_taken: known.journal.summary(transaction.id)?.is_some(),
                transaction: Box::new(transaction),
                folder: folder.path,
            }),
            Ok(_) => unproven("its record is another transaction's".into()),
            Err(error) => unproven(format!("its record: {error}")),
        },
    })
}

/// Puts a proof beside each record that the journal has word for word, and that is without one.
/// One that was imported stays unproven: the journal has it on the operator's word alone.
///
/// # Errors
/// The journal cannot be read. A folder in which nothing can be written keeps no other waiting.
pub fn seal(
    quarantine: &dyn Quarantine,
    journal: &dyn JournalReader,
    unsealed: Vec<(TransactionId, Folder)>,
) -> Result<(), EngineError> {
    for (id, folder) in unsealed {
        let transaction = journal.read(id)?;
        if transaction.is_imported() {
            continue;
        }
        let sealed = match quarantine.record(&folder.path) {
            Ok(record) if is_of(&record.bytes, &transaction) => quarantine
                .seal(&folder.path, &record.bytes)
                .map_err(|error: StorageError| error.to_string()),
            Ok(_) => Err("its record is not what the journal has".into()),
            Err(cause) => Err(cause),
        };
        if let Err(cause) = sealed {
            tracing::warn!(folder = %folder.path.display(), %cause, "the record stays unproven");
        }
    }
    Ok(())
}

fn is_of(record: &[u8], transaction: &Transaction) -> bool {
    manifest::read_record(record).is_ok_and(|mut read| {
        read.extend(transaction.events.clone());
        read == *transaction
    })
}

impl Engine<'_> {
    /// Sees to it that no number is given again that a transaction in quarantine has. What was left
    /// out, in words, for the first transaction that is begun after it.
    ///
    /// Looks once for each engine: while the journal is held, nobody else begins anything.
    pub(super) fn leave_out_numbers(&mut self) -> Result<Option<String>, EngineError> {
        if self.has_looked_for_numbers {
            return Ok(None);
        }
        let next = self.journal.next_id()?;
        let last = highest(self.world.quarantine, next)?;
        if let Some(last) = last {
            self.journal.leave_out(last);
        }
        self.has_looked_for_numbers = true;
        Ok(last.map(|last| {
            format!(
                "the numbers {next} to {last} were left out: transactions in quarantine have them, \
                 and the journal does not know them; to take them in: virt-retire rebuild --add"
            )
        }))
    }
}

/// The highest number from `next` on in our own quarantine roots.
fn highest(
    quarantine: &dyn Quarantine,
    next: TransactionId,
) -> Result<Option<TransactionId>, EngineError> {
    let later = quarantine.own()?.folders.into_iter().rev();
    let mut later = later.take_while(|folder| folder.id >= next);
    let is_ours = |folder: &Folder| {
        folder.in_state
            || (quarantine.record(&folder.path)).is_ok_and(|it| it.proof == Proof::Holds)
    };
    Ok(later.find(is_ours).map(|folder| folder.id))
}

impl From<&Finding> for Difference {
    fn from(found: &Finding) -> Self {
        Self {
            code: found.code(),
            subject: found.folder().display().to_string(),
            message: found.message(),
            hint: found.hint(),
        }
    }
}
