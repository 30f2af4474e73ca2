//! One transaction, read back and checked against what is known of it.

use super::shelf::{Shelf, Tree};
use super::{key, seal};
use crate::journal::format::{Begin, Entry, EventKind, Extent, Head, Summary, version_of};
use crate::journal::mirror::Load;
use crate::journal::primitive::Hash;
use crate::journal::{Fault, decode, merkle};
use crate::model;

/// A transaction's records, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    pub begin: Vec<u8>,
    /// In their order.
    pub entries: Vec<Vec<u8>>,
}

/// `None` if there is no such transaction.
///
/// # Errors
/// [`Fault::Damaged`] where half of it is there.
pub fn records(shelf: &impl Shelf, id: u64) -> Result<Option<Records>, Fault> {
    let mut records = match shelf.get(Tree::Sealed, &key(id))? {
        Some(sealed) => seal::unseal(id, &sealed)?,
        None => match shelf.get(Tree::Begins, &key(id))? {
            Some(begin) => Records {
                begin,
                entries: Vec::new(),
            },
            None => return Ok(None),
        },
    };
    shelf.scan(Tree::Events, &key(id), &mut |_, entry| {
        records.entries.push(entry);
        Ok(())
    })?;
    Ok(Some(records))
}

/// One transaction and its entries, the log's own included; `None` if there is none of that number.
///
/// # Errors
/// [`Fault::Damaged`] names the first record that is not the one written.
pub fn read(
    shelf: &impl Shelf,
    id: u64,
) -> Result<Option<(model::Transaction, Vec<Entry>)>, Fault> {
    let records = records(shelf, id)?;
    let whole = whole(id, summary(shelf, id)?, records.as_ref())?;
    Ok(whole.map(|whole| (whole.transaction, whole.entries)))
}

/// A transaction whose records are those that were written.
pub(super) struct Whole {
    pub(super) transaction: model::Transaction,
    pub(super) entries: Vec<Entry>,
    /// Of each entry.
    pub(super) leaves: Vec<Hash>,
}

/// # Errors
/// As [`read`].
pub(super) fn whole(
    id: u64,
    stored: Option<Summary>,
    records: Option<&Records>,
) -> Result<Option<Whole>, Fault> {
    let (stored, records) = match (stored, records) {
        (None, None) => return Ok(None),
        (Some(stored), Some(records)) => (stored, records),
        (None, Some(_)) => return Fault::damaged(format!("transaction {id} has no summary")),
        (Some(_), None) => return Fault::damaged(format!("transaction {id} is missing")),
    };
    let name = format!("transaction {id}");
    let begin: Begin = decode(&records.begin).map_err(|error| Fault::record(&name, error))?;
    if begin.id != id {
        return Fault::damaged(format!("{name} is stored as another"));
    }
    let mut extent = Extent::NONE;
    let mut entries: Vec<Entry> = Vec::new();
    let mut leaves = Vec::new();
    for (index, record) in records.entries.iter().enumerate() {
        let name = || format!("an entry of transaction {id}");
        let entry: Entry = decode(record).map_err(|error| Fault::record(name(), error))?;
        if entry.transaction != id || entry.sequence <= extent.last {
            return Fault::damaged(format!("{} is stored as another", name()));
        }
        let begins = match &entry.kind {
            EventKind::Began { record: hash } => {
                let version = version_of(record).map_err(|error| Fault::record(name(), error))?;
                *hash == begin_hash(version, &records.begin)
            }
            _ => false,
        };
        if begins != (index == 0) {
            return Fault::damaged(format!(
                "entry {} is not what transaction {id} goes on with",
                entry.sequence
            ));
        }
        let leaf = merkle::leaf(record);
        extent.push(entry.sequence, &leaf);
        entries.push(entry);
        leaves.push(leaf);
    }
    if extent != stored.extent {
        return Fault::damaged(format!(
            "the entries of transaction {id} are not those that were written"
        ));
    }
    let events = entries.iter().cloned().filter_map(Entry::event).collect();
    let transaction = begin.with_events(events);
    if Summary::new(&transaction.summary(), extent) != stored {
        return Fault::damaged(format!(
            "the summary of transaction {id} disagrees with its events"
        ));
    }
    Ok(Some(Whole {
        transaction,
        entries,
        leaves,
    }))
}

/// What the first entry of a transaction says of its Begin record, by the entry's own format.
pub(super) fn begin_hash(version: u16, begin: &[u8]) -> Hash {
    match version {
        1 => Hash::of(begin),
        _ => Hash::sha256(begin),
    }
}

/// # Errors
/// [`Fault::Damaged`] where it does not decode.
pub fn summary(shelf: &impl Shelf, id: u64) -> Result<Option<Summary>, Fault> {
    let record = shelf.get(Tree::Summaries, &key(id))?;
    record.map(|record| opened(id, &record)).transpose()
}

fn opened(id: u64, record: &[u8]) -> Result<Summary, Fault> {
    let name = format!("the summary of transaction {id}");
    let summary: Summary = decode(record).map_err(|error| Fault::record(&name, error))?;
    if summary.line.id.0 != id {
        return Fault::damaged(format!("{name} is stored as another"));
    }
    Ok(summary)
}

/// All of them, the newest first, until `each` says that it has enough.
///
/// # Errors
/// [`Fault::Damaged`] where one does not decode, or where all were asked for and one is missing.
pub fn summaries(
    shelf: &impl Shelf,
    head: &Head,
    each: &mut dyn FnMut(Summary) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut below = key(u64::MAX);
    let mut count = 0;
    while let Some(found) = shelf.before(Tree::Summaries, &below)? {
        let id = number(&found)?;
        let record = shelf.get(Tree::Summaries, &found)?.unwrap_or_default();
        count += 1;
        if !each(opened(id, &record)?)? {
            return Ok(());
        }
        below = found;
    }
    if count != head.count {
        return Fault::damaged(format!(
            "{count} transactions have summaries, and {} were begun",
            head.count
        ));
    }
    Ok(())
}

/// Those that are not closed, oldest first. What is closed is sealed, and lies in another tree: it
/// is not read, but for what was too large to be sealed.
///
/// # Errors
/// [`Fault::Damaged`] where a summary is missing or does not decode.
pub fn outstanding(shelf: &impl Shelf) -> Result<Vec<Summary>, Fault> {
    let mut found = Vec::new();
    let mut below = key(u64::MAX);
    while let Some(begin) = shelf.before(Tree::Begins, &below)? {
        let id = number(&begin)?;
        let Some(summary) = summary(shelf, id)? else {
            return Fault::damaged(format!("transaction {id} has no summary"));
        };
        if !summary.line.state.clone().load().is_closed() {
            found.push(summary);
        }
        below = begin;
    }
    found.reverse();
    Ok(found)
}

/// The numbers of transactions that claim something, in their order.
///
/// # Errors
/// [`Fault::Damaged`] where a key is none of ours.
pub fn claiming(shelf: &impl Shelf) -> Result<Vec<u64>, Fault> {
    let mut claims = Vec::new();
    shelf.scan(Tree::Claims, &[], &mut |key, _| {
        claims.push(number(key)?);
        Ok(())
    })?;
    Ok(claims)
}

pub(super) fn number(key: &[u8]) -> Result<u64, Fault> {
    let key = <[u8; 8]>::try_from(key)
        .map_err(|_| Fault::Damaged("a key has the wrong length".into()))?;
    Ok(u64::from_be_bytes(key))
}
