//! Stopping a guest. A transient one is defined first: libvirt would take its NVRAM, TPM state and
//! snapshots along, and a crash after its end would leave nothing to come back to.

use std::time::{Duration, Instant};

use crate::model::{Direction, EventKind, Step, Transaction, UndefineCall};
use crate::ports::{Moved, Presence};

use super::super::World;
use super::super::error::Failure;
use super::Effect;

/// How often the operator's signals are looked at while a guest is waited for.
const SLICE: Duration = Duration::from_secs(1);
/// How long a QEMU that is ending may take to let go of its files: so often is it looked, with so
/// long a pause between.
const LOOKS: usize = 100;
const PAUSE: Duration = Duration::from_millis(50);

pub(super) fn make_persistent(world: &World, transaction: &Transaction) -> Result<Moved, Failure> {
    match world.hypervisor.status(transaction.domain_now().uuid)? {
        Some(status) if !status.persistent => {
            world.hypervisor.define(&transaction.definition.xml)?;
            Ok(Moved::Now)
        }
        Some(_) => {
            world
                .hypervisor
                .make_durable(&transaction.domain_now().name)?;
            Ok(Moved::Already)
        }
        // Ended by itself: there is nothing left to keep together.
        None => Ok(Moved::Already),
    }
}

/// A guest that still runs is as transient as it was. One that has ended stays defined: undoing
/// that too would leave its storage and nothing that knows how to use it.
pub(super) fn make_transient(
    world: &World,
    transaction: &Transaction,
    index: usize,
) -> Result<Moved, Failure> {
    let uuid = transaction.domain_now().uuid;
    // Somebody else had defined it already, and theirs stays.
    if transaction.was_found_done(index) {
        return Ok(Moved::Already);
    }
    match world.hypervisor.status(uuid)? {
        Some(status) if status.persistent && status.active => {
            world.hypervisor.undefine(uuid, keeping_all())?;
            Ok(Moved::Now)
        }
        _ => {
            world
                .hypervisor
                .make_durable(&transaction.domain_now().name)?;
            Ok(Moved::Already)
        }
    }
}

/// For a running domain: it becomes transient, and nothing of it goes.
pub(in crate::engine) fn keeping_all() -> UndefineCall {
    UndefineCall {
        keep_nvram: true,
        keep_tpm: true,
        ..UndefineCall::default()
    }
}

fn was_stopped(transaction: &Transaction) -> bool {
    transaction.events.iter().any(|event| {
        matches!(
            event.kind,
            EventKind::Outcome { step, direction: Direction::Forward, result: Ok(_) }
                if matches!(transaction.plan.steps.get(step), Some(Step::Stop { .. }))
        )
    })
}

/// `graceful`: seconds that the guest has to switch itself off when asked to.
pub(super) fn stop(
    world: &World,
    transaction: &Transaction,
    graceful: Option<u64>,
) -> Result<Effect, Failure> {
    let moved = end(world, transaction, graceful)?;
    Ok(Effect {
        events: vec![settled(world, transaction)],
        ..Effect::from(moved)
    })
}

fn end(world: &World, transaction: &Transaction, graceful: Option<u64>) -> Result<Moved, Failure> {
    let uuid = transaction.domain_now().uuid;
    let status = world.hypervisor.status(uuid)?;
    if !status.as_ref().is_some_and(|status| status.active) {
        let_go(world, transaction);
        return Ok(Moved::Already);
    }
    // A rollback that failed goes forward again. The guest that was to be stopped has been; this
    // one somebody has started since.
    if was_stopped(transaction) {
        return Err(Failure::Unfit(format!(
            "domain {} was started in the meantime",
            transaction.domain_now().name
        )));
    }
    // A transient one was defined by the step before.
    if status.is_some_and(|status| !status.persistent) {
        return Err(Failure::Unfit(format!(
            "domain {} was undefined in the meantime, and libvirt removes the state that it keeps \
             of such a guest (its TPM's) when it ends",
            transaction.domain_now().name
        )));
    }
    let Some(seconds) = graceful else {
        world.hypervisor.destroy(uuid)?;
        let_go(world, transaction);
        return Ok(Moved::Now);
    };
    world.hypervisor.shutdown(uuid)?;
    let (begun, patience) = (Instant::now(), Duration::from_secs(seconds));
    loop {
        let left = patience.saturating_sub(begun.elapsed());
        if world.hypervisor.wait_inactive(uuid, SLICE.min(left))? {
            let_go(world, transaction);
            return Ok(Moved::Now);
        }
        if world.control.wants_rollback() {
            return Err(Failure::Interrupted);
        }
        if left.is_zero() {
            return Err(Failure::Unfit(format!(
                "the guest was asked to switch itself off and had not done so after {seconds} \
                 seconds; it runs on"
            )));
        }
    }
}

/// A guest is inactive to libvirt a moment before its QEMU is gone, and QEMU holds the disks until
/// then. Whoever holds them longer is somebody else, whom the move refuses.
fn let_go(world: &World, transaction: &Transaction) {
    let is_held = || {
        transaction
            .files()
            .map(|(_, moved, _)| world.census.holders(&moved.path, &moved.facts))
            .any(|asked| !asked.holders.is_empty())
    };
    for _ in 0..LOOKS {
        if !is_held() {
            return;
        }
        world.clock.pause(PAUSE);
    }
}

/// The files of a stopped guest as they are now. One that is not the file of the plan any more is
/// left out: its move will refuse it.
fn settled(world: &World, transaction: &Transaction) -> EventKind {
    let files = transaction.files().filter_map(|(index, moved, _)| {
        match Presence::at(world.storage, &moved.path, &moved.facts).ok()? {
            Presence::It(facts) if facts != moved.facts => Some((index, facts)),
            _ => None,
        }
    });
    let files: Vec<_> = files.collect();
    let mut plan = transaction.plan.clone();
    plan.settle(&files);
    EventKind::Settled {
        files,
        bytes: plan.allocated(),
        size: plan.bytes(),
    }
}
