//! Several retirements as one: all are prepared before the first is committed, and where one fails,
//! all are put back. A single retirement is a batch of one.

use crate::model::{Direction, EventKind, State, Transaction};

use super::begin::{Begun, Retirement};
use super::course::{Course, StepFailure};
use super::error::{EngineError, Failure};
use super::run::{Executed, OnSignal, Pace, Stop, Unwritten, entered, left_in, write_all};
use super::{Engine, digest, look};

/// What became of a batch.
pub struct Batch {
    /// Those that are retired now, in the order in which they were run: prepared or committed.
    pub retired: Vec<Transaction>,
    /// Why that is not all of them.
    pub failed: Option<NotRetired>,
}

/// A batch that failed: what of it was put back.
#[derive(Debug)]
pub struct NotRetired {
    pub error: EngineError,
    /// Those that were prepared before and are back as they were, the last first.
    pub put_back: Vec<Transaction>,
    /// Those that could not be put back: the domain's name, and why.
    pub half: Vec<(String, EngineError)>,
}

impl NotRetired {
    /// The transactions that there are now because of it.
    pub fn touched(&self) -> impl Iterator<Item = &Transaction> {
        let errors = self
            .half
            .iter()
            .map(|(_, error)| error)
            .chain([&self.error]);
        self.put_back
            .iter()
            .chain(errors.filter_map(EngineError::left_behind))
    }
}

impl From<EngineError> for NotRetired {
    fn from(error: EngineError) -> Self {
        Self {
            error,
            put_back: Vec::new(),
            half: Vec::new(),
        }
    }
}

const END_OF_USE: &str = "end that use, or leave the disk out with --storage or --keep-storage";

/// Why a batch is put back.
enum Cause {
    /// A step of the transaction at this place failed.
    Step(usize, StepFailure),
    /// What was found when all had been run.
    Look(EngineError),
}

