//! Several retirements as one: all are prepared before the first is committed, and where one fails,
//! all are put back. A single retirement is a batch of one.

use crate::model::Transaction;

use super::begin::Retirement;
use super::error::EngineError;
use super::{Engine, look};

/// What became of a batch.
pub struct Batch {
    /// Those that are retired now, in the order in which they were run: prepared or committed.
    pub retired: Vec<Transaction>,
    /// Why that is not all of them.
    pub failed: Option<NotRetired>,
}

/// A batch that failed: what of it was put back.
pub struct NotRetired {
    pub error: EngineError,
    /// Those that were prepared before and are back as they were, the last first.
    pub put_back: Vec<Transaction>,
    /// Those that could not be put back: the domain's name, and why.
    pub half: Vec<(String, EngineError)>,
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

impl Engine<'_> {
    /// Runs these plans in this order, which must be one in which whoever stands on a file leaves
    /// before it.
    pub fn retire(&mut self, retirements: Vec<Retirement>) -> Batch {
        let mut retired: Vec<Transaction> = Vec::new();
        let mut commit = Vec::new();
        for retirement in retirements {
            let commit_at_once = retirement.commit_at_once;
            match self.prepare(retirement) {
                Ok(transaction) => {
                    retired.push(transaction);
                    commit.push(commit_at_once);
                }
                Err(error) => return self.put_back(retired, error),
            }
        }
        if let Err(error) = self.last_look(&retired) {
            return self.put_back(retired, error);
        }
        for index in 0..retired.len() {
            if !commit[index] {
                continue;
            }
            if let Err(error) = self.commit_own(&mut retired[index]) {
                retired.truncate(index);
                return Batch {
                    retired,
                    failed: Some(error.into()),
                };
            }
        }
        Batch {
            retired,
            failed: None,
        }
    }

    /// Once for the whole batch, because it asks libvirt for every domain's XML; and after the
    /// moves, because what is named later than that names nothing.
    fn last_look(&self, retired: &[Transaction]) -> Result<(), EngineError> {
        let all: Vec<&Transaction> = retired.iter().collect();
        look::refuse_claimed(&self.world, &all, END_OF_USE)?;
        // On a host of many domains that took its time; a signal says that it will put back.
        if self.world.control.wants_rollback() {
            return Err(EngineError::Interrupted);
        }
        look::refuse_defined_again(&self.world, &all, &|transaction| {
            format!(
                "agree on who decides about it, then look again: virt-retire plan {}",
                transaction.domain().typed()
            )
        })
    }

    /// One failed: those that were prepared before it come back too.
    fn put_back(&mut self, prepared: Vec<Transaction>, error: EngineError) -> Batch {
        let mut failed = NotRetired::from(error);
        for transaction in prepared.into_iter().rev() {
            let name = transaction.domain().name.clone();
            match self.rollback_own(transaction, "the same command failed afterwards") {
                Ok(transaction) => failed.put_back.push(transaction),
                Err(error) => failed.half.push((name, error)),
            }
        }
        Batch {
            retired: Vec::new(),
            failed: Some(failed),
        }
    }
}
