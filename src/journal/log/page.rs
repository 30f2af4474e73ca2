//! The log in its one order, for whoever reads it or copies it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::entry_key;
use super::order::{EntriesOf, InOrder};
use super::read::{self, summaries};
use super::shelf::{Shelf, Tree};
use crate::journal::format::{Entry, EventKind, Head};
use crate::journal::mirror::Load;
use crate::journal::{Fault, decode};
use crate::model::{self, LogEntry, Logged, Order};

/// Hands every entry to `each`, until it says that it has enough.
///
/// # Errors
/// [`Fault::Damaged`] where a transaction on the way is.
pub fn entries(
    shelf: &impl Shelf,
    head: &Head,
    order: Order,
    each: &mut dyn FnMut(LogEntry) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut load = |id| {
        let entries = of_transaction(shelf, id)?.into_iter();
        Ok(entries.map(|entry| (entry.sequence, entry)).collect())
    };
    walk(shelf, head, order, &mut load, &|it| notice(it), each)
}

/// The entries after this one, oldest first, where all that were written since are of the
/// transactions `ids` or of none. Nothing else is read.
///
/// # Errors
/// [`Fault::Damaged`] where one of them is.
pub fn entries_since(
    shelf: &impl Shelf,
    head: &Head,
    after: u64,
    ids: &BTreeSet<u64>,
) -> Result<Vec<LogEntry>, Fault> {
    let mut found = BTreeMap::new();
    for id in ids {
        let entries = of_transaction(shelf, *id)?.into_iter();
        let new = entries.filter(|entry| entry.sequence > after);
        found.extend(new.map(|entry| (entry.sequence, entry)));
    }
    for sequence in after + 1..=head.sequence() {
        if !found.contains_key(&sequence)
            && let Some(record) = shelf.get(Tree::Events, &entry_key(0, sequence))?
        {
            found.insert(sequence, notice((sequence, record))?);
        }
    }
    Ok(found.into_values().collect())
}

fn of_transaction(shelf: &impl Shelf, id: u64) -> Result<Vec<LogEntry>, Fault> {
    let (transaction, entries) = read::read(shelf, id)?.ok_or_else(|| missing(id))?;
    Ok(logged(&transaction, entries))
}

/// Hands every record to `each` in the order in which they were written: the Begin record with the
/// first entry of its transaction, the entry's sequence, and the entry.
///
/// # Errors
/// [`Fault::Damaged`] where a transaction on the way is.
pub fn records_in_order(
    shelf: &impl Shelf,
    head: &Head,
    each: &mut dyn FnMut(Option<Vec<u8>>, u64, Vec<u8>) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut load = |id| {
        let (_, entries) = read::read(shelf, id)?.ok_or_else(|| missing(id))?;
        let records = read::records(shelf, id)?.ok_or_else(|| missing(id))?;
        let mut begin = Some(records.begin);
        let sequences = entries.iter().map(|entry| entry.sequence);
        let each = sequences.zip(records.entries);
        Ok(each
            .map(|(sequence, record)| (sequence, (begin.take(), sequence, record)))
            .collect())
    };
    walk(
        shelf,
        head,
        Order::OldestFirst,
        &mut load,
        &|(sequence, record)| Ok((None, sequence, record)),
        &mut |(begin, sequence, record)| each(begin, sequence, record),
    )
}

/// The walk: `load` gives a transaction's entries with their sequences, `notice` makes one of the
/// record of an entry that belongs to no transaction.
fn walk<T>(
    shelf: &impl Shelf,
    head: &Head,
    order: Order,
    load: &mut EntriesOf<'_, T>,
    notice: &dyn Fn((u64, Vec<u8>)) -> Result<T, Fault>,
    each: &mut dyn FnMut(T) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut entries = InOrder::new(order);
    summaries(shelf, head, &mut |summary| {
        let at = match order {
            Order::OldestFirst => summary.extent.first,
            Order::NewestFirst => summary.extent.last,
        };
        entries.expect(at, summary.line.id.0);
        Ok(true)
    })?;
    let size = head.sequence();
    for step in 0..size {
        let sequence = match order {
            Order::OldestFirst => step + 1,
            Order::NewestFirst => size - step,
        };
        let entry = match entries.take(sequence, load)? {
            Some(entry) => entry,
            None => {
                let record = shelf.get(Tree::Events, &entry_key(0, sequence))?;
                let record =
                    record.ok_or_else(|| Fault::Damaged(format!("entry {sequence} is missing")))?;
                notice((sequence, record))?
            }
        };
        if !each(entry)? {
            return Ok(());
        }
    }
    Ok(())
}

fn missing(id: u64) -> Fault {
    Fault::Damaged(format!("transaction {id} is missing"))
}

fn logged(transaction: &model::Transaction, entries: Vec<Entry>) -> Vec<LogEntry> {
    let mut user = transaction.evidence.name().to_owned();
    let mut logged = Vec::new();
    for entry in entries {
        let what = match entry.kind {
            EventKind::Began { .. } => Logged::Begun(Box::new(transaction.evidence.clone())),
            kind => match kind.load() {
                Some(kind) => Logged::Event(kind),
                None => continue,
            },
        };
        if let Logged::Event(model::EventKind::Decided { by, .. }) = &what {
            by.name().clone_into(&mut user);
        }
        logged.push(LogEntry {
            sequence: entry.sequence,
            at: entry.at.load(),
            clock_back: entry.clock_back.map(Duration::from_millis),
            transaction: Some(transaction.id),
            domain: Some(transaction.domain().clone()),
            restored_as: transaction.renamed().map(|it| it.domain.clone()),
            user: user.clone(),
            what,
        });
    }
    logged
}

fn notice((sequence, record): (u64, Vec<u8>)) -> Result<LogEntry, Fault> {
    let name = format!("entry {sequence}");
    let entry: Entry = decode(&record).map_err(|error| Fault::record(&name, error))?;
    let EventKind::Noticed(notice) = entry.kind else {
        return Fault::damaged(format!("{name} belongs to no transaction"));
    };
    let notice: model::Notice = notice.load();
    Ok(LogEntry {
        sequence,
        at: entry.at.load(),
        clock_back: entry.clock_back.map(Duration::from_millis),
        transaction: None,
        domain: notice.domain.clone(),
        restored_as: None,
        user: notice.by.name().to_owned(),
        what: Logged::Notice(Box::new(notice)),
    })
}
