//! Which transactions a rebuilt journal takes in: what lies in quarantine, told apart by what
//! speaks for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::journal::manifest;
use crate::model::{Transaction, TransactionId};
use crate::ports::{Folder, Found, Proof, Quarantine, StorageView};

use super::error::EngineError;

/// Where to look.
#[derive(Debug, Default)]
pub struct Sources {
    /// The state folder's own roots, and those that an older version may have used.
    pub own: Found,
    /// Folders that the operator named.
    pub chosen: Found,
    /// The state folder has no key yet, so that no older record could have a proof: then what lies
    /// in the state folder itself is vouched for by that, for nobody else can write there.
    pub is_keyless: bool,
}

/// One transaction to be taken in, under the number that it will have.
#[derive(Debug)]
pub struct Candidate {
    pub transaction: Transaction,
    /// The number in its record, where another transaction has that already.
    pub number_before: Option<TransactionId>,
    /// The folder that the operator named, where nothing proves it ours.
    pub imported_from: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Candidates {
    /// By number, our own before those that are imported.
    pub transactions: Vec<Candidate>,
    /// That cannot be used, each with its reason.
    pub unusable: Vec<String>,
    /// That nothing proves ours, each with the folder it names as its home.
    pub others: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Ours,
    /// The operator says so.
    Chosen,
    Unproven,
}

/// A record that was read.
struct Reading {
    standing: Standing,
    folder: PathBuf,
    bytes: Vec<u8>,
    transaction: Transaction,
}

/// Reads every record, and gives each transaction that is not in the journal (`known`) a number:
/// our own keep theirs, and whoever else has it gets the next that is free.
///
/// # Errors
/// Files that do not answer.
pub fn candidates(
    quarantine: &dyn Quarantine,
    storage: &dyn StorageView,
    sources: Sources,
    known: &[(TransactionId, uuid::Uuid)],
) -> Result<Candidates, EngineError> {
    let mut found = Candidates::default();
    let mut readings = Vec::new();
    let mut broken = Vec::new();
    for (folder, is_chosen) in each(&sources) {
        if known.iter().any(|(_, uuid)| *uuid == folder.uuid) {
            continue;
        }
        match read(quarantine, folder, is_chosen, sources.is_keyless) {
            Ok(reading) => readings.push(reading),
            Err(cause) => broken.push((folder, cause)),
        }
    }
    for (root, cause) in sources.own.passed.iter().chain(&sources.chosen.passed) {
        found.unusable.push(told(root, cause));
    }
    for folder in sources.own.renamed.iter().chain(&sources.chosen.renamed) {
        let cause = match quarantine.record(folder) {
            Ok(record) => match manifest::read_record(&record.bytes) {
                Ok(transaction) => format!(
                    "it was renamed; as {}-{} in that place it is found again",
                    transaction.id, transaction.uuid
                ),
                Err(error) => format!("its record: {error}"),
            },
            Err(cause) => cause,
        };
        found.unusable.push(told(folder, &cause));
    }
    // What is proven counts first, in whichever folder it lies.
    readings.sort_by_key(|reading| reading.standing);
    let mut kept: Vec<Reading> = Vec::new();
    for reading in readings {
        let same = |it: &&Reading| it.transaction.uuid == reading.transaction.uuid;
        match kept.iter().find(same) {
            // Each of a transaction's folders has its record.
            Some(first) if first.bytes == reading.bytes => {}
            Some(first) => {
                let cause = format!("its record differs from that in {}", first.folder.display());
                found.unusable.push(told(&reading.folder, &cause));
            }
            None if reading.standing == Standing::Unproven => {
                let home = reading.transaction.home.display();
                found
                    .others
                    .push(told(&reading.folder, &format!("its home is {home}")));
                kept.push(reading);
            }
            None => match stands_alone(quarantine, storage, &reading)? {
                Ok(()) => kept.push(reading),
                Err(cause) => found.unusable.push(told(&reading.folder, &cause)),
            },
        }
    }
    // A damaged copy does not matter where another one is whole.
    for (folder, cause) in broken {
        if kept.iter().all(|it| it.transaction.uuid != folder.uuid) {
            found.unusable.push(told(&folder.path, &cause));
        }
    }
    kept.retain(|reading| reading.standing != Standing::Unproven);
    found.transactions = numbered(kept, known);
    Ok(found)
}

fn told(path: &Path, cause: &str) -> String {
    format!("{} ({cause})", path.display())
}

/// Each folder once, and whether the operator named it.
fn each(sources: &Sources) -> impl Iterator<Item = (&Folder, bool)> {
    let chosen = &sources.chosen.folders;
    let is_chosen = |folder: &Folder| chosen.iter().any(|it| it.path == folder.path);
    let own = sources.own.folders.iter();
    let own: Vec<_> = own.map(|folder| (folder, is_chosen(folder))).collect();
    let is_own = |folder: &&Folder| own.iter().all(|(it, _)| it.path != folder.path);
    let others: Vec<_> = chosen.iter().filter(is_own).map(|it| (it, true)).collect();
    own.into_iter().chain(others)
}

fn read(
    quarantine: &dyn Quarantine,
    folder: &Folder,
    is_chosen: bool,
    is_keyless: bool,
) -> Result<Reading, String> {
    let record = quarantine.record(&folder.path)?;
    let transaction =
        manifest::read_record(&record.bytes).map_err(|error| format!("its record: {error}"))?;
    if transaction.uuid != folder.uuid {
        return Err("its record is another transaction's".into());
    }
    let is_old = record.proof == Proof::Missing && is_keyless && folder.in_state;
    let standing = if record.proof == Proof::Holds || is_old {
        Standing::Ours
    } else if is_chosen {
        quarantine.out_of_reach(&folder.path)?;
        Standing::Chosen
    } else {
        Standing::Unproven
    };
    Ok(Reading {
        standing,
        folder: folder.path.clone(),
        bytes: record.bytes,
        transaction,
    })
}

/// A record that nothing proves may not reach for what is not its own: each folder that it names
/// has its transaction's name, and is not there or holds the same record.
fn stands_alone(
    quarantine: &dyn Quarantine,
    storage: &dyn StorageView,
    reading: &Reading,
) -> Result<Result<(), String>, EngineError> {
    if reading.standing == Standing::Ours {
        return Ok(Ok(()));
    }
    let transaction = &reading.transaction;
    let name = format!("{}-{}", transaction.id, transaction.uuid);
    for folder in transaction.folders() {
        let is_named = folder.file_name().is_some_and(|its| *its == *name);
        let is_its_own = is_named
            && (storage.glance(&folder)?.is_none()
                || quarantine
                    .record(&folder)
                    .is_ok_and(|record| record.bytes == reading.bytes));
        if !is_its_own {
            let folder = folder.display();
            return Ok(Err(format!("it names {folder}, which is not its own")));
        }
    }
    Ok(Ok(()))
}

/// `kept` has our own first.
fn numbered(mut kept: Vec<Reading>, known: &[(TransactionId, uuid::Uuid)]) -> Vec<Candidate> {
    kept.sort_by_key(|reading| (reading.standing, reading.transaction.id));
    let mut taken: BTreeMap<TransactionId, uuid::Uuid> = known.iter().copied().collect();
    for reading in &kept {
        let transaction = &reading.transaction;
        taken.entry(transaction.id).or_insert(transaction.uuid);
    }
    let candidates = kept.into_iter().map(|reading| {
        let mut transaction = reading.transaction;
        let mut number_before = None;
        if taken.get(&transaction.id) != Some(&transaction.uuid) {
            number_before = Some(transaction.id);
            let last = taken.keys().next_back().map_or(0, |id| id.0);
            transaction.id = TransactionId(last.saturating_add(1));
            taken.insert(transaction.id, transaction.uuid);
        }
        Candidate {
            transaction,
            number_before,
            imported_from: (reading.standing == Standing::Chosen).then_some(reading.folder),
        }
    });
    candidates.collect()
}
