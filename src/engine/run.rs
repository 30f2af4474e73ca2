//! Running steps one way, with intents and outcomes around each (law 3).

use crate::model::{Direction, EventKind, Progress, State, Step, Transaction, undo_order};
use crate::ports::Journal;

use super::error::{EngineError, Failure};
use super::{Engine, steps};

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

/// Why a run stopped before its end.
pub(super) enum Stop {
    /// One step failed; its failure is in the journal.
    Failed {
        index: usize,
        step: String,
        cause: Failure,
    },
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
        mut unwritten: Unwritten,
    ) -> Result<Unwritten, Stop> {
        for index in order.iter().copied() {
            let intent = EventKind::Intent {
                step: index,
                direction,
            };
            self.write(transaction, unwritten.then(intent))
                .map_err(Stop::Unfinished)?;
            if self.world.control.wants_out() {
                return Err(Stop::Unfinished(EngineError::Unfinished {
                    id: transaction.id,
                    cause: "stopped by a second signal".into(),
                }));
            }
            let step = &transaction.plan.steps[index];
            self.world.control.step(transaction, index, step, direction);
            let result = if self.turns_back(on_signal) {
                Err(Failure::Interrupted)
            } else {
                steps::run(&self.world, transaction, index, direction)
            };
            let outcome = |result| EventKind::Outcome {
                step: index,
                direction,
                result,
            };
            match result {
                Ok(effect) => {
                    let already = effect.moved == crate::ports::Moved::Already;
                    unwritten = Unwritten::one(outcome(Ok(already)));
                    if let (Step::Stop { .. }, Direction::Forward) = (step, direction) {
                        unwritten.0.push(steps::settled(&self.world, transaction));
                    }
                    unwritten.0.extend(effect.events);
                    if let Some(cause) = effect.ends {
                        let step = step.kind().to_owned();
                        tracing::warn!(%step, direction = direction.word(), %cause, "ended");
                        let kinds = std::mem::take(&mut unwritten.0);
                        self.write(transaction, kinds).map_err(Stop::Unfinished)?;
                        return Err(Stop::Failed { index, step, cause });
                    }
                }
                Err(cause) => {
                    let step = step.kind().to_owned();
                    tracing::warn!(%step, direction = direction.word(), %cause, "step failed");
                    self.write(transaction, vec![outcome(Err(cause.to_string()))])
                        .map_err(Stop::Unfinished)?;
                    return Err(Stop::Failed { index, step, cause });
                }
            }
        }
        Ok(unwritten)
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

    pub(super) fn turns_back(&self, on_signal: OnSignal) -> bool {
        on_signal == OnSignal::TurnBack && self.world.control.wants_rollback()
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
