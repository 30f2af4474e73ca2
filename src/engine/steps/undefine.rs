//! The one call that takes the definition away, and the one that brings it back.

use std::time::Duration;

use crate::model::{Definition, Direction, EventKind, SavedState, Step, Transaction, UndefineCall};
use crate::ports::{HypervisorError, Moved, Presence};
use crate::xml::DomainXml;

use super::super::World;
use super::super::error::Failure;
use super::super::restoration::Restoration;
use super::{Effect, kept_nvram, managed_save};

pub(super) fn undefine(
    world: &World,
    transaction: &Transaction,
    index: usize,
    call: UndefineCall,
) -> Result<Effect, Failure> {
    let uuid = Restoration::of(transaction).domain().uuid;
    match world.hypervisor.status(uuid)? {
        // Only its files came back, and nobody told libvirt of it: this one is somebody else's.
        Some(_) if home_is_files_only(transaction) => return Ok(Moved::Already.into()),
        Some(status) if status.persistent => {
            let active = status.active && wants_inactive(transaction);
            if active {
                return Err(running(transaction));
            }
        }
        _ => {
            world
                .hypervisor
                .make_durable(&transaction.domain_now().name)?;
            let found = found_undefined(transaction, index);
            if found.ends.is_none() {
                managed_save::drop_first_name(world, transaction)?;
                kept_nvram::drop(world, &transaction.plan, &Restoration::of(transaction))?;
            }
            return Ok(found);
        }
    }
    if is_defined_by_others(transaction, index) {
        return Err(Failure::Unfit(format!(
            "domain {} has been defined by somebody else since it was undefined",
            transaction.domain_now().name
        )));
    }
    unchanged(world, transaction)?;
    match world.hypervisor.undefine(uuid, call) {
        Ok(()) => {}
        // Somebody was quicker: libvirt says no to the second of two.
        Err(error @ (HypervisorError::NoSuchDomain(_) | HypervisorError::Refused { .. })) => {
            let status = world.hypervisor.status(uuid)?;
            if status.is_some_and(|status| status.persistent) {
                return Err(error.into());
            }
            return Ok(found_undefined(transaction, index));
        }
        Err(error) => return Err(error.into()),
    }
    kept_nvram::drop(world, &transaction.plan, &Restoration::of(transaction))?;
    Ok(Moved::Now.into())
}

/// There was nothing left to undefine. Where no earlier run of this transaction can have done it,
/// somebody else has, a second retirement perhaps, and it is theirs to finish or to undo: this one
/// ends, and does not define the domain again.
fn found_undefined(transaction: &Transaction, index: usize) -> Effect {
    let intents = forward_intents(transaction, index);
    let by_others = transaction.plan.persistent && intents <= 1;
    Effect {
        ends: by_others.then(|| {
            Failure::Unfit(format!(
                "domain {} has been undefined by somebody else since the plan was made, and \
                 stays so",
                transaction.domain().name
            ))
        }),
        ..Effect::from(Moved::Already)
    }
}

fn forward_intents(transaction: &Transaction, index: usize) -> usize {
    let is_one = |kind: &&EventKind| {
        matches!(kind, EventKind::Intent { step, direction: Direction::Forward }
            if *step == index)
    };
    transaction.tried().filter(is_one).count()
}

/// Whether the last rollback found the domain defined when it first came to define it: then it was
/// not by us, and is not ours to undefine.
fn is_defined_by_others(transaction: &Transaction, index: usize) -> bool {
    let (mut intents, mut by_others) = (0, false);
    for kind in transaction.tried() {
        match kind {
            EventKind::Intent {
                step,
                direction: Direction::Back,
            } if *step == index => intents += 1,
            EventKind::Outcome {
                step,
                direction: Direction::Back,
                result: Ok(already),
            } if *step == index => {
                by_others = *already && intents == 1;
            }
            // Undefined again since: by then it was ours.
            EventKind::Outcome {
                step,
                direction: Direction::Forward,
                result: Ok(_),
            } if *step == index => (intents, by_others) = (0, false),
            _ => {}
        }
    }
    by_others
}

/// What was saved must be what is about to be dropped: an edit, a new snapshot or a started and
/// stopped guest since the plan was made would otherwise be lost at rollback.
fn unchanged(world: &World, transaction: &Transaction) -> Result<(), Failure> {
    let home = Restoration::of(transaction);
    let domain = home.domain();
    let now = world.hypervisor.definition(domain.uuid)?;
    let saved = home.definition()?;
    // A transient domain that we defined ourselves: libvirt writes a definition otherwise than the
    // running guest's state that it was made from.
    let is_ours = || {
        transaction.plan.steps.contains(&Step::MakePersistent)
            || was_undefined(transaction) && is_part(&now, &saved, &home)
    };
    if now != *saved && !is_ours() {
        return Err(Failure::Unfit(format!(
            "the definition of domain {} has changed since the plan was made",
            domain.name
        )));
    }
    for step in &transaction.plan.steps {
        let Step::LinkManagedSave(SavedState { image, .. }) = step else {
            continue;
        };
        let how = match Presence::at(world.storage, &image.path, &image.facts)? {
            Presence::It(_) => continue,
            // libvirt would delete it, and only the one we know has a second name.
            Presence::Another(_) => "is another one than",
            Presence::Nothing => "has been used since",
        };
        return Err(Failure::Unfit(format!(
            "the managed save image {} {how} when the plan was made",
            image.path.display()
        )));
    }
    Ok(())
}

