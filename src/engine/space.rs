//! What quarantine holds, looked at where it lies: what is told of space comes from here, whoever
//! asks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::model::{
    Allocation, FileSystem, Held, Progress, Space, State, Summary, Tally, Transaction,
};
use crate::ports::{JournalReader, Presence, StorageView};

use super::error::EngineError;
use super::keepers::finder;

/// What one transaction's files are on the disk.
pub(super) struct Measured {
    pub names: Vec<Allocation>,
    /// Bytes, as recorded, of the files that are not there or cannot be looked at.
    pub unseen: Option<u64>,
}

impl Measured {
    pub fn held(&self) -> Held {
        let mut tally = Tally::default();
        tally.extend(self.names.iter().cloned());
        tally.held()
    }
}

/// What these transactions hold, one by one, by file system, and together. Costs a look at each
/// quarantined file, and nothing for a transaction that has none any more.
///
/// # Errors
/// The journal cannot be read. A file that cannot be looked at is no error: it is counted apart.
pub fn space<'a>(
    journal: &dyn JournalReader,
    storage: &dyn StorageView,
    summaries: impl IntoIterator<Item = &'a Summary>,
) -> Result<Space, EngineError> {
    let mut space = Space::default();
    let mut all = Tally::default();
    let mut folders: BTreeMap<u64, PathBuf> = BTreeMap::new();
    for summary in summaries {
        if !may_hold(summary.state) {
            continue;
        }
        let transaction = journal.read(summary.id)?;
        let measured = measure(storage, &transaction);
        space.transactions.push((summary.id, measured.held()));
        if let Some(bytes) = measured.unseen {
            space.unseen.push(summary.id);
            space.unseen_bytes = space.unseen_bytes.saturating_add(bytes);
        }
        all.extend(measured.names);
        for folder in transaction.folders() {
            if let Ok(Some(room)) = storage.room(&folder) {
                folders.entry(room.device).or_insert(folder);
            }
        }
    }
    for (device, held) in all.by_device() {
        let Some(folder) = folders.get(&device) else {
            continue;
        };
        space.file_systems.push(FileSystem {
            device,
            mount_point: mount_point(storage, folder, device),
            held,
            free: storage.room(folder)?.map_or(0, |room| room.free),
        });
    }
    space.total = all.held();
    Ok(space)
}

/// States in which files may wait.
fn may_hold(state: State) -> bool {
    !matches!(state, State::Planned | State::RolledBack | State::Purged)
}

pub(super) fn measure(storage: &dyn StorageView, transaction: &Transaction) -> Measured {
    let progress = transaction.progress();
    let mut names = Vec::new();
    let mut unseen = None;
    for (step, taken, stored) in transaction.quarantined() {
        let finder = finder(storage, taken, taken.path(), &stored);
        let is_there = match (finder.waiting(), transaction.copy(step)) {
            (Ok(Presence::It(_)), _) => true,
            // A copy is another inode; another file in place of what was taken is not ours.
            (Ok(Presence::Another(_)), is_copy) => is_copy.is_some(),
            (Ok(Presence::Nothing) | Err(_), _) => false,
        };
        let found = match is_there {
            true => finder.allocations().ok(),
            false => None,
        };
        match found {
            Some(found) => names.extend(found),
            None if progress.get(step) == Some(&Progress::Done) => {
                let so_far: u64 = unseen.unwrap_or(0);
                unseen = Some(so_far.saturating_add(taken.allocated()));
            }
            None => {}
        }
    }
    Measured { names, unseen }
}

/// The topmost folder around `folder` that is on the same device.
fn mount_point(storage: &dyn StorageView, folder: &Path, device: u64) -> PathBuf {
    let is_on =
        |path: &&Path| matches!(storage.room(path), Ok(Some(room)) if room.device == device);
    let around = folder.ancestors().take_while(is_on).last();
    around.unwrap_or(folder).to_owned()
}
