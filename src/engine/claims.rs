//! What an open transaction claims, no other may touch.

use std::path::Path;

use crate::model::{Plan, State, Step, TransactionId};

use super::Engine;
use super::error::EngineError;

impl Engine<'_> {
    pub(super) fn refuse_claimed(&self, plan: &Plan) -> Result<(), EngineError> {
        for id in self.journal.claiming()? {
            let open = self.journal.read(id)?;
            let claimed = |subject: String| EngineError::Claimed {
                subject,
                by: id,
                state: open.state(),
            };
            if open.domain().uuid == plan.domain.uuid || open.domain().name == plan.domain.name {
                return Err(claimed(format!("domain '{}'", plan.domain.name)));
            }
            let taken: Vec<&Path> = paths(&open.plan).collect();
            if let Some(path) = paths(plan).find(|path| taken.contains(path)) {
                return Err(claimed(path.display().to_string()));
            }
        }
        Ok(())
    }

    /// The open transaction that claims this domain, for commands that only warn.
    pub fn claimed_by(
        &self,
        domain: &crate::model::DomainRef,
    ) -> Result<Option<(TransactionId, State)>, EngineError> {
        for id in self.journal.claiming()? {
            let open = self.journal.read(id)?;
            if open.domain().uuid == domain.uuid {
                return Ok(Some((id, open.state())));
            }
        }
        Ok(None)
    }
}

fn paths(plan: &Plan) -> impl Iterator<Item = &Path> {
    plan.steps
        .iter()
        .filter_map(Step::file)
        .map(|moved| moved.path.as_path())
}
