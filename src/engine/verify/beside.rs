//! What lies beside the quarantined files: the record, the manifest, the XML; and what nobody put
//! there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::journal::manifest::{self, DOMAIN, MANIFEST, PROOF, RECORD};
use crate::model::{FileKind, Transaction};
use crate::ports::{Proof, Quarantine, StorageView};

use super::Difference;

pub(super) fn differences(
    storage: &dyn StorageView,
    quarantine: &dyn Quarantine,
    transaction: &Transaction,
) -> Vec<Difference> {
    let mut found = Vec::new();
    for folder in transaction.folders() {
        found.extend(record(quarantine, transaction, &folder));
        found.extend(strangers(storage, transaction, &folder));
    }
    found
}

/// What is for people and for `rebuild` says what the journal says.
fn record(
    quarantine: &dyn Quarantine,
    transaction: &Transaction,
    folder: &Path,
) -> Option<Difference> {
    let id = transaction.id;
    let say = |what: String| Difference {
        code: "manifest",
        subject: folder.display().to_string(),
        message: format!("{what} (transaction {id})"),
        hint: format!(
            "rollback {id} goes by the journal and needs none of it; without the journal, \
             `rebuild` and whoever restores by hand would be misled"
        ),
    };
    let record = match quarantine.record(folder) {
        Ok(record) => record,
        Err(cause) => return Some(say(format!("the record beside the files: {cause}"))),
    };
    match manifest::read_record(&record.bytes) {
        Err(error) => return Some(say(format!("the record beside the files: {error}"))),
        Ok(mut read) => {
            read.extend(transaction.events.clone());
            // Its number may be another since a `rebuild`.
            if read.draft != transaction.draft {
                return Some(say("the record beside the files is another one".into()));
            }
        }
    }
    // What was imported has another state folder's proof, if any.
    if record.proof == Proof::Fails && !transaction.is_imported() {
        return Some(say(format!("{PROOF} does not prove {RECORD}")));
    }
    if record.proof == Proof::Holds && record.manifest != Proof::Holds {
        return Some(say(format!("{MANIFEST} was changed, or is gone")));
    }
    let xml = transaction.definition.xml.reveal().as_bytes();
    (record.domain.as_deref() != Some(xml))
        .then(|| say(format!("{DOMAIN} was changed, or is gone")))
}

/// Files that no transaction's record speaks of.
fn strangers(
    storage: &dyn StorageView,
    transaction: &Transaction,
    folder: &Path,
) -> Vec<Difference> {
    let id = transaction.id;
    // What cannot be listed is missing already.
    let Ok(entries) = storage.list(folder) else {
        return Vec::new();
    };
    let known = known(transaction);
    let strange = entries
        .into_iter()
        .filter(|entry| !known.contains(&entry.path));
    strange
        .map(|entry| {
            let what = match entry.kind {
                FileKind::Directory => "the folder",
                _ => "the file",
            };
            Difference {
                code: "foreign",
                subject: entry.path.display().to_string(),
                message: format!(
                    "{what} {} is none that transaction {id} has put there",
                    entry.path.display()
                ),
                hint: format!(
                    "rollback {id} brings back the rest and may end in a folder that is not empty: \
                     move it away first"
                ),
            }
        })
        .collect()
}

/// Whatever this program puts into a transaction's folders.
fn known(transaction: &Transaction) -> BTreeSet<PathBuf> {
    let files = transaction.files().map(|(.., stored)| stored);
    let copies = transaction.copies().map(|(.., copy)| copy);
    let mut known: BTreeSet<PathBuf> = files.chain(copies).collect();
    let names = [MANIFEST, RECORD, PROOF, DOMAIN, "snapshots", "checkpoints"];
    for folder in transaction.folders() {
        known.extend(names.map(|name| folder.join(name)));
    }
    known
}
