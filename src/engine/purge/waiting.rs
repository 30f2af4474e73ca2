//! What waits in quarantine, as the selections ask of it.

use std::collections::HashMap;

use crate::model::{State, Summary, Transaction, TransactionId};
use crate::ports::{Clock, JournalReader, Storage};

use super::super::error::EngineError;
use super::select::{Rules, Waiting};

/// Every transaction that a purge may be about, the oldest first, and what the host says of space and
/// time. `named` are told of whatever they are.
///
/// # Errors
/// The journal or a file system cannot be read.
pub fn waiting(
    journal: &dyn JournalReader,
    storage: &dyn Storage,
    clock: &dyn Clock,
    minimum_age: std::time::Duration,
    named: &[TransactionId],
) -> Result<(Vec<Waiting>, Rules), EngineError> {
    let mut all = Vec::new();
    let mut free = HashMap::new();
    for summary in journal.summaries()? {
        let waits = matches!(
            summary.state,
            State::Committed | State::Prepared | State::Purging
        );
        if !waits && !named.contains(&summary.id) {
            continue;
        }
        let transaction = journal.read(summary.id)?;
        all.push(one(storage, summary, &transaction, &mut free)?);
    }
    let rules = Rules {
        now: clock.now(),
        uptime: clock.uptime(),
        minimum_age,
        free,
    };
    Ok((all, rules))
}

fn one(
    storage: &dyn Storage,
    summary: Summary,
    transaction: &Transaction,
    free: &mut HashMap<u64, u64>,
) -> Result<Waiting, EngineError> {
    let mut bytes_on: Vec<(u64, u64)> = Vec::new();
    for (_, moved, stored) in transaction.files().chain(transaction.copies()) {
        let Some(folder) = stored.parent() else {
            continue;
        };
        let Some(room) = storage.room(folder)? else {
            continue;
        };
        free.insert(room.device, room.free);
        match bytes_on.iter_mut().find(|(on, _)| *on == room.device) {
            Some((_, bytes)) => *bytes = bytes.saturating_add(moved.facts.allocated),
            None => bytes_on.push((room.device, moved.facts.allocated)),
        }
    }
    Ok(Waiting {
        summary,
        uptime: transaction.uptime.clone(),
        imported: transaction.is_imported(),
        bytes_on,
    })
}
