//! A file on its way into quarantine and back.

use crate::model::{FileFacts, FileMove, Transaction};
use crate::ports::{Demand, Moved};

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
    // Once it has been in quarantine it is ours, and a failed rollback must be able to take it
    // there again, whatever happened to it meanwhile.
    let demand = match transaction.was_done(index) {
        false => Demand::Unchanged,
        true => Demand::SameFile,
    };
    Ok(world
        .storage
        .relocate(&moved.path, &to, &moved.facts, demand)?)
}

pub(super) fn restore(
    world: &World,
    transaction: &Transaction,
    index: usize,
    moved: &FileMove,
) -> Result<Moved, Failure> {
    let from = stored(transaction, index)?;
    // It never arrived in quarantine, because by then the name was another file's: there is nothing
    // of ours to bring back.
    let is_ours = |facts: FileFacts| facts.identity.is_same_file(&moved.facts.identity);
    if !transaction.was_done(index)
        && world.storage.facts(&from)?.is_none()
        && !world.storage.facts(&moved.path)?.is_some_and(is_ours)
    {
        return Ok(Moved::Already);
    }
    Ok(world
        .storage
        .relocate(&from, &moved.path, &moved.facts, Demand::SameFile)?)
}
