//! The one irreversible verb: what waits in quarantine is destroyed.
//!
//! It goes forward alone. Once a transaction is `purging`, a kill or an error leaves it so, and the
//! next `purge` of it, or `recover`, goes on. Everything is looked at again before the first file
//! ([`look`]), and each file once more where it is unlinked: only the inode that was recorded goes.
//! The journal's record stays.
//!
//! It is no course of the runner's (`super::course`), and on purpose. A run writes the intents of
//! many steps in one record, for whoever recovers looks at the world and can tell what was done.
//! Of what is destroyed nobody can: a file that is not there was destroyed, or its file system is
//! not mounted. So each file has its intent by itself, right before it goes, and what was freed is
//! durable before the next one's.

mod look;
mod select;
mod waiting;

use std::path::Path;

use crate::model::{
    EventKind, Evidence, Progress, Refusal, RefusalCode, State, Step, Summary, Taken, Transaction,
    TransactionId, Verb, WipeMethod,
};

use crate::ports::{Presence, StorageError};

use super::decide::{decided, wrong_state};
use super::error::{EngineError, Failure};
use super::look::in_use;
use super::run::Unwritten;
use super::{Engine, steps};
use look::InTheWay;

pub use look::named;
pub use select::{Fate, Row, Rules, Selection, Waiting, select};
pub use waiting::waiting;

