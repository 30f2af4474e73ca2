//! The managed save image. libvirt refuses to undefine a domain that has one unless it may delete
//! it; a second hard link in the quarantine makes that deletion harmless.
//!
//! On the way back it becomes the managed save again only if nothing has happened that it does not
//! know of: it holds a guest's memory, and with it what that guest believes of its disks. Between
//! the last look and the undefine call somebody may have started the guest from it; while the
//! domain was undefined somebody may have written to a disk that was kept. Then it is set aside
//! beside its old name, where libvirt does not look, and the operator is told.

use std::path::PathBuf;

use crate::model::{Direction, EventKind, FileMove, Progress, SavedState, Step, Transaction};
use crate::ports::{Demand, Moved, Presence};

use super::super::World;
use super::super::error::Failure;
use super::super::restoration::Restoration;
use super::{Effect, stored};

pub(super) fn link(
    world: &World,
    transaction: &Transaction,
    index: usize,
    saved: &SavedState,
) -> Result<Moved, Failure> {
    let image = &saved.image;
    let to = stored(transaction, index)?;
    let aside = aside(transaction, image);
    if is_it(world, image, &aside)? {
        // A rollback had set it aside, failed later, and is being undone.
        return Ok(world
            .storage
            .relocate(&aside, &to, &image.facts, Demand::SameFile)?);
    }
    if was_given_back(transaction, index)
        && world.storage.facts(&image.path)?.is_none()
        && world.storage.facts(&to)?.is_none()
    {
        // Somebody has used it up since. If the domain is still there, the undefine says so.
        return Ok(world.storage.unlink_spare(&to, &image.path)?);
    }
    Ok(world
        .storage
        .link(&image.path, &to, &image.facts.identity)?)
}

pub(super) fn restore(
    world: &World,
    transaction: &Transaction,
    index: usize,
    saved: &SavedState,
) -> Result<Effect, Failure> {
    let image = &saved.image;
    let spare = stored(transaction, index)?;
    if is_it(world, image, &image.path)? {
        // Undefine did not drop it: there are two names, and ours goes.
        return Ok(world.storage.unlink_spare(&spare, &image.path)?.into());
    }
    let aside = aside(transaction, image);
    if world.storage.facts(&spare)?.is_none() && !is_it(world, image, &aside)? {
        if !transaction.was_done(index) {
            // It was used up or removed before it had a second name: there is nothing of ours.
            return Ok(world.storage.unlink_spare(&spare, &image.path)?.into());
        }
        if was_given_back(transaction, index) {
            // That the spare name has gone must last.
            world.storage.unlink_spare(&spare, &image.path)?;
            let path = image.path.display();
            let lost = EventKind::SetAside {
                step: index,
                why: format!("somebody has used it up or removed it since {path} was brought back"),
                waits_at: None,
            };
            return Ok(Effect::telling(Moved::Already, Some(lost)));
        }
    }
    let (to, why) = match misfit(world, transaction, saved)? {
        Some(why) => (&aside, Some(why)),
        None if is_it(world, image, &aside)? => (&aside, Some("it did not fit".into())),
        None => (&image.path, None),
    };
    let moved = world
        .storage
        .relocate(&spare, to, &image.facts, Demand::SameFile)?;
    let set_aside = why.map(|why| EventKind::SetAside {
        step: index,
        why,
        waits_at: Some(aside),
    });
    Ok(Effect::telling(moved, set_aside))
}

/// Whether an earlier rollback brought it back, or was cut off when it may have.
fn was_given_back(transaction: &Transaction, index: usize) -> bool {
    let mut begun = 0;
    let mut failed = 0;
    for kind in transaction.tried() {
        match kind {
            EventKind::Intent {
                step,
                direction: Direction::Back,
            } if *step == index => begun += 1,
            EventKind::Outcome {
                step,
                direction: Direction::Back,
                result: Err(_),
            } if *step == index => failed += 1,
            _ => {}
        }
    }
    // The one that is under way is not an earlier one.
    let under_way = usize::from(transaction.progress()[index] == Progress::Undoing);
    begun > failed + under_way
}

/// Takes the old name away where somebody else has undefined the domain and left the image there:
/// the next guest of that name would resume this one's memory.
pub(super) fn drop_first_name(world: &World, transaction: &Transaction) -> Result<(), Failure> {
    for (index, step) in transaction.plan.steps.iter().enumerate() {
        let Step::LinkManagedSave(SavedState { image, .. }) = step else {
            continue;
        };
        let kept = stored(transaction, index)?;
        if is_it(world, image, &image.path)? && is_it(world, image, &kept)? {
            world.storage.unlink_spare(&image.path, &kept)?;
        }
    }
    Ok(())
}

/// Why the image must not be resumed, if so.
fn misfit(
    world: &World,
    transaction: &Transaction,
    saved: &SavedState,
) -> Result<Option<String>, Failure> {
    let home = Restoration::of(transaction);
    if home.files_only() {
        return Ok(Some("the domain is not defined".into()));
    }
    if home.has_other_name() || home.has_other_uuid() {
        return Ok(Some("it holds the domain's old name and UUID".into()));
    }
    if world.storage.facts(&saved.image.path)?.is_some() {
        return Ok(Some("the domain has been saved anew since".into()));
    }
    if transaction.was_undefined_by_others() {
        return Ok(Some("somebody else has undefined the domain".into()));
    }
    let running = world.hypervisor.status(transaction.domain_now().uuid)?;
    if running.is_some_and(|status| status.active) {
        return Ok(Some("the domain is running".into()));
    }
    for disk in &saved.disks {
        let found = Presence::at(world.storage, &disk.path, &disk.facts)?;
        let is_unchanged = matches!(found, Presence::It(now)
            if (now.size, now.modified) == (disk.facts.size, disk.facts.modified));
        if !is_unchanged {
            let path = disk.path.display();
            return Ok(Some(format!("disk {path} has been written to since")));
        }
    }
    Ok(None)
}

fn is_it(world: &World, image: &FileMove, path: &std::path::Path) -> Result<bool, Failure> {
    Ok(Presence::at(world.storage, path, &image.facts)?.is_it())
}

/// Beside its old name, so that it is a rename. libvirt asks for `NAME.save` and nothing else.
fn aside(transaction: &Transaction, image: &FileMove) -> PathBuf {
    let mut name = image.path.clone().into_os_string();
    name.push(format!(
        ".virt-retire-{}-{}",
        transaction.id,
        &transaction.uuid.simple().to_string()[..8]
    ));
    name.into()
}
