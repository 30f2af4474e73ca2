//! The managed save image. libvirt refuses to undefine a domain that has one unless it may delete
//! it; a second hard link in the quarantine makes that deletion harmless.

use crate::model::{FileMove, Transaction};
use crate::ports::Moved;

use super::super::World;
use super::super::error::Failure;
use super::stored;

pub(super) fn link(
    world: &World,
    transaction: &Transaction,
    index: usize,
    moved: &FileMove,
) -> Result<Moved, Failure> {
    let to = stored(transaction, index)?;
    Ok(world
        .storage
        .link(&moved.path, &to, &moved.facts.identity)?)
}

pub(super) fn restore(
    world: &World,
    transaction: &Transaction,
    index: usize,
    moved: &FileMove,
) -> Result<Moved, Failure> {
    let spare = stored(transaction, index)?;
    if world.storage.facts(&moved.path)?.is_some() {
        // Undefine did not drop it: there are two names, and ours goes.
        return Ok(world.storage.unlink_spare(&spare, &moved.path)?);
    }
    if world.storage.facts(&spare)?.is_none() {
        return Ok(Moved::Already);
    }
    Ok(world.storage.relocate(&spare, &moved.path, &moved.facts)?)
}
