//! Between the store's bytes and the model's values.

use std::sync::Arc;

use super::fault::Fault;
use super::store::{Batch, Store};
use crate::journal::{
    Begin, Entry, EventKind, Hash, Head, Summary, Time, decode, encode, is_current,
};
use crate::model::{self, Claim, TransactionId};
use crate::ports::Draft;

/// Says that the journal does not go as far as it once did.
pub(super) fn missing(watermark: &Head, found: &Head) -> String {
    format!(
        "records are missing: it had {} transactions and {} log entries, and has {} and {}",
        watermark.transactions, watermark.sequence, found.transactions, found.sequence
    )
}

/// Reads one transaction; `None` if there is none of that number.
pub(super) fn read(store: &Store, id: TransactionId) -> Result<Option<model::Transaction>, Fault> {
    let Some(begin) = store.begin(id.0)? else {
        return Ok(None);
    };
    let begin: Begin =
        decode(&begin).map_err(|error| Fault::record(format!("transaction {id}"), error))?;
    let mut events = Vec::new();
    for record in store.entries(id.0)? {
        let (_, sequence) = record.id_and_sequence()?;
        let name = |error| Fault::record(format!("log entry {sequence}"), error);
        let entry: Entry = decode(&record.bytes).map_err(name)?;
        events.extend(entry.event());
    }
    Ok(Some(begin.with_events(events)))
}

/// What a stored summary says of its transaction. One of an older format may not say all that is
/// known today: then the transaction itself is read.
pub(super) fn summary(store: &Store, id: u64, record: &[u8]) -> Result<model::Summary, Fault> {
    let fault = |error| Fault::record(format!("the summary of transaction {id}"), error);
    if is_current(record).map_err(fault)? {
        return Ok(decode::<Summary>(record).map_err(fault)?.into());
    }
    let transaction = read(store, TransactionId(id))?;
    let transaction =
        transaction.ok_or_else(|| Fault::Damaged(format!("transaction {id} is missing")))?;
    Ok(transaction.summary())
}

/// A draft that has been given its number: the transaction before its first event.
pub(super) fn numbered(id: TransactionId, draft: Draft) -> model::Transaction {
    let Draft {
        uuid,
        evidence,
        removal,
        plan,
        definition,
        home,
        places,
        commit_at_once,
        started_at,
    } = draft;
    model::Transaction {
        id,
        uuid,
        evidence,
        removal,
        plan,
        definition,
        home,
        places,
        commit_at_once,
        started_at,
        events: Vec::new(),
    }
}

/// An append in the making: the batch for the store, and the head it leads to.
pub(super) struct Growth {
    /// Shared with the thread that writes it.
    pub(super) batch: Arc<Batch>,
    pub(super) head: Head,
    pub(super) events: Vec<model::Event>,
}

/// The first records of a transaction.
pub(super) fn begin(
    head: &Head,
    transaction: &model::Transaction,
    now: jiff::Timestamp,
) -> Result<Growth, Fault> {
    let record = encode(&Begin::from(transaction))?;
    let began = EventKind::Began {
        record: Hash::of(&record),
    };
    let head = Head {
        transactions: transaction.id.0,
        ..head.clone()
    };
    let summary = transaction.summary();
    grow(head, Some(record), summary, vec![began], now)
}

/// More events of a transaction with this summary.
pub(super) fn append(
    head: &Head,
    summary: model::Summary,
    kinds: &[model::EventKind],
    now: jiff::Timestamp,
) -> Result<Growth, Fault> {
    let kinds = kinds.iter().map(EventKind::from).collect();
    grow(head.clone(), None, summary, kinds, now)
}

fn grow(
    mut head: Head,
    begin: Option<Vec<u8>>,
    mut summary: model::Summary,
    kinds: Vec<EventKind>,
    now: jiff::Timestamp,
) -> Result<Growth, Fault> {
    let mut entries = Vec::new();
    let mut events = Vec::new();
    for kind in kinds {
        let entry = Entry {
            sequence: head.sequence + 1,
            transaction: summary.id.0,
            at: Time(now),
            previous: head.hash,
            kind,
        };
        let bytes = encode(&entry)?;
        head.sequence = entry.sequence;
        head.hash = Hash::of(&bytes);
        entries.push((entry.sequence, bytes));
        if let Some(event) = entry.event() {
            summary.follow(&event);
            events.push(event);
        }
    }
    let batch = Batch {
        id: summary.id.0,
        begin,
        entries,
        claims: summary.state.claim() != Claim::Nothing,
        summary: encode(&Summary::new(&summary, head.sequence))?,
        head: encode(&head)?,
    };
    Ok(Growth {
        batch: Arc::new(batch),
        head,
        events,
    })
}
