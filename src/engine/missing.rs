//! Files that should wait in quarantine, and do not.

use crate::model::{Progress, Transaction};
use crate::ports::{Presence, StorageView};

/// The steps whose files are not where they were put. What cannot be looked at is not missing:
/// `verify` tells of it.
pub fn missing(storage: &dyn StorageView, transaction: &Transaction) -> Vec<usize> {
    let progress = transaction.progress();
    let should_wait = |index: usize| progress.get(index) == Some(&Progress::Done);
    let files = transaction.files();
    let missing = files.filter(|(index, moved, stored)| {
        let found = Presence::at(storage, stored, &moved.facts);
        should_wait(*index) && found.is_ok_and(|found| !found.is_it())
    });
    missing.map(|(index, ..)| index).collect()
}