impl Engine<'_> {
    /// Runs these plans in this order, which must be one in which whoever stands on a file leaves
    /// before it.
    pub fn retire(&mut self, retirements: Vec<Retirement>) -> Batch {
        let (mut executed, cause) = match self.execute(retirements) {
            Ok(executed) => executed,
            Err(error) => return failed(error),
        };
        if cause.is_none() {
            for (transaction, unwritten) in &mut executed {
                let notes = look::occupied_notes(&self.world, transaction, unwritten.kinds());
                unwritten.extend(notes);
            }
        }
        let cause = match cause {
            Some(cause) => Some(cause),
            None => self.last_look(&executed).err().map(Cause::Look),
        };
        match cause {
            Some(cause) => self.put_back(executed, cause),
            None => self.decide(executed),
        }
    }

    /// Runs every step of executable plans. Nothing is `prepared` before one more look was taken.
    ///
    /// # Errors
    /// Nothing was changed, or only `recover` can go on.
    fn execute(
        &mut self,
        retirements: Vec<Retirement>,
    ) -> Result<(Executed, Option<Cause>), EngineError> {
        let mut begun = self.begin_all(retirements)?;
        let forward = |begun: &mut Begun| {
            let order = left_in(&begun.transaction, Direction::Forward);
            (order, begun.intended)
        };
        let orders: Vec<_> = begun.iter_mut().map(forward).collect();
        let mut courses: Vec<Course> = begun
            .iter_mut()
            .zip(&orders)
            .map(|(begun, (order, intended))| {
                let (way, none) = (Direction::Forward, Unwritten::none());
                Course::new(&mut begun.transaction, order, way, OnSignal::TurnBack, none)
                    .intended(*intended)
            })
            .collect();
        self.drive(&mut courses, Pace::Together)?;
        let mut cause = None;
        let mut unwritten = Vec::new();
        for (index, course) in courses.iter_mut().enumerate() {
            let failed = course.failed.take();
            cause = cause.or(failed.map(|failure| Cause::Step(index, failure)));
            unwritten.push(course.end());
        }
        let mut executed = Vec::new();
        for (begun, mut unwritten) in begun.into_iter().zip(unwritten) {
            if cause.is_none() {
                unwritten.extend(digest::of_files(
                    &self.world,
                    &begun.transaction,
                    begun.digest,
                ));
            }
            executed.push((begun.transaction, unwritten));
        }
        // A signal during the last step, or while files were read.
        if cause.is_none() && OnSignal::TurnBack.turns_back(&self.world) {
            cause = Some(Cause::Step(
                0,
                StepFailure {
                    index: 0,
                    step: "prepared".into(),
                    cause: Failure::Interrupted,
                },
            ));
        }
        Ok((executed, cause))
    }

    /// All are prepared, and those that are not to wait are committed, by one record: there is no
    /// moment at which some are and some are not.
    fn decide(&mut self, mut executed: Executed) -> Batch {
        let deciding = executed.iter_mut().map(|(transaction, unwritten)| {
            let prepared = entered(transaction, State::Prepared, None);
            let mut kinds = unwritten.take().then(prepared);
            let committed = transaction.commit_at_once.then_some(EventKind::Entered {
                state: State::Committed,
                cause: None,
            });
            kinds.extend(committed);
            (transaction, kinds)
        });
        let deciding = deciding.collect();
        match write_all(self.journal, deciding) {
            // What has no decision is put back by the next recovery.
            Err(error) => failed(error),
            Ok(()) => Batch {
                retired: executed.into_iter().map(|(one, _)| one).collect(),
                failed: None,
            },
        }
    }

    /// Once for the whole batch, because it asks libvirt for every domain's XML; and after the
    /// moves, because what is named later than that names nothing.
    fn last_look(&self, executed: &Executed) -> Result<(), EngineError> {
        let all: Vec<&Transaction> = executed.iter().map(|(one, _)| one).collect();
        look::refuse_claimed(&self.world, &all, END_OF_USE)?;
        self.refuse_returned(&all)
    }

    /// The last question before a state is entered. On a host of many domains all that was asked
    /// took its time, so a signal is heard after it and not before: it says that it will put back.
    fn refuse_returned(&self, transactions: &[&Transaction]) -> Result<(), EngineError> {
        look::refuse_defined_again(&self.world, transactions, &|transaction| {
            format!(
                "agree on who decides about it, then look again: virt-retire plan {}",
                transaction.domain().typed()
            )
        })?;
        match !transactions.is_empty() && self.world.control.wants_rollback() {
            true => Err(EngineError::Interrupted),
            false => Ok(()),
        }
    }

    /// One failed: all come back, the last first. Where that fails it is stuck until a recovery: to
    /// go forward after all would retire one domain of a batch that is put back.
    fn put_back(&mut self, executed: Executed, cause: Cause) -> Batch {
        const WHY: &str = "the same command failed afterwards";
        let (at, mut own, look) = match cause {
            Cause::Step(index, failure) => (Some(index), Some(failure), None),
            Cause::Look(error) => (None, None, Some(error)),
        };
        let mut going = Vec::new();
        let mut places = Vec::new();
        for (index, (transaction, mut unwritten)) in executed.into_iter().enumerate().rev() {
            let own = own.as_ref().filter(|_| at == Some(index));
            let why = own.map_or_else(|| WHY.to_owned(), StepFailure::because);
            unwritten.extend([entered(&transaction, State::RollingBack, Some(why))]);
            going.push((transaction, unwritten));
            places.push(index);
        }
        let mut error = look;
        let (mut put_back, mut half) = (Vec::new(), Vec::new());
        for (index, undone) in places.into_iter().zip(self.undo_all(going)) {
            let own = own.take_if(|_| at == Some(index));
            match (undone, own) {
                (Ok(transaction), None) => put_back.push(transaction),
                (Ok(transaction), Some(own)) => {
                    error = Some(EngineError::PutBack {
                        transaction: Box::new(transaction),
                        step: own.step,
                        cause: own.cause,
                    });
                }
                (Err((transaction, stop)), own) => {
                    let name = transaction.domain().name.clone();
                    let is_own = own.is_some();
                    let forward = own.map_or_else(|| WHY.to_owned(), |it| it.cause.to_string());
                    let left = match stop {
                        Stop::Unfinished(error) => error,
                        Stop::Failed(back) => {
                            self.stick(*transaction, forward, back.cause.to_string())
                        }
                    };
                    match is_own {
                        true => error = Some(left),
                        false => half.push((name, left)),
                    }
                }
            }
        }
        Batch {
            retired: Vec::new(),
            failed: Some(NotRetired {
                error: error.unwrap_or(EngineError::Interrupted),
                put_back,
                half,
            }),
        }
    }
}

fn failed(error: EngineError) -> Batch {
    Batch {
        retired: Vec::new(),
        failed: Some(error.into()),
    }
}
