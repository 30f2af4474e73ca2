//! Effects and inverses, one file per kind. Each looks at the world first and answers `Already`
//! where nothing is left to do, so that it may be run again after any crash.

mod definition;
mod files;
mod kept_nvram;
mod managed_save;
mod metadata;
mod pools;
mod power;
mod state_copy;
mod undefine;

pub(super) use definition::{names as record_names, not_ours};
pub(super) use kept_nvram::{Kept, look as kept_nvram};
pub(super) use pools::LastRead;
pub(super) use power::keeping_all;
pub(super) use state_copy::obstacle as copy_obstacle;

use crate::model::{Direction, EventKind, Step, Transaction};
use crate::ports::Moved;

use super::World;
use super::error::Failure;
use super::restoration::Restoration;

/// What a step has done.
pub(super) struct Effect {
    pub moved: Moved,
    /// What belongs into the log besides that it was done.
    pub events: Vec<EventKind>,
    /// Why the run ends here although the step is as it should be: not by our doing.
    pub ends: Option<Failure>,
}

impl From<Moved> for Effect {
    fn from(moved: Moved) -> Self {
        Self {
            moved,
            events: Vec::new(),
            ends: None,
        }
    }
}

impl Effect {
    fn telling(moved: Moved, events: impl IntoIterator<Item = EventKind>) -> Self {
        Self {
            events: events.into_iter().collect(),
            ..Self::from(moved)
        }
    }

    fn noted(moved: Moved, text: String) -> Self {
        Self::telling(moved, [EventKind::Noted { text }])
    }
}

/// Whether the inverse of a step tells libvirt of the domain.
fn tells_libvirt(step: &Step) -> bool {
    matches!(
        step,
        Step::SaveSnapshots { .. }
            | Step::SaveCheckpoints { .. }
            | Step::SaveAutostart { .. }
            | Step::MakePersistent
            | Step::Undefine(_)
    )
}

/// Runs step `index` of the transaction's plan in one direction, which so many transactions go
/// `together`.
pub(super) fn run(
    world: &World,
    transaction: &Transaction,
    index: usize,
    direction: Direction,
    together: usize,
) -> Result<Effect, Failure> {
    use Direction::{Back, Forward};
    let step = &transaction.plan.steps[index];
    if direction == Back && tells_libvirt(step) && Restoration::of(transaction).files_only() {
        return Ok(Moved::Already.into());
    }
    let moved = match (&transaction.plan.steps[index], direction) {
        (Step::SaveDefinition { .. }, Forward) => definition::save(world, transaction),
        (Step::SaveDefinition { .. }, Back) => return definition::drop(world, transaction),
        (Step::SaveSnapshots { .. }, Forward) => metadata::save_snapshots(world, transaction),
        (Step::SaveSnapshots { .. }, Back) => metadata::redefine_snapshots(world, transaction),
        (Step::SaveCheckpoints { .. }, Forward) => metadata::save_checkpoints(world, transaction),
        (Step::SaveCheckpoints { .. }, Back) => metadata::redefine_checkpoints(world, transaction),
        // The flags are in the journal's record of the definition; undefine drops them.
        (Step::SaveAutostart { .. }, Forward) => Ok(Moved::Already),
        (Step::SaveAutostart { .. }, Back) => metadata::set_autostart(world, transaction),
        (Step::LinkManagedSave(saved), Forward) => {
            managed_save::link(world, transaction, index, saved)
        }
        (Step::LinkManagedSave(saved), Back) => {
            return managed_save::restore(world, transaction, index, saved);
        }
        (Step::CopyState(file), Forward) => state_copy::copy(world, transaction, index, file),
        (Step::CopyState(file), Back) => state_copy::restore(world, transaction, index, file),
        (Step::MakePersistent, Forward) => power::make_persistent(world, transaction),
        (Step::MakePersistent, Back) => power::make_transient(world, transaction, index),
        (Step::Stop { graceful }, Forward) => {
            return power::stop(world, transaction, *graceful);
        }
        (Step::Stop { .. }, Back) => Ok(Moved::Already),
        (Step::Undefine(call), Forward) => {
            return undefine::undefine(world, transaction, index, *call);
        }
        (Step::Undefine(_), Back) => return undefine::define(world, transaction),
        (Step::ConfirmInactive, Forward) => undefine::confirm_inactive(world, transaction),
        (Step::ConfirmInactive, Back) => Ok(Moved::Already),
        (Step::Quarantine(item), Forward) => {
            files::quarantine(world, transaction, index, item.taken())
        }
        (Step::Quarantine(item), Back) => {
            return files::restore(world, transaction, index, item.taken());
        }
        (Step::RefreshPool { pool }, _) => {
            return pools::tell(world, transaction, pool, direction, together);
        }
    };
    moved.map(Effect::from)
}

/// Where the file of step `index` waits. The journal binds every moved file to a folder when the
/// transaction begins, so that a missing one is a damaged record.
fn stored(transaction: &Transaction, index: usize) -> Result<std::path::PathBuf, Failure> {
    transaction.stored(index).ok_or_else(|| {
        Failure::Unfit(format!(
            "the journal names no quarantine folder for step {index}"
        ))
    })
}
