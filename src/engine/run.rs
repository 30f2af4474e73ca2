//! Running steps one way, with intents and outcomes around each (law 3).

use crate::model::{Direction, EventKind, Progress, State, Transaction, undo_order};
use crate::ports::Journal;

use super::course::{Course, StepFailure};
use super::error::EngineError;
use super::{Engine, World};

/// Events that are true but not yet in the journal. They are written together with the next
/// intent or state, so that a step costs one durable write instead of two. To drop them is to
/// forget an outcome: harmless, because steps are idempotent, but a needless second run.
#[must_use = "outcomes must be written with the next intent or state"]
pub(super) struct Unwritten(Vec<EventKind>);

impl Unwritten {
    pub(super) fn then(mut self, kind: EventKind) -> Vec<EventKind> {
        self.0.push(kind);
        self.0
    }

    pub(super) fn extend(&mut self, kinds: impl IntoIterator<Item = EventKind>) {
        self.0.extend(kinds);
    }

    pub(super) fn into_kinds(self) -> Vec<EventKind> {
        self.0
    }

    pub(super) fn take(&mut self) -> Self {
        Self(std::mem::take(&mut self.0))
    }

    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    pub(super) fn one(kind: EventKind) -> Self {
        Self(vec![kind])
    }
}

/// What a first signal means to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnSignal {
    /// Turn back.
    TurnBack,
    /// Nothing: this run is the way back already, or puts right what a failed one left.
    GoOn,
}

impl OnSignal {
    pub(super) fn turns_back(self, world: &World) -> bool {
        self == Self::TurnBack && world.control.wants_rollback()
    }
}

/// Why a run stopped before its end.
pub(super) enum Stop {
    /// One step failed; its failure is in the journal.
    Failed(StepFailure),
    /// The journal takes no more, or the operator wants out: only `recover` can go on.
    Unfinished(EngineError),
}

impl Engine<'_> {
    /// Appends to the journal and to the transaction in hand.
    pub(super) fn write(
        &mut self,
        transaction: &mut Transaction,
        kinds: Vec<EventKind>,
    ) -> Result<(), EngineError> {
        write(self.journal, transaction, kinds)
    }

    pub(super) fn enter(
        &mut self,
        transaction: &mut Transaction,
        unwritten: Unwritten,
        state: State,
        cause: Option<String>,
    ) -> Result<(), EngineError> {
        enter(self.journal, transaction, unwritten, state, cause)
    }

    /// Runs every step that is left in `direction`. On success the last outcome is still
    /// unwritten: it goes with the state that the caller enters.
    pub(super) fn run(
        &mut self,
        transaction: &mut Transaction,
        direction: Direction,
        on_signal: OnSignal,
        unwritten: Unwritten,
    ) -> Result<Unwritten, Stop> {
        let order = left_in(transaction, direction);
        self.run_steps(transaction, &order, direction, on_signal, unwritten)
    }

    /// Runs these steps in this order.
    pub(super) fn run_steps(
        &mut self,
        transaction: &mut Transaction,
        order: &[usize],
        direction: Direction,
        on_signal: OnSignal,
        unwritten: Unwritten,
    ) -> Result<Unwritten, Stop> {
        let course = Course::new(transaction, order, direction, on_signal, unwritten);
        let mut courses = [course];
        self.drive(&mut courses).map_err(Stop::Unfinished)?;
        let [course] = courses;
        match course.failed {
            Some(failure) => Err(Stop::Failed(failure)),
            None => Ok(course.unwritten),
        }
    }

    /// Runs courses to their ends, or until one fails; what that one has to say is durable then.
    fn drive(&mut self, courses: &mut [Course]) -> Result<(), EngineError> {
        for course in courses {
            while let Some(kinds) = course.intends() {
                self.write(course.transaction, kinds)?;
                if self.world.control.wants_out() {
                    return Err(EngineError::Unfinished {
                        id: course.transaction.id,
                        cause: "stopped by a second signal".into(),
                    });
                }
                course.advance(&self.world);
                if course.failed.is_some() {
                    let kinds = course.unwritten.take().into_kinds();
                    return self.write(course.transaction, kinds);
                }
            }
        }
        Ok(())
    }

    /// Runs every step that is left in `direction`, whatever signals come, and enters `end`.
    pub(super) fn run_to(
        &mut self,
        transaction: &mut Transaction,
        direction: Direction,
        unwritten: Unwritten,
        end: State,
        why: Option<String>,
    ) -> Result<(), Stop> {
        let unwritten = self.run(transaction, direction, OnSignal::GoOn, unwritten)?;
        self.enter(transaction, unwritten, end, why)
            .map_err(Stop::Unfinished)
    }
}

/// The steps that are left in `direction`, in the order in which they are run.
pub(super) fn left_in(transaction: &Transaction, direction: Direction) -> Vec<usize> {
    let progress = transaction.progress();
    let steps = &transaction.plan.steps;
    match direction {
        Direction::Forward => (0..steps.len())
            .filter(|index| progress[*index] != Progress::Done)
            .collect(),
        Direction::Back => undo_order(steps)
            .into_iter()
            .filter(|index| !matches!(progress[*index], Progress::Pending | Progress::Undone))
            .collect(),
    }
}

/// Appends to the journal and to the transaction in hand.
pub(super) fn write(
    journal: &mut dyn Journal,
    transaction: &mut Transaction,
    kinds: Vec<EventKind>,
) -> Result<(), EngineError> {
    let events =
        journal
            .append(transaction.id, kinds)
            .map_err(|error| EngineError::Unfinished {
                id: transaction.id,
                cause: error.to_string(),
            })?;
    transaction.extend(events);
    Ok(())
}

pub(super) fn enter(
    journal: &mut dyn Journal,
    transaction: &mut Transaction,
    unwritten: Unwritten,
    state: State,
    cause: Option<String>,
) -> Result<(), EngineError> {
    debug_assert!(transaction.state().may_become(state));
    let kinds = unwritten.then(EventKind::Entered { state, cause });
    write(journal, transaction, kinds)
}
