//! One transaction on its way in one direction: it hands out what it intends next, runs it, and
//! takes down what came of it. It writes nothing: [`super::run`] does, for one of these or for two
//! hundred.

use std::collections::VecDeque;

use crate::model::{Direction, EventKind, Transaction};
use crate::ports::Moved;

use super::error::Failure;
use super::run::{OnSignal, Unwritten};
use super::{World, steps};

/// A step that failed, or that ended the run.
pub(super) struct StepFailure {
    pub index: usize,
    pub step: String,
    pub cause: Failure,
}

pub(super) struct Course<'t> {
    pub transaction: &'t mut Transaction,
    direction: Direction,
    on_signal: OnSignal,
    /// Steps that are still to be run, in this order.
    ahead: VecDeque<usize>,
    /// What is true and not yet in the journal.
    pub unwritten: Unwritten,
    pub failed: Option<StepFailure>,
}

impl<'t> Course<'t> {
    /// Runs the steps of `order`. `first` goes before the first intent.
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
            unwritten: first,
            failed: None,
        }
    }

    /// What must be durable before the next step is run: what is unwritten, and its intent.
    /// `None` at the end.
    pub(super) fn intends(&mut self) -> Option<Vec<EventKind>> {
        let step = *self.ahead.front()?;
        let intent = EventKind::Intent {
            step,
            direction: self.direction,
        };
        Some(self.unwritten.take().then(intent))
    }

    /// Runs the step whose intent is durable.
    pub(super) fn advance(&mut self, world: &World) {
        let (Some(index), direction) = (self.ahead.pop_front(), self.direction) else {
            return;
        };
        let step = &self.transaction.plan.steps[index];
        world.control.step(self.transaction, index, step, direction);
        let result = match self.on_signal.turns_back(world) {
            true => Err(Failure::Interrupted),
            false => steps::run(world, self.transaction, index, direction),
        };
        let kind = step.kind().to_owned();
        let failed = |cause: Failure| {
            tracing::warn!(step = %kind, direction = direction.word(), %cause, "step failed");
            StepFailure {
                index,
                step: kind,
                cause,
            }
        };
        let (result, events, ends) = match result {
            Ok(effect) => {
                let already = effect.moved == Moved::Already;
                (Ok(already), effect.events, effect.ends)
            }
            Err(cause) => (Err(cause.to_string()), Vec::new(), Some(cause)),
        };
        self.unwritten.extend([EventKind::Outcome {
            step: index,
            direction,
            result,
        }]);
        self.unwritten.extend(events);
        self.failed = ends.map(failed);
    }
}
