//! Snapshots, checkpoints, autostart: saved with the definition, told to libvirt again on the way
//! back, when the domain is defined.

use crate::model::{DomainRef, Progress, Step, Transaction};
use crate::ports::Moved;

use super::super::World;
use super::super::error::Failure;
use super::super::restoration::Restoration;
use super::definition;

pub(super) fn save_snapshots(world: &World, transaction: &Transaction) -> Result<Moved, Failure> {
    definition::write(world, transaction, Some(definition::SNAPSHOTS))
}

pub(super) fn save_checkpoints(world: &World, transaction: &Transaction) -> Result<Moved, Failure> {
    definition::write(world, transaction, Some(definition::CHECKPOINTS))
}

pub(super) fn redefine_snapshots(
    world: &World,
    transaction: &Transaction,
) -> Result<Moved, Failure> {
    if never_undefined(transaction) {
        return Ok(Moved::Already);
    }
    let home = Restoration::of(transaction);
    let definition = home.definition()?;
    for snapshot in &definition.snapshots {
        let current = definition.current_snapshot.as_ref() == Some(&snapshot.name);
        world
            .hypervisor
            .redefine_snapshot(home.domain().uuid, snapshot, current)?;
    }
    Ok(Moved::Now)
}

pub(super) fn redefine_checkpoints(
    world: &World,
    transaction: &Transaction,
) -> Result<Moved, Failure> {
    if never_undefined(transaction) {
        return Ok(Moved::Already);
    }
    let home = Restoration::of(transaction);
    for checkpoint in &home.definition()?.checkpoints {
        world
            .hypervisor
            .redefine_checkpoint(home.domain().uuid, checkpoint)?;
    }
    Ok(Moved::Now)
}

pub(super) fn set_autostart(world: &World, transaction: &Transaction) -> Result<Moved, Failure> {
    if never_undefined(transaction) {
        return Ok(Moved::Already);
    }
    let DomainRef { name, uuid } = Restoration::of(transaction).domain().clone();
    if never_undefined(transaction) {
        return Ok(Moved::Already);
    }
    let wanted = transaction.definition.autostart;
    if world.hypervisor.autostart(uuid)? == wanted {
        world.hypervisor.make_durable(&name)?;
        return Ok(Moved::Already);
    }
    world.hypervisor.set_autostart(uuid, wanted)?;
    Ok(Moved::Now)
}

/// Undefine was not even intended, and libvirt still has all of it; or somebody else did it, and
/// there is nothing of ours to put back.
fn never_undefined(transaction: &Transaction) -> bool {
    if transaction.was_undefined_by_others() {
        return true;
    }
    transaction
        .plan
        .steps
        .iter()
        .zip(transaction.progress())
        .all(|(step, progress)| !matches!(step, Step::Undefine(_)) || progress == Progress::Pending)
}
