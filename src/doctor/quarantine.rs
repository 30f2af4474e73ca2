//! Folders in quarantine that the journal does not know.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::journal::manifest;
use crate::model::Transaction;
use crate::ports::{Folder, Proof};

use super::hints;
use super::journal::Known;
use super::libvirt::Folders;
use super::{Leftover, Patient, Report};

pub(super) fn look(patient: &dyn Patient, known: &Known, pools: &Folders, report: &mut Report) {
    if !known.is_read {
        return;
    }
    let mut found = match patient.quarantine().own() {
        Ok(found) => found,
        Err(error) => {
            let hint = "virt-retire verify";
            return report.fail("quarantine", error.to_string(), hint);
        }
    };
    let folders: Vec<PathBuf> = pools.iter().map(|it| it.1.clone()).collect();
    let beside = patient.quarantine().beside(&folders);
    found.folders.extend(beside.folders);
    found.passed.extend(beside.passed);
    let mut told = BTreeSet::new();
    for folder in found.folders {
        if !known.transactions.contains(&folder.uuid) && told.insert(folder.path.clone()) {
            report.leftovers.push(unknown(patient, &folder));
        }
    }
    let passed: BTreeSet<(PathBuf, String)> = found.passed.into_iter().collect();
    for (root, why) in passed {
        report.warn(
            "quarantine",
            format!("{} was not looked into: {why}", root.display()),
            format!("ls -la {}", hints::path(&root)),
        );
    }
}

fn unknown(patient: &dyn Patient, folder: &Folder) -> Leftover {
    let (transaction, proof) = read(patient, &folder.path);
    let of = match &transaction {
        Some(it) => format!(" of domain {}", it.domain().typed()),
        None => String::new(),
    };
    let shown = hints::path(&folder.path);
    let (message, hint) = match proof {
        Some(Proof::Holds) => (
            format!(
                "transaction {}{of} is in quarantine, and not in this journal, though this state \
                 folder wrote it",
                folder.id
            ),
            "to take it in: virt-retire rebuild --add".to_owned(),
        ),
        _ => (
            format!(
                "transaction {}{of} is in quarantine, and not in this journal: it is another state \
                 folder's, or that one's journal is lost",
                folder.id
            ),
            format!(
                "if there is no journal that lists it (virt-retire --state-dir DIR list): \
                 virt-retire rebuild --add --from {shown}"
            ),
        ),
    };
    Leftover {
        kind: "unknown-quarantine",
        domain: transaction.map(|it| it.domain().name.clone()),
        bytes: bytes(patient, &folder.path),
        path: folder.path.clone(),
        message,
        hint,
    }
}

fn read(patient: &dyn Patient, folder: &Path) -> (Option<Transaction>, Option<Proof>) {
    match patient.quarantine().record(folder) {
        Ok(record) => (
            manifest::read_record(&record.bytes).ok(),
            Some(record.proof),
        ),
        Err(_) => (None, None),
    }
}

fn bytes(patient: &dyn Patient, folder: &Path) -> u64 {
    let facts = patient.storage().facts(folder);
    facts.ok().flatten().map_or(0, |facts| facts.allocated)
}