impl Engine<'_> {
    /// What [`Engine::purge`] of each of `ids` would find in its way, if all of `going` went
    /// together.
    ///
    /// # Errors
    /// [`EngineError::WrongState`]; [`EngineError::Refused`] where one is held or somebody uses
    /// what waits of it. Nothing was changed.
    pub fn may_purge(
        &self,
        ids: &[TransactionId],
        going: &[TransactionId],
    ) -> Result<Vec<Transaction>, EngineError> {
        let mut transactions = Vec::new();
        let mut refusals = Vec::new();
        for id in ids {
            let transaction = self.journal.read(*id)?;
            if !can_be_purged(&transaction) {
                return Err(wrong_state(&transaction, "purged"));
            }
            refusals.extend(held(&transaction));
            transactions.push(transaction);
        }
        if refusals.is_empty() {
            refusals = self.in_the_way(&transactions, going)?;
        }
        match refusals.is_empty() {
            true => Ok(transactions),
            false => Err(EngineError::Refused { refusals }),
        }
    }

    /// Which of `ids` cannot be purged now, each with the reasons ([`named`]: without its number),
    /// if all of `going` but those went together: what a selection leaves out, where a number would
    /// be refused.
    ///
    /// # Errors
    /// The journal cannot be read, or libvirt does not answer.
    pub fn kept_from_purge(
        &self,
        ids: &[TransactionId],
        going: &[TransactionId],
    ) -> Result<Vec<(TransactionId, Vec<Refusal>)>, EngineError> {
        let mut kept: Vec<(TransactionId, Vec<Refusal>)> = Vec::new();
        let mut left = Vec::new();
        for id in ids {
            let transaction = self.journal.read(*id)?;
            let mut refusals: Vec<Refusal> = is_held(&transaction).into_iter().collect();
            if refusals.is_empty() {
                refusals = match self.used(&[&transaction]) {
                    // What waits of it cannot be looked at: that concerns no other one.
                    Err(EngineError::Storage(error)) => vec![out_of_reach(&transaction, &error)],
                    other => alone(other?),
                };
            }
            match refusals.is_empty() {
                true => left.push(transaction),
                false => kept.push((*id, refusals)),
            }
        }
        // One that stays may stand on one that was to go.
        loop {
            let is_kept = |id: &TransactionId| kept.iter().any(|(one, _)| one == id);
            let going: Vec<TransactionId> =
                going.iter().copied().filter(|id| !is_kept(id)).collect();
            let mut next = Vec::new();
            let before = kept.len();
            for transaction in left {
                let refusals = self.stood_upon(std::slice::from_ref(&transaction), &going)?;
                let refusals = alone(refusals);
                match refusals.is_empty() {
                    true => next.push(transaction),
                    false => kept.push((transaction.id, refusals)),
                }
            }
            if kept.len() == before {
                return Ok(kept);
            }
            left = next;
        }
    }

    /// Destroys what waits in quarantine of one transaction. `going` are those that are purged by
    /// the same command, this one among them.
    ///
    /// # Errors
    /// As [`Engine::may_purge`], nothing changed; [`EngineError::Unfinished`] where some of it is
    /// gone and some is not.
    pub fn purge(
        &mut self,
        id: TransactionId,
        going: &[TransactionId],
        wipe: Option<WipeMethod>,
        by: Evidence,
    ) -> Result<Transaction, EngineError> {
        let mut transaction = self.journal.read(id)?;
        if !can_be_purged(&transaction) {
            return Err(wrong_state(&transaction, "purged"));
        }
        // Once more: those before it took their time.
        let mut refusals: Vec<Refusal> = held(&transaction).into_iter().collect();
        refusals.extend(self.in_the_way(std::slice::from_ref(&transaction), going)?);
        if !refusals.is_empty() {
            return Err(EngineError::Refused { refusals });
        }
        // There is no way back to turn to: a signal keeps the next one from being begun.
        if !self.world.control.may_begin() || self.world.control.wants_rollback() {
            return Err(EngineError::Interrupted);
        }
        let first = Unwritten::one(decided(Verb::Purge, by));
        let marked = transaction.removal.wipe_storage.then_some(WipeMethod::Zero);
        let wipe = wipe.or(marked);
        self.destroy(&mut transaction, first, wipe)?;
        Ok(transaction)
    }

    /// Goes on with one that a crash left `purging`.
    pub(super) fn purge_on(
        &mut self,
        transaction: &mut Transaction,
        by: &Evidence,
    ) -> Result<(), EngineError> {
        let refusals = self.in_the_way(std::slice::from_ref(transaction), &[transaction.id])?;
        if !refusals.is_empty() {
            return Err(EngineError::Refused { refusals });
        }
        self.destroy(
            transaction,
            Unwritten::one(decided(Verb::Recover, by.clone())),
            None,
        )
    }

    fn destroy(
        &mut self,
        transaction: &mut Transaction,
        first: Unwritten,
        wipe: Option<WipeMethod>,
    ) -> Result<(), EngineError> {
        let mut unwritten = first;
        // Which way was asked for first is in the journal: whoever carries it on goes that way.
        let wipe = self.way_of(transaction).or(wipe);
        if let (Some(method), None) = (wipe, self.way_of(transaction)) {
            unwritten.extend([EventKind::Wiping { method }]);
        }
        if transaction.state() != State::Purging {
            self.enter(transaction, unwritten, State::Purging, None)?;
            unwritten = Unwritten::none();
        }
        for step in left(transaction) {
            let lost = self.lost(transaction, step);
            let intent = EventKind::Destroying { step };
            self.write(transaction, unwritten.then(intent))?;
            if self.world.control.wants_out() {
                return Err(self.unfinished(transaction, "stopped by a second signal".into()));
            }
            if let Some(method) = wipe
                && let Some(kind) = self.wipe_one(transaction, step, method)?
            {
                self.write(transaction, vec![kind])?;
            }
            let result = self
                .still_unused(transaction, step)
                .and_then(|()| self.destroy_one(transaction, step));
            let destroyed = |result| EventKind::Destroyed { step, result };
            unwritten = match result {
                Ok((freed, notes)) => {
                    let mut unwritten = Unwritten::one(destroyed(Ok(freed)));
                    let notes = notes.into_iter().chain(lost);
                    unwritten.extend(notes.map(|text| EventKind::Noted { text }));
                    unwritten
                }
                Err(cause) => {
                    let cause = cause.to_string();
                    self.write(transaction, vec![destroyed(Err(cause.clone()))])?;
                    return Err(self.unfinished(transaction, cause));
                }
            };
        }
        self.enter(transaction, unwritten, State::Purged, None)
    }

    /// Whether what went wrong with one says nothing of the next: somebody uses what waits of it,
    /// or a file of it cannot be destroyed, and the journal has that. Where the journal itself
    /// fails, or somebody wants out, no other is begun.
    pub fn is_that_ones_alone(&self, id: TransactionId, error: &EngineError) -> bool {
        match error {
            EngineError::Refused { .. } => true,
            EngineError::Unfinished { .. } if !self.world.control.wants_out() => {
                let last = |transaction: Transaction| Some(transaction.events.last()?.kind.clone());
                let last = self.journal.read(id).ok().and_then(last);
                matches!(last, Some(EventKind::Destroyed { result: Err(_), .. }))
            }
            _ => false,
        }
    }

    fn unfinished(&self, transaction: &Transaction, cause: String) -> EngineError {
        EngineError::Unfinished {
            id: transaction.id,
            cause,
        }
    }

    /// A file that does not wait where it was put, although nothing of ours has begun to destroy
    /// it: whether it is gone, nobody can say. A look that fails is no more than that: what
    /// destroys the file looks again, and its error is written down.
    fn lost(&self, transaction: &Transaction, step: usize) -> Option<String> {
        let mut files = transaction.files();
        let (_, moved, stored) = files.find(|(index, ..)| *index == step)?;
        if transaction.progress()[step] != Progress::Done {
            return None;
        }
        let found = Presence::at(self.world.storage, &stored, &moved.facts).ok()?;
        let is_lost = matches!(found, Presence::Nothing);
        is_lost.then(|| format!("{}{LOST}", moved.path.display()))
    }

    /// How the present purge overwrites: as it began to, or as the retirement asked for it.
    fn way_of(&self, transaction: &Transaction) -> Option<WipeMethod> {
        let kinds = transaction.events.iter().map(|event| &event.kind);
        let begun = kinds.rev().find_map(|kind| match kind {
            EventKind::Wiping { method } => Some(*method),
            _ => None,
        });
        let marked = transaction.removal.wipe_storage && transaction.state() == State::Purging;
        begun.or(marked.then_some(WipeMethod::Zero))
    }

    /// Overwrites the file of one step, unless that was done before a crash.
    fn wipe_one(
        &mut self,
        transaction: &mut Transaction,
        step: usize,
        method: WipeMethod,
    ) -> Result<Option<EventKind>, EngineError> {
        let is_done = transaction
            .events
            .iter()
            .any(|event| matches!(event.kind, EventKind::Wiped { step: done, .. } if done == step));
        let file =
            transaction
                .taken()
                .find(|(index, ..)| *index == step)
                .map(|(_, taken, stored)| match taken {
                    Taken::File(moved) => (moved.facts.clone(), stored),
                });
        let copy = || {
            let (_, _, place) = transaction.copies().find(|(index, ..)| *index == step)?;
            // A copy's inode is nobody's but the one that has its name in a folder of ours.
            let facts = self.world.storage.facts(&place).ok()??;
            Some((facts, place))
        };
        let Some((facts, stored)) = file.or_else(copy).filter(|_| !is_done) else {
            return Ok(None);
        };
        let unused = self.still_unused(transaction, step);
        let control = self.world.control;
        let mut progress = |done, all| {
            control.wiping(&stored, done, all);
            !control.wants_out()
        };
        let wiped = unused.and_then(|()| {
            let storage = self.world.storage;
            Ok(storage.wipe(&stored, &facts, method, &mut progress)?)
        });
        match wiped {
            Ok(wiped) => Ok(wiped.map(|wiped| EventKind::Wiped {
                step,
                wiped: Box::new(wiped),
            })),
            Err(cause) => {
                let cause = cause.to_string();
                let failed = EventKind::Destroyed {
                    step,
                    result: Err(cause.clone()),
                };
                self.write(transaction, vec![failed])?;
                Err(self.unfinished(transaction, cause))
            }
        }
    }

    /// Who has it open at this moment: the look at all of them may be minutes old.
    fn still_unused(&self, transaction: &Transaction, step: usize) -> Result<(), Failure> {
        let mut all = transaction.taken();
        let Some((_, taken, stored)) = all.find(|(index, ..)| *index == step) else {
            return Ok(());
        };
        let users = self.world.holders(taken, &stored)?;
        match users.is_empty() {
            true => Ok(()),
            false => Err(Failure::Unfit(in_use(taken.path(), &users))),
        }
    }

    /// Bytes that were freed, and what stays and why.
    fn destroy_one(
        &self,
        transaction: &Transaction,
        step: usize,
    ) -> Result<(u64, Vec<String>), Failure> {
        let storage = self.world.storage;
        let plan = &transaction.plan.steps[step];
        if let (Some(taken), Some(stored)) = (plan.taken(), transaction.stored(step)) {
            let keeper = self.world.keeper(taken, taken.path(), &stored);
            let freed = keeper.destroy()?;
            return Ok((
                freed.saturating_add(discarded(transaction, step)),
                Vec::new(),
            ));
        }
        if let Some(copy) = transaction.copy(step) {
            let freed = storage.facts(&copy)?.map_or(0, |facts| facts.allocated);
            storage.remove_copy(&copy)?;
            return Ok((
                freed.saturating_add(discarded(transaction, step)),
                Vec::new(),
            ));
        }
        match is_record(plan) {
            true => Ok((0, self.remove_record(transaction)?)),
            false => Ok((0, Vec::new())),
        }
    }

    /// Manifest and XML, which nobody needs any more. Whatever else is in those folders is
    /// somebody's, and stays with them.
    fn remove_record(&self, transaction: &Transaction) -> Result<Vec<String>, Failure> {
        let names = steps::record_names(transaction)?;
        let mut notes = Vec::new();
        for folder in transaction.folders() {
            let strange = self.world.storage.remove_known(&folder, &names)?;
            notes.extend(strange.iter().map(|path| steps::not_ours(path)));
        }
        Ok(notes)
    }
}

