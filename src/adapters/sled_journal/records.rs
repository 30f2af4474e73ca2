//! Between the store's bytes and the model's values.

use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;

use super::fault::Fault;
use super::store::{Batch, Part, Store};
use crate::journal::{
    Begin, Entry, EventKind, Hash, Head, Summary, Time, decode, encode, is_current,
};
use crate::model::{self, Claim, TransactionId};

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

/// An append in the making: the batch for the store, and the head it leads to.
pub(super) struct Growth {
    /// Shared with the thread that writes it.
    pub(super) batch: Arc<Batch>,
    pub(super) head: Head,
    /// Of each addition, in their order.
    pub(super) events: Vec<Vec<model::Event>>,
}

/// The first records of a transaction.
pub(super) fn begin(
    head: &Head,
    transaction: &model::Transaction,
    now: jiff::Timestamp,
) -> Result<Growth, Fault> {
    import(head, transaction, &[], now)
}

/// The first records of a transaction with more of its events, in one append.
pub(super) fn import(
    head: &Head,
    transaction: &model::Transaction,
    events: &[model::EventKind],
    now: jiff::Timestamp,
) -> Result<Growth, Fault> {
    let record = encode(&Begin::from(transaction))?;
    let mut kinds = vec![EventKind::Began {
        record: Hash::of(&record),
    }];
    kinds.extend(events.iter().map(EventKind::from));
    let mut head = Head {
        // `rebuild` takes in old ones after newer ones.
        transactions: head.transactions.max(transaction.id.0),
        ..head.clone()
    };
    let mut summary = transaction.summary();
    let (mut part, events) = part(&mut head, &mut summary, kinds, now)?;
    part.begin = Some(record);
    growth(vec![part], head, vec![events])
}

/// More events of transactions, each of which is there. `None` where there are none at all.
pub(super) fn append(
    store: &Store,
    head: &Head,
    additions: Vec<(TransactionId, Vec<model::EventKind>)>,
    now: jiff::Timestamp,
) -> Result<Option<Growth>, Fault> {
    let mut head = head.clone();
    let mut summaries: BTreeMap<u64, model::Summary> = BTreeMap::new();
    let mut parts = Vec::new();
    let mut all = Vec::new();
    for (TransactionId(id), kinds) in additions {
        if kinds.is_empty() {
            all.push(Vec::new());
            continue;
        }
        let summary = match summaries.entry(id) {
            btree_map::Entry::Occupied(entry) => entry.into_mut(),
            btree_map::Entry::Vacant(entry) => {
                let stored = store.summary(id)?;
                let stored = stored.ok_or_else(|| Fault::Damaged(format!("{id} is missing")))?;
                entry.insert(summary(store, id, &stored)?)
            }
        };
        let kinds = kinds.iter().map(EventKind::from).collect();
        let (part, events) = part(&mut head, summary, kinds, now)?;
        parts.push(part);
        all.push(events);
    }
    if parts.is_empty() {
        return Ok(None);
    }
    growth(parts, head, all).map(Some)
}

fn growth(parts: Vec<Part>, head: Head, events: Vec<Vec<model::Event>>) -> Result<Growth, Fault> {
    let batch = Batch {
        parts,
        head: encode(&head)?,
    };
    Ok(Growth {
        batch: Arc::new(batch),
        head,
        events,
    })
}

/// Moves `head` and `summary` on.
fn part(
    head: &mut Head,
    summary: &mut model::Summary,
    kinds: Vec<EventKind>,
    now: jiff::Timestamp,
) -> Result<(Part, Vec<model::Event>), Fault> {
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
    let part = Part {
        id: summary.id.0,
        begin: None,
        entries,
        claims: summary.state.claim() != Claim::Nothing,
        summary: encode(&Summary::new(summary, head.sequence))?,
    };
    Ok((part, events))
}
