//! The log in its one order, a few transactions in memory at a time.
//!
//! Entries lie by transaction, and one transaction's entries may be years apart: so first it is
//! looked up where each begins and ends, and then only those are held that the present place of
//! the walk is within.

use std::collections::BTreeMap;
use std::time::Duration;

use super::entry_key;
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
    let load = |id| {
        let (transaction, entries) = read::read(shelf, id)?.ok_or_else(|| missing(id))?;
        let entries = logged(&transaction, entries).into_iter();
        Ok(entries.map(|entry| (entry.sequence, entry)).collect())
    };
    walk(shelf, head, order, &load, &|it| notice(it), each)
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
    let load = |id| {
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
        &load,
        &|(sequence, record)| Ok((None, sequence, record)),
        &mut |(begin, sequence, record)| each(begin, sequence, record),
    )
}

/// Where a transaction's entries lie.
struct Span {
    id: u64,
    first: u64,
    last: u64,
}

/// The walk: `load` gives a transaction's entries with their sequences in their order, `notice`
/// makes one of the record of an entry that belongs to no transaction.
fn walk<T>(
    shelf: &impl Shelf,
    head: &Head,
    order: Order,
    load: &dyn Fn(u64) -> Result<Vec<(u64, T)>, Fault>,
    notice: &dyn Fn((u64, Vec<u8>)) -> Result<T, Fault>,
    each: &mut dyn FnMut(T) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut spans = Vec::new();
    summaries(shelf, head, &mut |summary| {
        spans.push(Span {
            id: summary.line.id.0,
            first: summary.extent.first,
            last: summary.extent.last,
        });
        Ok(true)
    })?;
    // The next one to be entered at the end.
    match order {
        Order::OldestFirst => spans.sort_unstable_by_key(|span| std::cmp::Reverse(span.first)),
        Order::NewestFirst => spans.sort_unstable_by_key(|span| span.last),
    }
    // Of each transaction that the walk is within what is left, the next one last.
    let mut within: BTreeMap<u64, Vec<(u64, T)>> = BTreeMap::new();
    let size = head.sequence();
    for step in 0..size {
        let sequence = match order {
            Order::OldestFirst => step + 1,
            Order::NewestFirst => size - step,
        };
        let begins = |span: &mut Span| match order {
            Order::OldestFirst => span.first <= sequence,
            Order::NewestFirst => span.last >= sequence,
        };
        while let Some(span) = spans.pop_if(begins) {
            let mut left = load(span.id)?;
            if order == Order::OldestFirst {
                left.reverse();
            }
            within.insert(span.id, left);
        }
        let is_next = |left: &Vec<(u64, T)>| left.last().is_some_and(|(it, _)| *it == sequence);
        let owner = within.iter().find(|(_, left)| is_next(left));
        let entry = match owner.map(|(id, _)| *id) {
            Some(id) => {
                let entry = within.get_mut(&id).and_then(Vec::pop);
                within.retain(|_, left| !left.is_empty());
                entry.map(|(_, entry)| entry)
            }
            None => {
                let record = shelf.get(Tree::Events, &entry_key(0, sequence))?;
                let record =
                    record.ok_or_else(|| Fault::Damaged(format!("entry {sequence} is missing")))?;
                Some(notice((sequence, record))?)
            }
        };
        if let Some(entry) = entry
            && !each(entry)?
        {
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
        user: notice.by.name().to_owned(),
        what: Logged::Notice(Box::new(notice)),
    })
}
