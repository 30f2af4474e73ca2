//! NVRAM and TPM state of a guest that runs on: libvirt removes them when the guest ends, so a copy
//! waits in the quarantine.

use std::path::PathBuf;

use crate::model::{FileMove, Transaction};
use crate::ports::Moved;

use super::super::World;
use super::super::error::Failure;
use super::super::homecoming::Homecoming;

pub(super) fn copy(
    world: &World,
    transaction: &Transaction,
    index: usize,
    file: &FileMove,
) -> Result<Moved, Failure> {
    Ok(world.storage.copy(&file.path, &kept(transaction, index)?)?)
}

/// Puts the copy back where the original has gone; an original that is there is newer.
pub(super) fn restore(
    world: &World,
    transaction: &Transaction,
    index: usize,
    file: &FileMove,
) -> Result<Moved, Failure> {
    let copy = kept(transaction, index)?;
    if world.storage.facts(&copy)?.is_none() {
        return Ok(Moved::Already);
    }
    let place = Homecoming::of(transaction).place(file);
    if world.storage.facts(&place)?.is_none() {
        world.storage.copy(&copy, &place)?;
    }
    world.storage.remove_copy(&copy)?;
    Ok(Moved::Now)
}

fn kept(transaction: &Transaction, index: usize) -> Result<PathBuf, Failure> {
    transaction
        .copy(index)
        .ok_or_else(|| Failure::Unfit(format!("step {index} copies no file")))
}
