//! Decisions on a transaction: commit, roll back, and what a failed step leads to.

use crate::model::{
    EventKind, Evidence, Override, OverrideFlag, Refusal, RefusalCode, State, Transaction,
    TransactionId, Verb,
};

use super::course::StepFailure;
use super::error::{EngineError, NotAgain};
use super::restoration::Restoration;
use super::run::{Executed, Stop, Unwritten, entered};
use super::steps::keeping_all;
use super::terms::{RollbackRequest, Terms};
use super::{Engine, look, preflight, verify};

/// What became of several that were to be rolled back.
#[derive(Default)]
pub struct RolledBack {
    pub done: Vec<Transaction>,
    /// Why that is not all of them: each that failed. What is in neither was not begun.
    pub failed: Vec<EngineError>,
}

impl Engine<'_> {
    /// Commits a prepared transaction: a decision, not a deletion (law 2).
    ///
    /// # Errors
    /// As [`Engine::may_commit`]; [`EngineError::Unfinished`] where the journal takes no record.
    pub fn commit(&mut self, id: TransactionId, by: Evidence) -> Result<Transaction, EngineError> {
        // Before the looks that decide: nothing may come after the last of them.
        let waiting = self.journal.read(id)?;
        let reused = match waiting.state() {
            State::Prepared => look::name_reused(&self.world, &waiting)?,
            _ => None,
        };
        let mut transaction = self.may_commit(id)?;
        let mut decided = Unwritten::one(decided(Verb::Commit, by));
        decided.extend(reused.map(|text| EventKind::Noted { text }));
        self.enter(&mut transaction, decided, State::Committed, None)?;
        Ok(transaction)
    }

    /// What [`Engine::commit`] would find in its way. A prepared transaction may have waited for
    /// days: the domain may have been defined again since, its files may be another's by name, and
    /// their places taken.
    ///
    /// # Errors
    /// [`EngineError::WrongState`], [`EngineError::Refused`]; also where libvirt does not answer,
    /// because nobody guesses what it would say (law 6). Nothing was changed.
    pub fn may_commit(&self, id: TransactionId) -> Result<Transaction, EngineError> {
        let transaction = self.journal.read(id)?;
        if transaction.state() != State::Prepared {
            return Err(wrong_state(&transaction, "committed"));
        }
        let back = format!("or bring this one back: virt-retire rollback {id}");
        look::refuse_claimed(
            &self.world,
            &[&transaction],
            &format!("end that use, then: virt-retire commit {id}; {back}"),
        )?;
        let occupied = look::occupied_places(&self.world, &transaction)?;
        if !occupied.is_empty() {
            let refusal = |path: &std::path::PathBuf| Refusal {
                code: RefusalCode::PathOccupied,
                subject: path.display().to_string(),
                message: format!(
                    "{} is another file by now, so that this retirement could not be undone later",
                    path.display()
                ),
                hint: format!("move that file away, then: virt-retire commit {id}"),
            };
            return Err(EngineError::Refused {
                refusals: occupied.iter().map(refusal).collect(),
            });
        }
        // Last, so that as little time as can be lies between this and the decision.
        look::refuse_defined_again(&self.world, &[&transaction], &|_| {
            format!("undefine it first, then: virt-retire commit {id}; {back}")
        })?;
        Ok(transaction)
    }

    /// Commits what this very command has prepared and looked at.
    pub(super) fn commit_own(&mut self, transaction: &mut Transaction) -> Result<(), EngineError> {
        self.enter(transaction, Unwritten::none(), State::Committed, None)
    }

    /// What [`Engine::rollback_all`] would find in its way before it changes anything.
    ///
    /// # Errors
    /// [`EngineError::WrongState`], [`EngineError::Refused`]; nothing was changed.
    pub fn may_roll_back(
        &self,
        ids: &[TransactionId],
        request: &RollbackRequest,
    ) -> Result<(), EngineError> {
        let wanted = ids.iter().map(|id| self.retired(*id, request));
        let wanted: Vec<Transaction> = wanted.collect::<Result<_, _>>()?;
        let used = look::refuse_used(&self.world, &wanted)?;
        for (index, (transaction, used)) in wanted.iter().zip(used).enumerate() {
            self.way_back(transaction, request, &ids[..index], used)?;
        }
        Ok(())
    }

    /// A transaction in a state that a rollback is for.
    fn retired(
        &self,
        id: TransactionId,
        request: &RollbackRequest,
    ) -> Result<Transaction, EngineError> {
        let transaction = self.journal.read(id)?;
        let leads_out = transaction.state() == State::Stuck && request.leads_out();
        match leads_out || matches!(transaction.state(), State::Prepared | State::Committed) {
            true => Ok(transaction),
            false => Err(wrong_state(&transaction, "rolled back")),
        }
    }

    /// The terms of its rollback, where nothing stands in its way once the transactions `earlier`
    /// have been rolled back. `used` is what uses its files by now.
    fn way_back(
        &self,
        transaction: &Transaction,
        request: &RollbackRequest,
        earlier: &[TransactionId],
        used: Vec<Refusal>,
    ) -> Result<Terms, EngineError> {
        self.refuse_claimed(&transaction.plan, Some(transaction.id))?;
        let terms = request.draw(&self.world, transaction)?;
        let mut refusals = preflight::rollback(&self.world, transaction, &terms)?;
        refusals.extend(self.held_by_others(transaction, earlier)?);
        refusals.extend(used);
        let home = Restoration::under(transaction, &terms);
        if request.accept_changed_base {
            refusals.retain(|one| one.code != RefusalCode::BaseChanged);
        } else {
            refusals.extend(self.changed_bases(transaction, &home, earlier)?);
        }
        match refusals.is_empty() {
            true => Ok(terms),
            false => Err(EngineError::Refused { refusals }),
        }
    }

    /// Puts everything back. Nothing is moved where something stands in the way.
    ///
    /// # Errors
    /// [`EngineError::Refused`]: a name or path is taken; nothing was changed.
    /// [`EngineError::PutBack`]: a step failed, and the domain is retired as before.
    pub fn rollback(
        &mut self,
        id: TransactionId,
        request: &RollbackRequest,
        by: &Evidence,
    ) -> Result<Transaction, EngineError> {
        let RolledBack { mut done, failed } = self.rollback_all(&[id], request, by);
        match failed.into_iter().next() {
            Some(error) => Err(error),
            None => done.pop().ok_or(EngineError::Interrupted),
        }
    }

    /// The same of several, in this order where one stands on another's files. Those that do not go
    /// back together, stage by stage: each as far as it gets. After a failure no more are begun.
    pub fn rollback_all(
        &mut self,
        ids: &[TransactionId],
        request: &RollbackRequest,
        by: &Evidence,
    ) -> RolledBack {
        let mut rolled_back = RolledBack::default();
        let mut left = ids;
        while !left.is_empty() && rolled_back.failed.is_empty() {
            let group = match self.next_group(left, request, by) {
                Ok(group) => group,
                Err(error) => {
                    rolled_back.failed.push(error);
                    break;
                }
            };
            left = &left[group.len()..];
            if !self.world.control.may_begin() {
                rolled_back.failed.push(EngineError::Interrupted);
                break;
            }
            for undone in self.roll_back(group) {
                match undone {
                    Ok(transaction) => rolled_back.done.push(transaction),
                    // What the journal did not take it took of none of them: that is one failure.
                    Err(EngineError::Unfinished { .. })
                        if matches!(
                            rolled_back.failed.last(),
                            Some(EngineError::Unfinished { .. })
                        ) => {}
                    Err(error) => rolled_back.failed.push(error),
                }
            }
        }
        rolled_back
    }

    /// The first of these, and those after it that can go back together with it. One that stands on
    /// what comes back before it is of a later group.
    fn next_group(
        &self,
        ids: &[TransactionId],
        request: &RollbackRequest,
        by: &Evidence,
    ) -> Result<Executed, EngineError> {
        let mut ids = ids;
        loop {
            let mut wanted = Vec::new();
            for id in ids {
                match self.retired(*id, request) {
                    Ok(transaction) => wanted.push(transaction),
                    Err(error) if wanted.is_empty() => return Err(error),
                    Err(_) => break,
                }
            }
            // One look for all. What waits on of the same command may use their files as anything
            // else may, so a shorter group is looked at again.
            let used = look::refuse_used(&self.world, &wanted)?;
            let mut group = Vec::new();
            let looked_at = wanted.len();
            for (transaction, used) in wanted.into_iter().zip(used) {
                match self.ready(transaction, request, by.clone(), used) {
                    Ok(ready) => group.push(ready),
                    Err(error) if group.is_empty() => return Err(error),
                    Err(_) => break,
                }
            }
            if group.len() == looked_at {
                return Ok(group);
            }
            ids = &ids[..group.len()];
        }
    }

    /// What is to be written before the first step back, where nothing stands in its way.
    fn ready(
        &self,
        transaction: Transaction,
        request: &RollbackRequest,
        mut by: Evidence,
        used: Vec<Refusal>,
    ) -> Result<(Transaction, Unwritten), EngineError> {
        let terms = self.way_back(&transaction, request, &[], used)?;
        let home = Restoration::under(&transaction, &terms);
        let mut told = self.missing(&transaction, &home)?;
        told.extend(verify::written_to(self.world.storage, &transaction)?);
        by.overrides = terms.overrides();
        if request.accept_changed_base {
            let accepted = self.changed_bases(&transaction, &home, &[])?;
            for one in accepted {
                let flag = OverrideFlag::AcceptChangedBase;
                by.overrides.push(Override::new(flag, one.message.clone()));
                told.push(format!("accepted: {}", one.message));
            }
        }
        told.extend(home.costs(&self.world));
        let mut first = Unwritten::one(decided(Verb::Rollback, by));
        if transaction.state() != State::Stuck {
            first.extend(terms.rename.map(EventKind::Renamed));
        }
        first.extend(terms.amendment.map(EventKind::Amended));
        first.extend([entered(&transaction, State::RollingBack, None)]);
        first.extend(told.into_iter().map(|text| EventKind::Noted { text }));
        Ok((transaction, first))
    }

    /// Starts the domain of a transaction that was rolled back; one that was transient is transient
    /// again. One that runs already is left alone.
    ///
    /// # Errors
    /// The domain is there, and not as it was; which part is missing.
    pub fn start_again(&self, transaction: &Transaction) -> Result<(), NotAgain> {
        let hypervisor = self.world.hypervisor;
        let uuid = transaction.domain_now().uuid;
        let status = hypervisor.status(uuid).map_err(NotAgain::Started)?;
        if status.is_some_and(|status| status.active) {
            return Ok(());
        }
        hypervisor.start(uuid).map_err(NotAgain::Started)?;
        if transaction.plan.persistent {
            return Ok(());
        }
        let undefined = hypervisor.undefine(uuid, keeping_all());
        let lasting = undefined.and_then(|()| hypervisor.settle());
        lasting.map_err(NotAgain::Transient)
    }

    fn roll_back(&mut self, group: Executed) -> Vec<Result<Transaction, EngineError>> {
        let state = |(transaction, _): &(Transaction, _)| transaction.state_before_rollback();
        let before: Vec<State> = group.iter().map(state).collect();
        let undone = self.undo_all(group).into_iter().zip(before);
        undone
            .map(|(undone, before)| match undone {
                Ok(transaction) => Ok(transaction),
                Err((_, Stop::Unfinished(error))) => Err(error),
                // It got stuck on its way there, and is not gone on with: nobody wants it retired.
                Err((transaction, Stop::Failed(failure))) if !before.ends_a_rollback_in_vain() => {
                    let back = failure.because();
                    Err(self.stick(*transaction, "it was not tried".into(), back))
                }
                Err((transaction, Stop::Failed(failure))) => {
                    Err(self.turn_round(*transaction, before, failure))
                }
            })
            .collect()
    }

    /// A step of a rollback failed: goes forward again, to where the verb began, or says that it is
    /// stuck.
    fn turn_round(
        &mut self,
        mut transaction: Transaction,
        end: State,
        failure: StepFailure,
    ) -> EngineError {
        let StepFailure { step, cause, .. } = failure;
        let why = Some(format!("rollback failed at '{step}': {cause}"));
        match self.finish(&mut transaction, end, why) {
            Ok(()) => EngineError::PutBack {
                transaction: Box::new(transaction),
                step,
                cause,
            },
            Err(Stop::Unfinished(error)) => error,
            Err(Stop::Failed(second)) => {
                self.stick(transaction, second.cause.to_string(), cause.to_string())
            }
        }
    }

    pub(super) fn stick(
        &mut self,
        mut transaction: Transaction,
        forward: String,
        back: String,
    ) -> EngineError {
        let why = Some(format!("forward: {forward}; back: {back}"));
        match self.enter(&mut transaction, Unwritten::none(), State::Stuck, why) {
            Ok(()) => EngineError::Stuck {
                transaction: Box::new(transaction),
                forward,
                back,
            },
            Err(error) => error,
        }
    }
}

pub(super) fn decided(verb: Verb, by: Evidence) -> EventKind {
    EventKind::Decided {
        verb,
        by: Box::new(by),
    }
}

/// `verb` is a participle: "rolled back".
///
/// One that is `purging` is not rolled back, also where nothing of it has been destroyed yet. The
/// intent of the first file is durable before it goes, and whether it went only its absence would
/// tell, which may be a file system's that is not mounted; a file that is being overwritten has its
/// name and size and not its bytes. So the look comes before the state is entered (`purge::look`),
/// and what is entered goes forward alone.
pub fn wrong_state(transaction: &Transaction, verb: &'static str) -> EngineError {
    if matches!(transaction.state(), State::Purging | State::Purged) && verb != "purged" {
        let gone = super::purge::gone(transaction);
        return EngineError::Gone {
            id: transaction.id,
            state: transaction.state(),
            verb,
            gone: gone.into_iter().map(std::path::Path::to_owned).collect(),
        };
    }
    EngineError::WrongState {
        id: transaction.id,
        state: transaction.state(),
        verb,
    }
}
