//! What waits in quarantine, as the selections ask of it.

use std::collections::{BTreeMap, HashMap};

use crate::model::{State, Summary, Transaction, TransactionId};
use crate::ports::{Clock, JournalReader, StorageView};

use super::super::error::EngineError;
use super::super::space::measure;
use super::select::{Rules, Waiting};

/// Every transaction that a purge may be about, the oldest first, and what the host says of space
/// and time. `named` are told of whatever they are.
///
/// # Errors
/// The journal or a file system cannot be read.
pub fn waiting(
    journal: &dyn JournalReader,
    storage: &dyn StorageView,
    clock: &dyn Clock,
    minimum_age: std::time::Duration,
    named: &[TransactionId],
) -> Result<(Vec<Waiting>, Rules), EngineError> {
    let mut all = Vec::new();
    let mut free = HashMap::new();
    for summary in asked_of(journal, named)? {
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

/// The oldest first.
fn asked_of(
    journal: &dyn JournalReader,
    named: &[TransactionId],
) -> Result<Vec<Summary>, EngineError> {
    let waits = |summary: &Summary| {
        let state = summary.state;
        matches!(state, State::Committed | State::Prepared | State::Purging)
    };
    let mut asked: BTreeMap<TransactionId, Summary> = (journal.outstanding()?.into_iter())
        .filter(waits)
        .map(|summary| (summary.id, summary))
        .collect();
    for id in named {
        if !asked.contains_key(id) {
            // Of a number that nobody has, whoever asked for it tells.
            asked.extend(journal.summary(*id)?.map(|summary| (*id, summary)));
        }
    }
    Ok(asked.into_values().collect())
}

fn one(
    storage: &dyn StorageView,
    summary: Summary,
    transaction: &Transaction,
    free: &mut HashMap<u64, u64>,
) -> Result<Waiting, EngineError> {
    for folder in transaction.folders() {
        if let Some(room) = storage.room(&folder)? {
            free.insert(room.device, room.free);
        }
    }
    Ok(Waiting {
        summary,
        uptime: transaction.uptime.clone(),
        imported: transaction.is_imported(),
        names: measure(storage, transaction).names,
    })
}
