//! The one call that takes the definition away, and the one that brings it back.

use crate::model::{Step, Transaction, UndefineCall};
use crate::ports::Moved;

use super::super::World;
use super::super::error::Failure;

pub(super) fn undefine(
    world: &World,
    transaction: &Transaction,
    call: UndefineCall,
) -> Result<Moved, Failure> {
    let uuid = transaction.domain().uuid;
    match world.hypervisor.status(uuid)? {
        Some(status) if status.persistent => {}
        _ => return Ok(Moved::Already),
    }
    unchanged(world, transaction)?;
    world.hypervisor.undefine(uuid, call)?;
    Ok(Moved::Now)
}

/// What was saved must be what is about to be dropped: an edit, a new snapshot or a started and
/// stopped guest since the plan was made would otherwise be lost at rollback.
fn unchanged(world: &World, transaction: &Transaction) -> Result<(), Failure> {
    let domain = transaction.domain();
    if world.hypervisor.definition(domain.uuid)? != transaction.definition {
        return Err(Failure::Unfit(format!(
            "the definition of domain '{}' has changed since the plan was made",
            domain.name
        )));
    }
    for step in &transaction.plan.steps {
        if let Step::LinkManagedSave(moved) = step
            && world.storage.facts(&moved.path)?.is_none()
        {
            return Err(Failure::Unfit(format!(
                "the managed save image {} has been used since the plan was made",
                moved.path.display()
            )));
        }
    }
    Ok(())
}

pub(super) fn define(world: &World, transaction: &Transaction) -> Result<Moved, Failure> {
    let domain = transaction.domain();
    if let Some(status) = world.hypervisor.status(domain.uuid)?
        && status.persistent
    {
        return Ok(Moved::Already);
    }
    if let Some(other) = world.hypervisor.status_by_name(&domain.name)?
        && other.domain.uuid != domain.uuid
    {
        return Err(Failure::Unfit(format!(
            "another domain is called '{}' now",
            domain.name
        )));
    }
    world.hypervisor.define(&transaction.definition.xml)?;
    Ok(Moved::Now)
}

pub(super) fn confirm_inactive(world: &World, transaction: &Transaction) -> Result<Moved, Failure> {
    let domain = transaction.domain();
    match world.hypervisor.status(domain.uuid)? {
        Some(status) if status.active => Err(Failure::Unfit(format!(
            "domain '{}' was started in the meantime",
            domain.name
        ))),
        _ => Ok(Moved::Already),
    }
}
