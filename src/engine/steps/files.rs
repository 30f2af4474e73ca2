//! A file on its way into quarantine and back.

use crate::model::{FileMove, Transaction};
use crate::ports::Moved;

use super::super::World;
use super::super::error::Failure;
use super::stored;

pub(super) fn quarantine(
    world: &World,
    transaction: &Transaction,
    index: usize,
    moved: &FileMove,
) -> Result<Moved, Failure> {
    let to = stored(transaction, index)?;
    Ok(world.storage.relocate(&moved.path, &to, &moved.facts)?)
}

pub(super) fn restore(
    world: &World,
    transaction: &Transaction,
    index: usize,
    moved: &FileMove,
) -> Result<Moved, Failure> {
    let from = stored(transaction, index)?;
    Ok(world.storage.relocate(&from, &moved.path, &moved.facts)?)
}
