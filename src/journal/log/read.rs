//! One transaction, read back and checked against what is known of it.

use std::sync::Arc;

use super::block::{self, Members, Part};
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
    let mut records = if let Some(sealed) = shelf.get(Tree::Sealed, &key(id))? {
        seal::unseal(id, &sealed)?
    } else if let Some(begin) = shelf.get(Tree::Begins, &key(id))? {
        Records {
            begin,
            entries: Vec::new(),
        }
    } else {
        let block = shelf.block(block::number_of(id), Part::Records)?;
        match block.as_ref().and_then(|members| members.get(&id)) {
            Some(whole) => seal::apart(id, whole)?,
            None => return Ok(None),
        }
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
    if let Some(record) = shelf.get(Tree::Summaries, &key(id))? {
        return opened(id, &record).map(Some);
    }
    let block = shelf.block(block::number_of(id), Part::Summaries)?;
    let record = block.as_ref().and_then(|members| members.get(&id));
    record.map(|record| opened(id, record)).transpose()
}

pub(super) fn opened(id: u64, record: &[u8]) -> Result<Summary, Fault> {
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
    let mut count = 0;
    let mut downwards = Downwards::new(shelf);
    while let Some((id, record)) = downwards.next()? {
        count += 1;
        if !each(opened(id, &record)?)? {
            return Ok(());
        }
    }
    if count != head.count {
        return Fault::damaged(format!(
            "{count} transactions have summaries, and {} were begun",
            head.count
        ));
    }
    Ok(())
}

/// The summaries as they are stored, alone or in a block, the newest first.
pub(super) struct Downwards<'a, S> {
    shelf: &'a S,
    below: u64,
    /// The next one that is stored alone, where that has been looked for.
    alone: Option<Option<u64>>,
    /// The block that was come to last; `None` before the first.
    block: Option<(u64, Arc<Members>)>,
}

impl<'a, S: Shelf> Downwards<'a, S> {
    pub(super) fn new(shelf: &'a S) -> Self {
        Self {
            shelf,
            below: u64::MAX,
            alone: None,
            block: None,
        }
    }

    /// # Errors
    /// [`Fault::Damaged`] where a block is.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Vec<u8>)>, Fault> {
        let alone = match self.alone {
            Some(alone) => alone,
            None => {
                let found = self.shelf.before(Tree::Summaries, &key(self.below))?;
                found.as_deref().map(number).transpose()?
            }
        };
        let member = self.member()?;
        self.alone = Some(alone);
        // What is alone is newer than what a block has of the same transaction.
        let (id, record) = match (alone, member) {
            (None, None) => return Ok(None),
            (Some(id), member) if member.as_ref().is_none_or(|(other, _)| *other <= id) => {
                self.alone = None;
                let record = self.shelf.get(Tree::Summaries, &key(id))?;
                (id, record.unwrap_or_default())
            }
            (_, Some(member)) => member,
            (Some(_), None) => return Ok(None),
        };
        self.below = id;
        Ok(Some((id, record)))
    }

    /// The greatest one of a block.
    fn member(&mut self) -> Result<Option<(u64, Vec<u8>)>, Fault> {
        loop {
            let bound = match &self.block {
                Some((number, members)) => {
                    if let Some((id, record)) = members.range(..self.below).next_back() {
                        return Ok(Some((*id, record.clone())));
                    }
                    *number
                }
                None => block::number_of(self.below) + 1,
            };
            let bound = block::key(bound, Part::Summaries);
            let Some(found) = self.shelf.before(Tree::Blocks, &bound)? else {
                return Ok(None);
            };
            let number = block::number_in(&found)?;
            let members = self.shelf.block(number, Part::Summaries)?;
            let members =
                members.ok_or_else(|| Fault::Damaged(format!("block {number} is not whole")))?;
            self.block = Some((number, members));
        }
    }
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
