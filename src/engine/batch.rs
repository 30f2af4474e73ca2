//! Several retirements as one: all are prepared before the first is committed, and where one fails,
//! all are put back. A single retirement is a batch of one.

use crate::model::{Direction, State, Transaction};

use super::begin::Retirement;
use super::course::StepFailure;
use super::error::EngineError;
use super::run::{Stop, Unwritten};
use super::{Engine, look};

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

impl Engine<'_> {
    /// Runs these plans in this order, which must be one in which whoever stands on a file leaves
    /// before it.
    pub fn retire(&mut self, retirements: Vec<Retirement>) -> Batch {
        let mut executed: Vec<(Transaction, Unwritten)> = Vec::new();
        for retirement in retirements {
            match self.execute(retirement) {
                Ok(one) => executed.push(one),
                Err(error) => return self.put_back(executed, error),
            }
        }
        for (transaction, unwritten) in &mut executed {
            unwritten.extend(look::occupied_notes(&self.world, transaction));
        }
        if let Err(error) = self.last_look(&executed) {
            return self.put_back(executed, error);
        }
        let mut retired: Vec<Transaction> = Vec::new();
        for (mut transaction, unwritten) in executed {
            match self.enter(&mut transaction, unwritten, State::Prepared, None) {
                Ok(()) => retired.push(transaction),
                // The rest has no decision, and is put back by the next recovery.
                Err(error) => return failed(Vec::new(), error),
            }
        }
        self.commit_all(retired)
    }

    /// Commits those that are not to wait.
    fn commit_all(&mut self, mut prepared: Vec<Transaction>) -> Batch {
        let decided: Vec<&Transaction> = prepared.iter().filter(|one| one.commit_at_once).collect();
        if let Err(error) = self.refuse_returned(&decided) {
            let executed = prepared.into_iter().map(|one| (one, Unwritten::none()));
            return self.put_back(executed.collect(), error);
        }
        for index in 0..prepared.len() {
            if prepared[index].commit_at_once
                && let Err(error) = self.commit_own(&mut prepared[index])
            {
                prepared.truncate(index);
                return failed(prepared, error);
            }
        }
        Batch {
            retired: prepared,
            failed: None,
        }
    }

    /// Once for the whole batch, because it asks libvirt for every domain's XML; and after the
    /// moves, because what is named later than that names nothing.
    fn last_look(&self, executed: &[(Transaction, Unwritten)]) -> Result<(), EngineError> {
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

    /// One failed: those that were executed before it come back too.
    fn put_back(&mut self, executed: Vec<(Transaction, Unwritten)>, error: EngineError) -> Batch {
        let mut failed = NotRetired::from(error);
        for (transaction, unwritten) in executed.into_iter().rev() {
            let name = transaction.domain().name.clone();
            match self.undo_own(transaction, unwritten) {
                Ok(transaction) => failed.put_back.push(transaction),
                Err(error) => failed.half.push((name, error)),
            }
        }
        Batch {
            retired: Vec::new(),
            failed: Some(failed),
        }
    }

    /// Rolls back what this very command has run. Where that fails it is stuck until a recovery: to
    /// go forward after all would retire one domain of a batch that is put back.
    fn undo_own(
        &mut self,
        mut transaction: Transaction,
        unwritten: Unwritten,
    ) -> Result<Transaction, EngineError> {
        const WHY: &str = "the same command failed afterwards";
        let why = Some(WHY.to_owned());
        self.enter(&mut transaction, unwritten, State::RollingBack, why)?;
        let none = Unwritten::none();
        match self.run_to(
            &mut transaction,
            Direction::Back,
            none,
            State::RolledBack,
            None,
        ) {
            Ok(()) => Ok(transaction),
            Err(Stop::Unfinished(error)) => Err(error),
            Err(Stop::Failed(StepFailure { cause, .. })) => {
                Err(self.stick(transaction, WHY.to_owned(), cause.to_string()))
            }
        }
    }
}

fn failed(retired: Vec<Transaction>, error: EngineError) -> Batch {
    Batch {
        retired,
        failed: Some(error.into()),
    }
}
