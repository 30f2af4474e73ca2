//! What is taken, on its way into quarantine and back. What kind of thing it is its keeper knows.

use std::path::Path;

use crate::model::{FileRole, Taken, Transaction};
use crate::ports::{Demand, Moved, Presence};

use super::super::World;
use super::super::error::Failure;
use super::super::look::in_use;
use super::super::restoration::Restoration;
use super::{Effect, pools, stored};

pub(super) fn quarantine(
    world: &World,
    transaction: &Transaction,
    index: usize,
    taken: Taken,
) -> Result<Moved, Failure> {
    let from = Restoration::of(transaction).place_of(taken);
    let to = stored(transaction, index)?;
    let first_time = !transaction.was_done(index);
    unused(world, &from, taken)?;
    // Once it has been in quarantine it is ours, and a failed rollback must be able to take it
    // there again, whatever happened to it meanwhile.
    let demand = match first_time {
        true => Demand::Unchanged,
        false => Demand::SameFile,
    };
    let result = world.keeper(taken, &from, &to).take(demand)?;
    // Whoever opened it between the look and the move has it open now, and goes on writing.
    unused(world, &to, taken)?;
    Ok(result)
}

/// Nobody has it open at this moment, wherever it is by now.
fn unused(world: &World, path: &Path, taken: Taken) -> Result<(), Failure> {
    let users = world.holders(taken, path)?;
    match users.is_empty() {
        true => Ok(()),
        false => Err(Failure::InUse(in_use(taken.path(), &users))),
    }
}

pub(super) fn restore(
    world: &World,
    transaction: &Transaction,
    index: usize,
    taken: Taken,
) -> Result<Effect, Failure> {
    let from = stored(transaction, index)?;
    let to = Restoration::of(transaction).place_of(taken);
    let keeper = world.keeper(taken, &to, &from);
    pools::release(world, &to)?;
    // It never arrived in quarantine, because by then the name was another file's: there is nothing
    // of ours to bring back. Where nobody has said so, and it is at neither place, it may have been
    // taken away from the quarantine since: then it is missed.
    if !transaction.was_done(index) {
        let found = keeper.finder().whereabouts()?;
        let is_elsewhere = found.waiting == Presence::Nothing && !found.home.is_it();
        // libvirt removes these itself when a guest that is not defined ends.
        let is_libvirts = matches!(taken.role(), FileRole::Nvram | FileRole::TpmState);
        let never_arrived = is_libvirts
            || matches!(found.home, Presence::Another(_))
            || transaction.has_failed(index);
        if is_elsewhere && never_arrived {
            let is_lost = found.home == Presence::Nothing && !is_libvirts;
            return Ok(match is_lost {
                // Whoever asks later asks the journal: the domain is back, one of its files is not.
                true => Effect::noted(Moved::Already, lost(taken.path())),
                false => Moved::Already.into(),
            });
        }
    }
    Ok(keeper.bring_back()?.into())
}

fn lost(path: &Path) -> String {
    format!(
        "{} has not come back: it was gone before it was taken, and somebody else has removed it",
        path.display()
    )
}
