//! After a crash: every open transaction is finished or undone (law 1).
//!
//! What was decided last is carried out. An undefine that had not been committed goes back; a
//! rollback that had begun goes on. What is on the disk decides each step, not what the journal
//! hopes: every effect looks for the inode that was recorded with its intent.

use crate::model::{Claim, Direction, Evidence, State, Transaction};

use super::Engine;
use super::decide::decided;
use super::error::EngineError;
use super::run::{Stop, Unwritten};

/// What became of one open transaction.
pub struct Recovery {
    pub transaction: Transaction,
    pub result: Recovered,
}

pub enum Recovered {
    Undone,
    /// It could not be undone, so the retirement was finished.
    Finished {
        because: String,
    },
    Stuck {
        forward: String,
        back: String,
    },
}

impl Engine<'_> {
    /// Treats every transaction that a crash left open, oldest first. One that is stuck does not
    /// keep the others waiting.
    pub fn recover(&mut self, by: &Evidence) -> Result<Vec<Recovery>, EngineError> {
        let mut recoveries = Vec::new();
        for id in self.journal.claiming()? {
            let transaction = self.journal.read(id)?;
            // One that was prepared on purpose waits for its `commit` or `rollback`.
            let waits =
                transaction.state().claim() == Claim::Undecided && !transaction.commit_at_once;
            if !waits {
                recoveries.push(self.recover_one(transaction, by)?);
            }
        }
        Ok(recoveries)
    }

    fn recover_one(
        &mut self,
        mut transaction: Transaction,
        by: &Evidence,
    ) -> Result<Recovery, EngineError> {
        let before = transaction.state_before_rollback();
        if transaction.state() != State::RollingBack {
            self.enter(
                &mut transaction,
                Unwritten::one(decided("recover", by.clone())),
                State::RollingBack,
                Some("left open by an earlier run".into()),
            )?;
        }
        let back = match self.run(&mut transaction, Direction::Back, Unwritten::none()) {
            Ok(unwritten) => {
                self.enter(&mut transaction, unwritten, State::RolledBack, None)?;
                return Ok(Recovery {
                    transaction,
                    result: Recovered::Undone,
                });
            }
            Err(Stop::Unfinished(error)) => return Err(error),
            Err(Stop::Failed { step, cause }) => format!("'{step}' failed: {cause}"),
        };
        match self.run(&mut transaction, Direction::Forward, Unwritten::none()) {
            Ok(unwritten) => {
                let end = match before {
                    State::Committed => State::Committed,
                    _ => State::Prepared,
                };
                self.enter(&mut transaction, unwritten, end, Some(back.clone()))?;
                if end == State::Prepared && transaction.commit_at_once {
                    self.commit_own(&mut transaction)?;
                }
                Ok(Recovery {
                    transaction,
                    result: Recovered::Finished { because: back },
                })
            }
            Err(Stop::Unfinished(error)) => Err(error),
            Err(Stop::Failed { step, cause }) => {
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
}
