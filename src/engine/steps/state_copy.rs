//! NVRAM and TPM state of a guest that runs on: libvirt removes them when the guest ends, so a copy
//! waits in the quarantine.

use std::path::{Path, PathBuf};

use crate::model::{FileMove, Transaction};
use crate::ports::{Moved, Presence, StorageError, StorageView};

use super::super::World;
use super::super::error::Failure;
use super::super::restoration::Restoration;

pub(super) fn copy(
    world: &World,
    transaction: &Transaction,
    index: usize,
    file: &FileMove,
) -> Result<Moved, Failure> {
    let to = kept(transaction, index)?;
    Ok(world.storage.copy(&file.path, &to, &file.facts)?)
}

/// Puts the copy back where the original has gone; an original that is there is newer. Something
/// else in its place is neither overwritten nor a reason to let the copy go.
pub(super) fn restore(
    world: &World,
    transaction: &Transaction,
    index: usize,
    file: &FileMove,
) -> Result<Moved, Failure> {
    let copy = kept(transaction, index)?;
    let Some(waiting) = world.storage.facts(&copy)? else {
        return Ok(Moved::Already);
    };
    let place = Restoration::of(transaction).place(file);
    let refuse_occupied = || match obstacle(world.storage, &copy, &place, file)? {
        Some(other) => Err(StorageError::Occupied(other)),
        None => Ok(()),
    };
    refuse_occupied()?;
    // Also where something is there: it may be ours, by a run that was cut off before it was
    // durable, and the only other one is about to go.
    world.storage.copy(&copy, &place, &waiting)?;
    // Whoever may write to that folder may have been quicker.
    refuse_occupied()?;
    world.storage.remove_copy(&copy)?;
    Ok(Moved::Now)
}

/// What is in the copy's way: neither the original, nor the copy itself that an interrupted run
/// has put there.
pub(in crate::engine) fn obstacle(
    storage: &dyn StorageView,
    copy: &Path,
    place: &Path,
    file: &FileMove,
) -> Result<Option<PathBuf>, StorageError> {
    let is_ours = match Presence::at(storage, place, &file.facts)? {
        Presence::Nothing | Presence::It(_) => true,
        Presence::Another(_) => storage.facts(copy)?.is_none() || storage.is_equal(copy, place)?,
    };
    Ok((!is_ours).then(|| place.to_owned()))
}

fn kept(transaction: &Transaction, index: usize) -> Result<PathBuf, Failure> {
    transaction
        .copy(index)
        .ok_or_else(|| Failure::Unfit(format!("step {index} copies no file")))
}
