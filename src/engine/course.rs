//! One transaction on its way in one direction: it hands out what it intends next, runs it, and
//! takes down what came of it. It writes nothing: [`super::run`] does, for one of these or for two
//! hundred.

use std::collections::VecDeque;

use crate::model::{Direction, EventKind, Progress, Step, Transaction};
use crate::ports::Moved;

use super::error::Failure;
use super::run::{OnSignal, Unwritten};
use super::{World, steps};

/// Steps of one stage need nothing of each other that must have lasted, whichever transaction of a
/// batch they belong to: all of them are run before the next stage begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// What must be saved first and comes back last.
    Save,
    /// Of the way back alone: the folder in which all of it waited goes.
    Clear,
    /// libvirt hears of it.
    Define,
    Move,
    /// Once every file is where it belongs: one list serves a whole batch.
    Tell,
}

impl Stage {
    fn of(step: &Step, direction: Direction) -> Self {
        match step {
            Step::SaveDefinition { .. } if direction == Direction::Back => Self::Clear,
            Step::SaveDefinition { .. }
            | Step::SaveSnapshots { .. }
            | Step::SaveCheckpoints { .. }
            | Step::SaveAutostart { .. }
            | Step::LinkManagedSave(_)
            | Step::CopyState(_) => Self::Save,
            Step::MakePersistent | Step::Stop { .. } | Step::Undefine(_) => Self::Define,
            Step::ConfirmInactive | Step::Quarantine(_) => Self::Move,
            Step::RefreshPool { .. } => Self::Tell,
        }
    }

    fn order(direction: Direction) -> &'static [Self] {
        match direction {
            Direction::Forward => &[Self::Save, Self::Define, Self::Move, Self::Tell],
            Direction::Back => &[
                Self::Move,
                Self::Define,
                Self::Save,
                Self::Clear,
                Self::Tell,
            ],
        }
    }
}

/// How many of the steps of `order`, which are next in `direction`, are intended by one record.
///
/// All of them, but on the way forward nothing is intended of the domain while it is being saved:
/// whoever recovers from a crash then has nothing to ask libvirt, and takes nobody else's undefine
/// or define for ours.
pub(super) fn intended_at_once(steps: &[Step], order: &[usize], direction: Direction) -> usize {
    let saves = |index: &&usize| {
        let step = steps.get(**index);
        step.is_some_and(|step| Stage::of(step, direction) == Stage::Save)
    };
    match (direction, order.iter().take_while(saves).count()) {
        (Direction::Back, _) | (Direction::Forward, 0) => order.len(),
        (Direction::Forward, saving) => saving,
    }
}

/// Whether no step of it can have been run but those that save things.
pub(super) fn has_only_saved(transaction: &Transaction) -> bool {
    let steps = transaction.plan.steps.iter().zip(transaction.progress());
    steps
        .filter(|(_, progress)| *progress != Progress::Pending)
        .all(|(step, _)| Stage::of(step, Direction::Forward) == Stage::Save)
}

/// A step that failed, or that ended the run.
pub(super) struct StepFailure {
    pub index: usize,
    pub step: String,
    pub cause: Failure,
}

impl StepFailure {
    pub(super) fn because(&self) -> String {
        format!("'{}' failed: {}", self.step, self.cause)
    }
}

pub(super) struct Course<'t> {
    pub transaction: &'t mut Transaction,
    direction: Direction,
    on_signal: OnSignal,
    /// Steps that are still to be run, in this order.
    ahead: VecDeque<usize>,
    /// Of so many of them the intent is durable.
    intended: usize,
    /// What is true and not yet in the journal.
    unwritten: Unwritten,
    /// So many of those are of effects that have lasted; the outcomes after them are not true yet.
    settled: usize,
    /// Some of that must be in the journal before the next step.
    has_news: bool,
    pub failed: Option<StepFailure>,
}

impl<'t> Course<'t> {
    /// Runs the steps of `order`. `first` is written with the first intents.
    pub(super) fn new(
        transaction: &'t mut Transaction,
        order: &[usize],
        direction: Direction,
        on_signal: OnSignal,
        first: Unwritten,
    ) -> Self {
        Self {
            transaction,
            direction,
            on_signal,
            ahead: order.iter().copied().collect(),
            intended: 0,
            settled: first.len(),
            unwritten: first,
            has_news: false,
            failed: None,
        }
    }

    /// The first `intended` steps have a durable intent already.
    pub(super) fn intended(self, intended: usize) -> Self {
        Self { intended, ..self }
    }

    pub(super) fn steps_ahead(&self) -> usize {
        self.ahead.len()
    }

    /// Whether its next step has libvirt read what was brought back.
    pub(super) fn has_files_read(&self) -> bool {
        self.direction == Direction::Back && self.stage() == Some(Stage::Tell)
    }

