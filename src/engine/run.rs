//! Running steps one way, with intents and outcomes around each (law 3).

use crate::model::{Direction, EventKind, Progress, State, Transaction, undo_order};
use crate::ports::Journal;

use super::course::{Course, Stage, StepFailure, next_stage};
use super::error::EngineError;
use super::steps::LastRead;
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

    pub(super) fn kinds(&self) -> &[EventKind] {
        &self.0
    }

    pub(super) fn into_kinds(self) -> Vec<EventKind> {
        self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn split_off(&mut self, at: usize) -> Vec<EventKind> {
        self.0.split_off(at)
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

/// Transactions of one command whose steps have been run, each with what is not in the journal yet.
pub(super) type Executed = Vec<(Transaction, Unwritten)>;

/// One that did not come back, and why.
pub(super) type NotUndone = (Box<Transaction>, Stop);

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

/// Whether the failure of one course is the others' matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Where one fails, the others stop where they are.
    Together,
    /// Each goes as far as it gets.
    Apart,
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
        write_all(self.journal, vec![(transaction, kinds)])
    }

    pub(super) fn enter(
        &mut self,
        transaction: &mut Transaction,
        unwritten: Unwritten,
        state: State,
        cause: Option<String>,
    ) -> Result<(), EngineError> {
        let entered = entered(transaction, state, cause);
        self.write(transaction, unwritten.then(entered))
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

    /// Runs these steps in this order. Where one fails, all is in the journal that came of them.
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
        self.drive(&mut courses, Pace::Together)
            .map_err(Stop::Unfinished)?;
        let [mut course] = courses;
        let unwritten = course.end();
        let Some(failure) = course.failed else {
            return Ok(unwritten);
        };
        self.write(transaction, unwritten.into_kinds())
            .map_err(Stop::Unfinished)?;
        Err(Stop::Failed(failure))
    }

    /// Runs courses, which all go the same way, stage by stage: to their ends, or until one fails.
    /// What came of the last steps is not yet in the journal then ([`Course::end`]), and is true.
    ///
    /// # Errors
    /// [`EngineError::Unfinished`]: of the first of them.
    pub(super) fn drive(&mut self, courses: &mut [Course], pace: Pace) -> Result<(), EngineError> {
        let steps = courses.iter().map(Course::steps_ahead).sum();
        self.world.control.begin_run(courses.len(), steps);
        let driven = self.drive_on(courses, pace);
        self.world.control.end_run();
        driven
    }

    fn drive_on(&mut self, courses: &mut [Course], pace: Pace) -> Result<(), EngineError> {
        while let Some(stage) = next_stage(courses) {
            let is_due = |course: &&mut Course| course.stage() == Some(stage);
            self.intend(courses.iter_mut().filter(is_due))?;
            let brought_back = courses.iter().filter(|course| course.has_files_read());
            let last_read = LastRead::of(&self.world, brought_back.map(|it| &*it.transaction));
            self.run_stage(courses, stage, pace)?;
            last_read.restore(&self.world);
            self.settle(courses);
            if pace == Pace::Together && courses.iter().any(|it| it.failed.is_some()) {
                break;
            }
        }
        Ok(())
    }

    fn run_stage(
        &mut self,
        courses: &mut [Course],
        stage: Stage,
        pace: Pace,
    ) -> Result<(), EngineError> {
        let together = courses.len();
        for index in 0..together {
            while courses[index].stage() == Some(stage) {
                if courses[index].is_to_be_written() {
                    self.settle(courses);
                    let own = courses.get_mut(index).filter(|own| own.failed.is_none());
                    self.intend(own)?;
                    continue;
                }
                let course = &mut courses[index];
                if self.world.control.wants_out() {
                    return Err(EngineError::Unfinished {
                        id: course.transaction.id,
                        cause: "stopped by a second signal".into(),
                    });
                }
                course.advance(&self.world, together);
            }
            if pace == Pace::Together && courses[index].failed.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Has all that was done last. Where it does not, nobody can tell whose doing that was.
    fn settle(&self, courses: &mut [Course]) {
        match self.world.settle() {
            Ok(()) => courses.iter_mut().for_each(Course::settle),
            Err(cause) => {
                for course in courses {
                    course.fail_to_settle(&cause);
                }
            }
        }
    }

    /// Undoes these in this order, each as far as it gets, and whatever becomes of the others. What
    /// is unwritten of them says that they are `rolling-back`; those that are back are
    /// `rolled-back`, by one record.
    pub(super) fn undo_all(&mut self, mut going: Executed) -> Vec<Result<Transaction, NotUndone>> {
        let way = Direction::Back;
        let mut courses: Vec<Course> = going
            .iter_mut()
            .map(|(transaction, unwritten)| {
                let first = unwritten.take();
                let order = left_after(transaction, &first.0, way);
                Course::new(transaction, &order, way, OnSignal::GoOn, first)
            })
            .collect();
        let driven = self.drive(&mut courses, Pace::Apart);
        let ends: Vec<_> = courses
            .iter_mut()
            .map(|course| (course.end(), course.failed.take()))
            .collect();
        drop(courses);
        let mut transactions: Vec<Transaction> = going.into_iter().map(|(one, _)| one).collect();
        let mut failures = Vec::new();
        let mut writing = Vec::new();
        for (transaction, (mut unwritten, failed)) in transactions.iter_mut().zip(ends) {
            let back = EventKind::Entered {
                state: State::RolledBack,
                cause: None,
            };
            unwritten.extend(failed.is_none().then_some(back));
            writing.push((transaction, unwritten.into_kinds()));
            failures.push(failed);
        }
        let written = driven.and_then(|()| write_all(self.journal, writing));
        let ended = transactions.into_iter().zip(failures);
        ended
            .map(|(transaction, failed)| match (&written, failed) {
                (Err(error), _) => {
                    let unfinished = EngineError::Unfinished {
                        id: transaction.id,
                        cause: error.cause_alone(),
                    };
                    Err((Box::new(transaction), Stop::Unfinished(unfinished)))
                }
                (Ok(()), Some(failure)) => Err((Box::new(transaction), Stop::Failed(failure))),
                (Ok(()), None) => Ok(transaction),
            })
            .collect()
    }

    /// Writes what must be durable before these courses go on, in one record.
    fn intend<'c, 't: 'c>(
        &mut self,
        courses: impl IntoIterator<Item = &'c mut Course<'t>>,
    ) -> Result<(), EngineError> {
        let intending = courses.into_iter().filter_map(|course| {
            let kinds = course.intends()?;
            Some((&mut *course.transaction, kinds))
        });
        write_all(self.journal, intending.collect())
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
    left_after(transaction, &[], direction)
}

/// The same once `next` is recorded, too.
pub(super) fn left_after(
    transaction: &Transaction,
    next: &[EventKind],
    direction: Direction,
) -> Vec<usize> {
    let progress = transaction.progress_with(next);
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

/// Appends to the journal and to the transactions in hand, in one durable write.
pub(super) fn write_all(
    journal: &mut dyn Journal,
    additions: Vec<(&mut Transaction, Vec<EventKind>)>,
) -> Result<(), EngineError> {
    let Some(id) = additions.first().map(|(first, _)| first.id) else {
        return Ok(());
    };
    let (transactions, kinds): (Vec<_>, Vec<_>) = additions
        .into_iter()
        .map(|(transaction, kinds)| {
            let id = transaction.id;
            (transaction, (id, kinds))
        })
        .unzip();
    let unfinished = |error: crate::ports::JournalError| EngineError::Unfinished {
        id,
        cause: error.to_string(),
    };
    let events = journal.append_all(kinds).map_err(unfinished)?;
    for (transaction, events) in transactions.into_iter().zip(events) {
        transaction.extend(events);
    }
    Ok(())
}

/// That a transaction enters a state.
pub(super) fn entered(transaction: &Transaction, state: State, cause: Option<String>) -> EventKind {
    debug_assert!(transaction.state().may_become(state));
    EventKind::Entered { state, cause }
}
