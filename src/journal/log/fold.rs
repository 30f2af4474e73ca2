//! What is closed goes into fewer records: a transaction into one, and neighbours into a block.

use std::collections::{BTreeMap, BTreeSet};

use super::block::{self, Members, Part};
use super::read::{self, Records};
use super::shelf::{Change, Shelf, Tree, gone, put};
use super::{key, seal};
use crate::journal::Fault;
use crate::model;

/// A closed transaction in one record.
pub(super) struct Sealed {
    pub(super) changes: Vec<Change>,
    /// What is in that record.
    pub(super) whole: Vec<u8>,
}

/// The changes that fold a closed transaction into one record; `None` of one that is too large.
/// `begin` and `entries` are what is new of it.
pub(super) fn sealed<S: Shelf>(
    shelf: &S,
    id: u64,
    begin: Option<&[u8]>,
    entries: &[(u64, Vec<u8>)],
) -> Result<Option<Sealed>, Fault> {
    let new = entries.iter().map(|(_, record)| record.clone());
    let records = match begin {
        Some(begin) => Records {
            begin: begin.to_owned(),
            entries: new.collect(),
        },
        None => {
            let stored = read::records(shelf, id)?;
            let mut stored =
                stored.ok_or_else(|| Fault::Damaged(format!("transaction {id} is missing")))?;
            stored.entries.extend(new);
            stored
        }
    };
    let Some(record) = seal::seal(id, &records)? else {
        return Ok(None);
    };
    let mut changes = vec![put(Tree::Sealed, key(id), record)];
    if begin.is_none() {
        if shelf.get(Tree::Begins, &key(id))?.is_some() {
            changes.push(gone(Tree::Begins, key(id)));
        }
        shelf.scan(Tree::Events, &key(id), &mut |key, _| {
            changes.push(gone(Tree::Events, key.to_vec()));
            Ok(())
        })?;
    }
    Ok(Some(Sealed {
        changes,
        whole: seal::together(&records),
    }))
}

/// Of a closed transaction, what a block has of it.
#[derive(Clone)]
pub(super) struct Closed {
    pub(super) summary: Vec<u8>,
    /// What is sealed.
    pub(super) whole: Vec<u8>,
}

/// What an append knows better than the shelf.
pub(super) struct New<'a> {
    pub(super) closed: &'a BTreeMap<u64, Closed>,
    pub(super) open: &'a BTreeSet<u64>,
    /// The greatest number that was given.
    pub(super) last: u64,
}

/// Where all of a block are closed, `changes` put them into it.
pub(super) fn blocked<S: Shelf>(
    shelf: &S,
    number: u64,
    new: &New,
    changes: &mut Vec<Change>,
) -> Result<(), Fault> {
    let Some([summaries, records]) = neighbours(shelf, number, new)? else {
        return Ok(());
    };
    let packed = (
        block::pack(number, Part::Summaries, &summaries)?,
        block::pack(number, Part::Records, &records)?,
    );
    let (Some(lines), Some(wholes)) = packed else {
        return Ok(());
    };
    let alone = [Tree::Summaries, Tree::Sealed];
    let mut moved = Vec::new();
    for id in summaries.keys() {
        for tree in alone {
            if shelf.get(tree, &key(*id))?.is_some() {
                moved.push(gone(tree, key(*id)));
            }
        }
    }
    // From here on nothing fails: half of it would be a transaction without a record.
    let is_in = |change: &Change| {
        alone.contains(&change.tree) && summaries.keys().any(|id| key(*id) == change.key)
    };
    changes.retain(|change| !is_in(change));
    changes.extend(moved);
    for (part, record) in [(Part::Summaries, lines), (Part::Records, wholes)] {
        changes.push(put(Tree::Blocks, block::key(number, part), record));
    }
    Ok(())
}

/// Summaries and records of a whole block; `None` where one of it is not closed, is too large, or
/// may still come.
fn neighbours<S: Shelf>(shelf: &S, number: u64, new: &New) -> Result<Option<[Members; 2]>, Fault> {
    let ids = block::range(number);
    if *ids.end() > new.last || ids.clone().any(|id| new.open.contains(&id)) {
        return Ok(None);
    }
    // Before anything is unpacked: the newest ones are those that wait.
    for id in ids.clone().rev().filter(|id| !new.closed.contains_key(id)) {
        if let Some(summary) = shelf.get(Tree::Summaries, &key(id))?
            && !is_closed(id, &summary)?
        {
            return Ok(None);
        }
    }
    let mut found = [Members::new(), Members::new()];
    for id in ids {
        let Closed { summary, whole } = match new.closed.get(&id) {
            Some(one) => one.clone(),
            None => match alone(shelf, id)? {
                Alone::Closed(one) => one,
                Alone::Apart => return Ok(None),
                Alone::Nothing => match in_block(shelf, id)? {
                    Some(one) => one,
                    None => continue,
                },
            },
        };
        found[0].insert(id, summary);
        found[1].insert(id, whole);
    }
    Ok(Some(found))
}

/// How a transaction is stored outside of blocks.
enum Alone {
    Nothing,
    /// Not all of it is in one record.
    Apart,
    Closed(Closed),
}

fn alone<S: Shelf>(shelf: &S, id: u64) -> Result<Alone, Fault> {
    let Some(summary) = shelf.get(Tree::Summaries, &key(id))? else {
        return Ok(Alone::Nothing);
    };
    let Some(sealed) = shelf.get(Tree::Sealed, &key(id))? else {
        return Ok(Alone::Apart);
    };
    let mut has_more = false;
    shelf.scan(Tree::Events, &key(id), &mut |_, _| {
        has_more = true;
        Ok(())
    })?;
    Ok(match has_more {
        true => Alone::Apart,
        false => Alone::Closed(Closed {
            summary,
            whole: seal::unpacked(id, &sealed)?,
        }),
    })
}

fn is_closed(id: u64, summary: &[u8]) -> Result<bool, Fault> {
    let line: model::Summary = read::opened(id, summary)?.into();
    Ok(line.state.is_closed())
}

fn in_block<S: Shelf>(shelf: &S, id: u64) -> Result<Option<Closed>, Fault> {
    let part = |part| -> Result<Option<Vec<u8>>, Fault> {
        let members = shelf.block(block::number_of(id), part)?;
        Ok(members.and_then(|members| members.get(&id).cloned()))
    };
    let both = part(Part::Summaries)?.zip(part(Part::Records)?);
    Ok(both.map(|(summary, whole)| Closed { summary, whole }))
}