/// How the note ends of a file that was not there to be destroyed.
const LOST: &str = " was not found where it waited, and was not destroyed by this purge";

/// Whether this purge found all that waited, so that "for good" is true of it.
pub fn found_all(transaction: &Summary) -> bool {
    !transaction.notes.iter().any(|note| note.ends_with(LOST))
}

fn alone(refusals: Vec<InTheWay>) -> Vec<Refusal> {
    refusals.into_iter().map(|(_, refusal)| refusal).collect()
}

fn can_be_purged(transaction: &Transaction) -> bool {
    matches!(transaction.state(), State::Committed | State::Purging)
}

fn out_of_reach(transaction: &Transaction, error: &StorageError) -> Refusal {
    Refusal {
        code: RefusalCode::PlaceChanged,
        subject: transaction.id.to_string(),
        message: error.to_string(),
        hint: format!("fix that, then: virt-retire purge {}", transaction.id),
    }
}

/// The steps whose files are still to be destroyed; the record, by which a person can restore,
/// last.
fn left(transaction: &Transaction) -> Vec<usize> {
    let progress = transaction.progress();
    let mut left: Vec<usize> = (0..transaction.plan.steps.len())
        .filter(|step| progress[*step] != Progress::Destroyed && puts_files(transaction, *step))
        .collect();
    left.sort_by_key(|step| is_record(&transaction.plan.steps[*step]));
    left
}

