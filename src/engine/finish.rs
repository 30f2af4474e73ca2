//! Forward where back did not work: a rollback whose step failed is undone, a retirement that a
//! crash left open and that cannot be put back is finished.
//!
//! Nobody has surveyed the host for it, and its files may have been at home for days: an operator
//! may have defined the guest anew on them. What somebody else uses by now is left to them, by name
//! (law 5). A file that waits in quarantine and that somebody names at its old place goes back
//! there; the rest of the same disk stays with it. So the domain is retired whole, with fewer files
//! than its plan had, and a later rollback brings back what it has.

use std::collections::BTreeSet;

use crate::model::{Direction, EventKind, FileRole, Progress, State, Step, Taken, Transaction};

use super::Engine;
use super::course::StepFailure;
use super::error::Failure;
use super::keepers::finder;
use super::look::{self, Claimed};
use super::run::{OnSignal, Stop, Unwritten, left_in};

impl Engine<'_> {
    /// Runs every step that is left forward, but for the moves of files that somebody else uses,
    /// and enters `end`.
    pub(super) fn finish(
        &mut self,
        transaction: &mut Transaction,
        end: State,
        why: Option<String>,
    ) -> Result<(), Stop> {
        let mut left = BTreeSet::new();
        // One that was committed is retired whoever has defined its like since.
        let is_undecided = end == State::Prepared;
        // What an interrupted rollback has defined is undefined again before anybody is asked who
        // uses the files: it would be among them.
        let moves = |index: &usize| {
            let taken = transaction.plan.steps[*index].taken();
            taken.is_some_and(|it| *it.role() != FileRole::ManagedSave)
        };
        let first = left_in(transaction, Direction::Forward);
        let first: Vec<usize> = first
            .into_iter()
            .take_while(|index| !moves(index))
            .collect();
        if is_undecided {
            // A domain that is defined again needs its files.
            self.refuse_defined(transaction)?;
        }
        let none = Unwritten::none();
        let unwritten = self.run_steps(
            transaction,
            &first,
            Direction::Forward,
            OnSignal::GoOn,
            none,
        )?;
        self.write_all(transaction, unwritten)?;
        loop {
            let claimed = self.newly_claimed(transaction, &left)?;
            if !claimed.is_empty() {
                self.leave(transaction, &claimed, &mut left)?;
                continue;
            }
            let order: Vec<usize> = left_in(transaction, Direction::Forward)
                .into_iter()
                .filter(|index| !left.contains(index))
                .collect();
            if order.is_empty() {
                break;
            }
            let none = Unwritten::none();
            let run = self.run_steps(
                transaction,
                &order,
                Direction::Forward,
                OnSignal::GoOn,
                none,
            );
            match run {
                Ok(unwritten) => {
                    self.write_all(transaction, unwritten)?;
                }
                // Somebody has it open: found at the move itself.
                Err(Stop::Failed(StepFailure {
                    index,
                    cause: Failure::InUse(phrase),
                    ..
                })) => self.leave(transaction, &[(index, phrase)], &mut left)?,
                Err(other) => return Err(other),
            }
        }
        if is_undecided {
            self.refuse_defined(transaction)?;
        }
        self.enter(transaction, Unwritten::none(), end, why)
            .map_err(Stop::Unfinished)
    }

    /// Files that others use and that are not left to them yet.
    fn newly_claimed(
        &self,
        transaction: &Transaction,
        left: &BTreeSet<usize>,
    ) -> Result<Vec<(usize, String)>, Stop> {
        let claimed = look::claimed(&self.world, &[transaction]).map_err(looked_in_vain)?;
        let phrase = |one: Claimed| (one.step, one.phrase());
        let news = claimed.into_iter().filter(|one| !left.contains(&one.step));
        Ok(news.map(phrase).collect())
    }

    /// Leaves these files to whoever uses them, and what belongs to the same disks; what of it is
    /// in quarantine goes back. One whose place is taken by another file can go nowhere, and waits.
    fn leave(
        &mut self,
        transaction: &mut Transaction,
        claimed: &[(usize, String)],
        left: &mut BTreeSet<usize>,
    ) -> Result<(), Stop> {
        let steps: Vec<usize> = claimed.iter().map(|(index, _)| *index).collect();
        let mut leaving = look::with_their_disks(transaction, &steps);
        leaving.retain(|index| !left.contains(index));
        // What is below comes back before what stands on it.
        for index in leaving.iter().rev().copied() {
            left.insert(index);
            let progress = transaction.progress()[index];
            let is_at_home = matches!(progress, Progress::Pending | Progress::Undone);
            let mut fate = "is left where it is";
            let none = Unwritten::none();
            if !is_at_home {
                let back =
                    self.run_steps(transaction, &[index], Direction::Back, OnSignal::GoOn, none);
                match back {
                    Ok(unwritten) => self.write_all(transaction, unwritten)?,
                    Err(Stop::Failed(StepFailure { cause, .. })) => {
                        tracing::warn!(%cause, "a file that somebody uses cannot go back");
                        fate = "waits in quarantine because its place is taken";
                    }
                    Err(unfinished) => return Err(unfinished),
                }
            }
            let Some(path) = transaction.plan.steps[index].taken().map(Taken::path) else {
                continue;
            };
            let why = claimed.iter().find(|(step, _)| *step == index);
            let text = match why {
                Some((_, phrase)) => format!("{phrase}, and it {fate}"),
                None => format!("{} {fate} with its disk", path.display()),
            };
            self.write(transaction, vec![EventKind::Noted { text }])
                .map_err(Stop::Unfinished)?;
        }
        Ok(())
    }

    /// # Errors
    /// [`Stop::Failed`]: somebody has defined the domain, and it is not ours to undefine.
    fn refuse_defined(&self, transaction: &Transaction) -> Result<(), Stop> {
        let undefine = |step: &Step| matches!(step, Step::Undefine(_));
        let Some(index) = transaction.plan.steps.iter().position(undefine) else {
            return Ok(());
        };
        // Until its step has been run again the domain may be defined: by our rollback, or because
        // a crash came before the undefine.
        let was_undefined = match transaction.progress()[index] {
            Progress::Done => Ok(true),
            Progress::Doing => self.has_moved(transaction, index),
            _ => Ok(false),
        };
        if !was_undefined.map_err(looked_in_vain)? {
            return Ok(());
        }
        let failed = |cause| {
            Stop::Failed(StepFailure {
                index,
                step: "undefine".into(),
                cause,
            })
        };
        match look::defined_again(&self.world, transaction) {
            Ok(None) => Ok(()),
            Ok(Some(message)) => Err(failed(Failure::Unfit(message))),
            Err(cause) => Err(failed(cause)),
        }
    }

    /// Whether anything waits in quarantine that is taken only after the undefine has lasted: the
    /// outcomes of both are written with the decision, so after a crash only the world can tell.
    fn has_moved(&self, transaction: &Transaction, undefine: usize) -> Result<bool, Failure> {
        for (_, taken, waiting) in transaction.taken().filter(|(index, ..)| *index > undefine) {
            let finder = finder(self.world.storage, taken, taken.path(), &waiting);
            if finder.whereabouts()?.waiting.is_it() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn write_all(
        &mut self,
        transaction: &mut Transaction,
        unwritten: Unwritten,
    ) -> Result<(), Stop> {
        let kinds = unwritten.into_kinds();
        if kinds.is_empty() {
            return Ok(());
        }
        self.write(transaction, kinds).map_err(Stop::Unfinished)
    }
}

/// Who cannot be asked may be a user.
fn looked_in_vain(cause: Failure) -> Stop {
    Stop::Failed(StepFailure {
        index: 0,
        step: "last look".into(),
        cause,
    })
}
