//! What an open transaction claims, no other may touch.

use std::path::Path;

use crate::model::{DomainRef, Plan, State, Step, Taken, TransactionId};

use super::Engine;
use super::course::has_only_saved;
use super::error::EngineError;
use super::run::{Stop, Unwritten, entered};

impl Engine<'_> {
    /// Whoever is about to run `plan` in either direction asks here first. `own` is the transaction
    /// that the plan belongs to, if it has one already.
    ///
    /// # Errors
    /// [`EngineError::Claimed`] names what is claimed, by which transaction and in which state.
    pub(super) fn refuse_claimed(
        &self,
        plan: &Plan,
        own: Option<TransactionId>,
    ) -> Result<(), EngineError> {
        for id in self.journal.claiming()? {
            if own == Some(id) {
                continue;
            }
            let open = self.journal.read(id)?;
            let claimed = |subject: String| EngineError::Claimed {
                subject,
                by: id,
                state: open.state(),
            };
            if is_one_of(open.domain(), &plan.domain) {
                return Err(claimed(format!("domain {}", plan.domain.name)));
            }
            let taken: Vec<&Path> = paths(&open.plan).collect();
            if let Some(path) = paths(plan).find(|path| taken.iter().any(|its| overlap(its, path)))
            {
                return Err(claimed(path.display().to_string()));
            }
        }
        Ok(())
    }

    /// The open transaction that claims this domain, for commands that move no files.
    ///
    /// # Errors
    /// [`EngineError::Journal`].
    pub fn claimed_by(
        &self,
        domain: &DomainRef,
    ) -> Result<Option<(TransactionId, State)>, EngineError> {
        for id in self.journal.claiming()? {
            let open = self.journal.read(id)?;
            if is_one_of(open.domain(), domain) {
                return Ok(Some((id, open.state())));
            }
        }
        Ok(None)
    }

    /// A transaction that had not come further than to save things has changed nothing of its
    /// domain, and whoever began it is gone, since we hold the journal: it needs no `recover` to be
    /// closed. Where what it saved cannot be taken away, that is left to one.
    pub(super) fn close_unbegun(&mut self) -> Result<(), EngineError> {
        let mut going = Vec::new();
        for id in self.journal.claiming()?.into_iter().rev() {
            let transaction = self.journal.read(id)?;
            let is_begun = matches!(transaction.state(), State::Planned | State::Executing);
            if !is_begun || !has_only_saved(&transaction) {
                continue;
            }
            let why = "it was interrupted before it changed anything".to_owned();
            let back = entered(&transaction, State::RollingBack, Some(why));
            going.push((transaction, Unwritten::one(back)));
        }
        for undone in self.undo_all(going) {
            if let Err((transaction, stop)) = undone {
                let why = match stop {
                    Stop::Failed(failure) => failure.because(),
                    Stop::Unfinished(error) => return Err(error),
                };
                tracing::warn!(transaction = transaction.id.0, why, "left to recover");
            }
        }
        Ok(())
    }
}

/// By name too: two domains of one name cannot both be defined.
fn is_one_of(one: &DomainRef, other: &DomainRef) -> bool {
    one.uuid == other.uuid || one.name == other.name
}

/// A folder (TPM state) claims all that is in it.
fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn paths(plan: &Plan) -> impl Iterator<Item = &Path> {
    plan.steps.iter().filter_map(Step::taken).map(Taken::path)
}