fn puts_files(transaction: &Transaction, step: usize) -> bool {
    let plan = &transaction.plan.steps[step];
    is_record(plan) || plan.taken().is_some() || transaction.copy(step).is_some()
}

/// Bytes that the file system got back when the step's file was overwritten by punching holes:
/// when it is unlinked they are its own no more.
fn discarded(transaction: &Transaction, step: usize) -> u64 {
    let of_step = |kind: &EventKind| match kind {
        EventKind::Wiped { step: done, wiped } if *done == step => Some(wiped.discarded),
        _ => None,
    };
    let mut events = transaction.events.iter().rev();
    events.find_map(|event| of_step(&event.kind)).unwrap_or(0)
}

/// Whether the step puts manifest and XML into quarantine.
fn is_record(step: &Step) -> bool {
    matches!(step, Step::SaveDefinition { .. })
}

/// Files of the plan that a purge has destroyed, by the paths that they came from.
pub(super) fn gone(transaction: &Transaction) -> Vec<&Path> {
    let progress = transaction.progress();
    transaction
        .quarantined()
        .filter(|(step, ..)| progress.get(*step) == Some(&Progress::Destroyed))
        .map(|(_, taken, _)| taken.path())
        .collect()
}

/// A hold stands above every other word.
pub fn held(transaction: &Transaction) -> Option<Refusal> {
    let refusal = is_held(transaction)?;
    Some(Refusal {
        message: format!(
            "transaction {} (domain {}) is {}",
            transaction.id,
            transaction.domain().name,
            refusal.message
        ),
        ..refusal
    })
}

/// The same without the transaction's number.
fn is_held(transaction: &Transaction) -> Option<Refusal> {
    let holds = transaction.holds();
    let first = holds.first()?;
    let why: Vec<String> = holds
        .iter()
        .map(|hold| format!("'{}' by {}: {}", hold.name, hold.user, hold.reason))
        .collect();
    Some(Refusal {
        code: RefusalCode::Held,
        subject: transaction.id.to_string(),
        message: format!("held as {}", why.join("; as ")),
        hint: format!(
            "if that is over: virt-retire release {} --name {}",
            transaction.id,
            crate::model::quoted(&first.name)
        ),
    })
}
