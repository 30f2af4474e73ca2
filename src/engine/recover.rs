//! After a crash: every open transaction is finished or undone (law 1).
//!
//! What was decided last is carried out. An undefine that had not been committed goes back; a
//! rollback that had begun goes on. What is on the disk decides each step, not what the journal
//! hopes: every effect looks for the inode that was recorded with its intent.

use std::path::PathBuf;

use crate::model::{Claim, Direction, Evidence, State, Transaction, TransactionId, Verb};

use super::course::StepFailure;
use super::decide::decided;
use super::error::{EngineError, Failure};
use super::run::{Stop, Unwritten};
use super::{Engine, World, look};

/// What became of one open transaction.
#[derive(Debug)]
pub struct Recovery {
    pub transaction: Transaction,
    pub result: Recovered,
}

#[derive(Debug)]
pub enum Recovered {
    /// Everything is back but these, which are neither in quarantine nor where they were: somebody
    /// has removed them.
    Undone {
        missing: Vec<PathBuf>,
    },
    /// Its purge had been begun, and is finished: there is no way back from it.
    Purged,
    /// It could not be undone, so the retirement was finished.
    Finished {
        because: String,
        /// libvirt did not take the definition back, and will not by itself: no rollback works that
        /// does not say what to do about that.
        undefinable: bool,
    },
    Stuck {
        forward: String,
        back: String,
    },
    /// Neither was tried to the end: libvirt or the journal is out of reach. As it was before.
    Left {
        because: String,
    },
}

impl Recovery {
    /// Whether it is still there for the next `recover`.
    pub fn is_open(&self) -> bool {
        matches!(
            self.result,
            Recovered::Stuck { .. } | Recovered::Left { .. }
        )
    }
}

/// Which transactions `recover` has something to do for, the latest first: a later one may stand
/// on what an earlier one did.
///
/// # Errors
/// [`EngineError::Journal`].
pub fn open_transactions(
    journal: &dyn crate::ports::Journal,
) -> Result<Vec<Transaction>, EngineError> {
    let mut open = Vec::new();
    for id in journal.claiming()?.into_iter().rev() {
        let transaction = journal.read(id)?;
        // One that was prepared on purpose waits for its `commit` or `rollback`.
        let waits = transaction.state().claim() == Claim::Undecided && !transaction.commit_at_once;
        if !waits {
            open.push(transaction);
        }
    }
    Ok(open)
}

impl Engine<'_> {
    /// Treats one transaction that a crash left open. What goes wrong is in the answer, so that one
    /// that is stuck does not keep others waiting.
    pub fn recover(&mut self, id: TransactionId, by: &Evidence) -> Result<Recovery, EngineError> {
        let transaction = self.journal.read(id)?;
        match self.recover_one(transaction.clone(), by) {
            Ok(recovery) => Ok(recovery),
            Err(error) => Ok(Recovery {
                // As far as it got, if the journal can still say so.
                transaction: self.journal.read(id).unwrap_or(transaction),
                result: Recovered::Left {
                    because: error.to_string(),
                },
            }),
        }
    }

    fn recover_one(
        &mut self,
        mut transaction: Transaction,
        by: &Evidence,
    ) -> Result<Recovery, EngineError> {
        if transaction.state() == State::Purging {
            self.purge_on(&mut transaction, by)?;
            return Ok(Recovery {
                transaction,
                result: Recovered::Purged,
            });
        }
        let before = transaction.state_before_rollback();
        // Asked before anything is written: a daemon that is away is no second cause to record.
        still_there(&self.world, &transaction)?;
        let mut unwritten = Unwritten::one(decided(Verb::Recover, by.clone()));
        if transaction.state() != State::RollingBack {
            let why = Some("left open by an earlier run".into());
            self.enter(&mut transaction, unwritten, State::RollingBack, why)?;
            unwritten = Unwritten::none();
        }
        let undefinable;
        let back = match self.undo(&mut transaction, unwritten) {
            Ok(()) => {
                let missing = look::missing_at_home(&self.world, &transaction);
                return Ok(Recovery {
                    transaction,
                    result: Recovered::Undone { missing },
                });
            }
            Err(Stop::Unfinished(error)) => return Err(error),
            Err(Stop::Failed(StepFailure { step, cause, .. })) => {
                undefinable = cause.is_no_to_define(&step);
                format!("'{step}' failed: {cause}")
            }
        };
        let end = match before {
            State::Committed => State::Committed,
            _ => State::Prepared,
        };
        let why = Some(back.clone());
        match self.finish(&mut transaction, end, why) {
            Ok(()) => {
                if end == State::Prepared && transaction.commit_at_once {
                    self.commit_own(&mut transaction)?;
                }
                Ok(Recovery {
                    transaction,
                    result: Recovered::Finished {
                        because: back,
                        undefinable,
                    },
                })
            }
            Err(Stop::Unfinished(error)) => Err(error),
            Err(Stop::Failed(StepFailure { step, cause, .. })) => {
                let forward = format!("'{step}' failed: {cause}");
                match self.stick(transaction, forward, back) {
                    EngineError::Stuck {
                        transaction,
                        forward,
                        back,
                    } => Ok(Recovery {
                        transaction: *transaction,
                        result: Recovered::Stuck { forward, back },
                    }),
                    other => Err(other),
                }
            }
        }
    }

    /// Brings everything back, unless somebody uses a file where it waits: to move it home would
    /// take it away from them (law 5).
    fn undo(&mut self, transaction: &mut Transaction, unwritten: Unwritten) -> Result<(), Stop> {
        let failed = |cause| {
            Stop::Failed(StepFailure {
                index: 0,
                step: "look at the quarantine".into(),
                cause,
            })
        };
        let used = look::used_in_quarantine(&self.world, &[transaction]).map_err(failed)?;
        if let Some(one) = used.iter().flatten().next() {
            self.write(transaction, unwritten.into_kinds())
                .map_err(Stop::Unfinished)?;
            return Err(failed(Failure::InUse(one.phrase())));
        }
        self.run_to(
            transaction,
            Direction::Back,
            unwritten,
            State::RolledBack,
            None,
        )
    }
}

fn still_there(world: &World, transaction: &Transaction) -> Result<(), EngineError> {
    world.hypervisor.status(transaction.domain().uuid)?;
    Ok(())
}