    /// The stage of the next step; `None` at the end, and once a step has failed.
    pub(super) fn stage(&self) -> Option<Stage> {
        let next = self.ahead.front().filter(|_| self.failed.is_none())?;
        Some(Stage::of(
            &self.transaction.plan.steps[*next],
            self.direction,
        ))
    }

    /// Whether something must be in the journal before the next step is run.
    pub(super) fn is_to_be_written(&self) -> bool {
        !self.ahead.is_empty() && (self.intended == 0 || self.has_news)
    }

    /// What that is, if anything: what is unwritten, and the intents of that step and those that
    /// are run without another word. What was done must have lasted by then.
    pub(super) fn intends(&mut self) -> Option<Vec<EventKind>> {
        if !self.is_to_be_written() {
            return None;
        }
        self.has_news = false;
        self.settled = 0;
        let mut kinds = self.unwritten.take().into_kinds();
        if self.intended == 0 {
            let order = self.ahead.make_contiguous();
            let steps = &self.transaction.plan.steps;
            self.intended = intended_at_once(steps, order, self.direction);
            let direction = self.direction;
            let intents = order.iter().take(self.intended);
            kinds.extend(intents.map(|step| EventKind::Intent {
                step: *step,
                direction,
            }));
        }
        Some(kinds)
    }

    /// Runs the next step, whose intent is durable. `together` is of how many transactions this
    /// stage is.
    pub(super) fn advance(&mut self, world: &World, together: usize) {
        let (Some(index), direction) = (self.ahead.pop_front(), self.direction) else {
            return;
        };
        self.intended = self.intended.saturating_sub(1);
        let step = &self.transaction.plan.steps[index];
        world.control.step(self.transaction, index, step, direction);
        let result = match self.on_signal.turns_back(world) {
            true => Err(Failure::Interrupted),
            false => steps::run(world, self.transaction, index, direction, together),
        };
        let (result, events, ends) = match result {
            Ok(effect) => {
                let already = effect.moved == Moved::Already;
                (Ok(already), effect.events, effect.ends)
            }
            Err(cause) => (Err(cause.to_string()), Vec::new(), Some(cause)),
        };
        // The moves look for the files as they are since the guest was stopped.
        let is_news = |kind: &EventKind| matches!(kind, EventKind::Settled { .. });
        self.has_news |= events.iter().any(is_news);
        self.unwritten.extend([EventKind::Outcome {
            step: index,
            direction,
            result,
        }]);
        self.unwritten.extend(events);
        self.failed = ends.map(|cause| {
            let step = step.kind().to_owned();
            tracing::warn!(%step, direction = direction.word(), %cause, "step failed");
            StepFailure { index, step, cause }
        });
    }

    /// What was done so far is on the medium.
    pub(super) fn settle(&mut self) {
        self.settled = self.unwritten.len();
    }

    /// Nobody knows what of the steps since then will last: they have no outcome, and the last of
    /// them has failed.
    pub(super) fn fail_to_settle(&mut self, cause: &Failure) {
        let doubtful = self.unwritten.split_off(self.settled);
        let is_done = |kind: &EventKind| matches!(kind, EventKind::Outcome { result: Ok(_), .. });
        let last = doubtful.iter().rev().find_map(|kind| match kind {
            EventKind::Outcome { step, .. } if is_done(kind) => Some(*step),
            _ => None,
        });
        self.unwritten
            .extend(doubtful.into_iter().filter(|kind| !is_done(kind)));
        let Some(index) = last else {
            return;
        };
        let step = self.transaction.plan.steps[index].kind().to_owned();
        let cause = cause.to_string();
        tracing::warn!(%step, direction = self.direction.word(), %cause, "does not last");
        self.unwritten.extend([EventKind::Outcome {
            step: index,
            direction: self.direction,
            result: Err(cause.clone()),
        }]);
        self.failed.get_or_insert(StepFailure {
            index,
            step,
            cause: Failure::Unfit(cause),
        });
    }

    /// All that is left to be written: what came of the steps that were run, and that the others
    /// whose intents are in the journal were not.
    pub(super) fn end(&mut self) -> Unwritten {
        let direction = self.direction;
        let intended = self.ahead.drain(..).take(self.intended);
        let withdrawn = intended.map(|step| EventKind::Withdrawn { step, direction });
        self.unwritten.extend(withdrawn);
        self.intended = 0;
        self.unwritten.take()
    }
}

/// The stage that comes next for these, who go the same way.
pub(super) fn next_stage(courses: &[Course<'_>]) -> Option<Stage> {
    let direction = courses.first()?.direction;
    let mut order = Stage::order(direction).iter().copied();
    order.find(|stage| courses.iter().any(|it| it.stage() == Some(*stage)))
}