/// How long a call of a client that was killed may still be on its way through libvirtd.
///
/// The daemon takes a dead client's request off the socket before it accepts the next connection's
/// calls, but hands both to worker threads, which may pass each other.
const STRAY_CALL: Duration = Duration::from_millis(200);

/// Whether our own undefine has been through once: what is defined now came from a rollback of
/// ours.
fn was_undefined(transaction: &Transaction) -> bool {
    transaction.events.iter().any(|event| match &event.kind {
        EventKind::Outcome {
            step,
            direction,
            result: Ok(already),
        } => is_undefine(transaction, *step) && (*direction == Direction::Forward || !already),
        _ => false,
    })
}

fn is_undefine(transaction: &Transaction, step: usize) -> bool {
    matches!(transaction.plan.steps.get(step), Some(Step::Undefine(_)))
}

/// A rollback that failed half way has defined the domain, and not yet all that hangs on it.
/// Nothing is lost by undefining that again.
fn is_part(now: &Definition, saved: &Definition, home: &Restoration) -> bool {
    is_that(now, saved, home)
        && now.snapshots.iter().all(|it| saved.snapshots.contains(it))
        && now
            .checkpoints
            .iter()
            .all(|it| saved.checkpoints.contains(it))
}

/// libvirt gives a definition as it has read it, and an operator writes one as he likes: of a
/// repaired one the disks and the metadata tell.
fn is_that(now: &Definition, saved: &Definition, home: &Restoration) -> bool {
    let read = |definition: &Definition| DomainXml::read(definition.xml.reveal());
    now.xml == saved.xml
        || home.has_repaired_xml()
            && matches!((read(now), read(saved)), (Ok(now), Ok(saved)) if now.says_the_same_as(&saved))
}

fn home_is_files_only(transaction: &Transaction) -> bool {
    Restoration::of(transaction).files_only()
}

pub(super) fn define(world: &World, transaction: &Transaction) -> Result<Effect, Failure> {
    let home = Restoration::of(transaction);
    let domain = home.domain();
    if undefine_is_in_doubt(transaction) {
        world.clock.pause(STRAY_CALL);
    }
    if let Some(status) = world.hypervisor.status(domain.uuid)?
        && status.persistent
    {
        world.hypervisor.make_durable(&domain.name)?;
        let told = another(world, transaction)?.map(|text| EventKind::Noted { text });
        return Ok(Effect::telling(Moved::Already, told));
    }
    // A step that was not ours is not undone: whoever undefined it may have its files by now.
    if transaction.was_undefined_by_others() {
        return Ok(Moved::Already.into());
    }
    if let Some(other) = world.hypervisor.status_by_name(&domain.name)?
        && other.domain.uuid != domain.uuid
    {
        return Err(Failure::Unfit(format!(
            "another domain is called {} now",
            domain.name
        )));
    }
    kept_nvram::copy(world, &transaction.plan, &home)?;
    world.hypervisor.define(&home.definition()?.xml)?;
    Ok(Moved::Now.into())
}

/// Somebody has defined the domain while it was half retired, and not as it was. Theirs stays: it
/// is no less a decision than ours. But that is not "as it was".
fn another(world: &World, transaction: &Transaction) -> Result<Option<String>, Failure> {
    let home = Restoration::of(transaction);
    let now = world.hypervisor.definition(home.domain().uuid)?;
    // libvirt writes a definition otherwise than the running guest's state that it was made from.
    let is_ours = transaction.plan.steps.contains(&Step::MakePersistent);
    if is_ours || is_that(&now, &*home.definition()?, &home) {
        return Ok(None);
    }
    Ok(Some(format!(
        "domain {} has been defined by somebody else meanwhile, and otherwise than it was: that \
         definition stays, and the former one is shown by: virt-retire show {} --security-info",
        home.domain().name,
        transaction.id
    )))
}

pub(super) fn confirm_inactive(world: &World, transaction: &Transaction) -> Result<Moved, Failure> {
    let home = Restoration::of(transaction);
    match world.hypervisor.status(home.domain().uuid)? {
        Some(status) if status.active => Err(running(transaction)),
        // Since its guest was stopped the files have other sizes and times than when the manifest
        // was written.
        _ if transaction.stops() => super::definition::save(world, transaction),
        _ => Ok(Moved::Already),
    }
}

fn running(transaction: &Transaction) -> Failure {
    Failure::Unfit(format!(
        "domain {} was started in the meantime",
        transaction.domain_now().name
    ))
}

fn wants_inactive(transaction: &Transaction) -> bool {
    transaction
        .plan
        .steps
        .iter()
        .any(|step| matches!(step, Step::ConfirmInactive))
}

/// Whether an undefine was sent whose answer never came.
fn undefine_is_in_doubt(transaction: &Transaction) -> bool {
    let mut in_doubt = false;
    for kind in transaction.tried() {
        match kind {
            EventKind::Intent {
                step,
                direction: Direction::Forward,
            } if is_undefine(transaction, *step) => in_doubt = true,
            EventKind::Outcome { step, result, .. }
                if is_undefine(transaction, *step) && result.is_ok() =>
            {
                in_doubt = false;
            }
            _ => {}
        }
    }
    in_doubt
}
