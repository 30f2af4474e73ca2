//! What a retired domain leaves behind, a later retirement may take: a base image that two domains
//! shared goes with the last of them. Bringing the first one back alone would give it a disk
//! without its base, so the order of rollback is checked (law 4).

use std::path::PathBuf;

use crate::model::{Claim, Fate, Plan, Refusal, RefusalCode, State, Transaction, TransactionId};

use super::Engine;
use super::error::EngineError;

impl Engine<'_> {
    /// Refuses a rollback whose domain stands on files that wait in another transaction's
    /// quarantine, if that is not one of `earlier`, which come back before it. Files that are gone
    /// for another reason are no obstacle: what is left comes back.
    pub(super) fn held_by_others(
        &self,
        transaction: &Transaction,
        earlier: &[TransactionId],
    ) -> Result<Vec<Refusal>, EngineError> {
        let mut missing = Vec::new();
        for path in left_behind(&transaction.plan) {
            if self.world.storage.facts(&path)?.is_none() {
                missing.push(path);
            }
        }
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let mut refusals = Vec::new();
        for summary in self.journal.summaries()? {
            // One that is open has taken them away too: whoever recovers it decides where they end.
            let is_open = summary.state.claim() == Claim::Unfinished;
            let holds = is_open || matches!(summary.state, State::Prepared | State::Committed);
            if !holds || summary.id == transaction.id || earlier.contains(&summary.id) {
                continue;
            }
            let other = self.journal.read(summary.id)?;
            let first = match is_open {
                true => "recover".to_owned(),
                false => format!("rollback {}", other.id),
            };
            refusals.extend(
                other
                    .files()
                    .filter(|(_, moved, _)| missing.contains(&moved.path))
                    .map(|(_, moved, _)| Refusal {
                        code: RefusalCode::ChangedSincePlan,
                        subject: moved.path.display().to_string(),
                        message: format!(
                            "domain '{}' stands on {}, which went into quarantine with transaction \
                             {} (domain '{}')",
                            transaction.domain().name,
                            moved.path.display(),
                            other.id,
                            other.domain().name
                        ),
                        hint: format!(
                            "bring that one back first: virt-retire {first}, then: virt-retire \
                             rollback {}",
                            transaction.id
                        ),
                    }),
            );
        }
        Ok(refusals)
    }
}

/// Files that the domain uses and that its retirement left where they were.
fn left_behind(plan: &Plan) -> impl Iterator<Item = PathBuf> + '_ {
    let tops = plan
        .disks
        .iter()
        .filter(|disk| disk.fate == Fate::Keep)
        // What only a snapshot remembers the domain does not stand on.
        .filter(|disk| disk.remembered_by.is_none())
        .filter_map(|disk| disk.path.clone())
        .filter(|path| path.is_absolute());
    let chains = plan
        .disks
        .iter()
        .filter(|disk| disk.remembered_by.is_none())
        .flat_map(|disk| &disk.chain)
        .filter(|link| link.fate == Fate::Keep)
        .map(|link| link.path.clone());
    tops.chain(chains)
}
