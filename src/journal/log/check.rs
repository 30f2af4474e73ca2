//! Checking the log: a little at every open, all of it when asked.

use std::collections::{BTreeMap, BTreeSet};

use super::block::{self, Part};
use super::read::{self, Downwards, begin_hash, number};
use super::shelf::{HEAD, Shelf, Tree};
use super::{key, records};
use crate::journal::format::{self, Entry, EventKind, Format, Head, Mark};
use crate::journal::merkle::{Gathering, Wanted};
use crate::journal::primitive::Hash;
use crate::journal::{Fault, decode, legacy, merkle};
use crate::model::{Claim, Summary};

/// What every open looks at: the head, the watermark, and what is open. Gives the head.
///
/// `mark` is the watermark: the journal may have gone further (a crash before the watermark was
/// written), never less far.
///
/// # Errors
/// [`Fault::Damaged`] names the first thing that is wrong.
pub fn at_open(shelf: &impl Shelf, format: &Format, mark: Option<&Mark>) -> Result<Head, Fault> {
    let head = shelf.get(Tree::Meta, HEAD)?;
    let head = head.ok_or_else(|| Fault::Damaged("the journal's head is missing".into()))?;
    let head: Head = decode(&head).map_err(|error| Fault::record("the head", error))?;
    if head.journal != format.journal || !head.frontier.is_sound() {
        return Fault::damaged("the head belongs to another journal");
    }
    match mark {
        Some(mark) if mark.journal != head.journal => {
            return Fault::damaged("the watermark belongs to another journal");
        }
        Some(mark) => reaches(&head, mark)?,
        // The watermark is made with the journal, before its first record.
        None if head.sequence() == 0 => {}
        None => {
            return Fault::damaged(
                "journal.head is missing, so nothing shows whether records are missing too",
            );
        }
    }
    let claims = read::claiming(shelf)?;
    if claims.len() as u64 != head.claims {
        return Fault::damaged("the list of claims disagrees with the head");
    }
    for id in claims {
        let read = read::read(shelf, id)?;
        let claims = |line: Summary| line.state.claim() != Claim::Nothing;
        if !read.is_some_and(|(transaction, _)| claims(transaction.summary())) {
            return Fault::damaged(format!(
                "transaction {id} is said to claim something, and does not"
            ));
        }
    }
    if head.count > 0 && read::summary(shelf, head.transactions)?.is_none() {
        return Fault::damaged(format!("transaction {} is missing", head.transactions));
    }
    Ok(head)
}

/// Whether the log has what the watermark says.
fn reaches(head: &Head, mark: &Mark) -> Result<(), Fault> {
    let now = head.mark();
    if mark.sequence > now.sequence {
        return Fault::damaged(format!(
            "records are missing: it had {} transactions and {} log entries, and has {} and {}",
            mark.transactions, mark.sequence, now.transactions, now.sequence
        ));
    }
    let is_past = mark.sequence == 0
        || head.recent.contains(&(mark.sequence, mark.root))
            && mark.transactions <= now.transactions;
    let is_now = *mark == now;
    if is_now || (mark.sequence < now.sequence && is_past) {
        return Ok(());
    }
    Fault::damaged(format!("entry {} is not the one written", mark.sequence))
}

/// What a check of everything found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Of the entries that could be read.
    pub tree: Gathering,
    /// What is wrong, in words.
    pub findings: Vec<String>,
}

/// Looks at every record, one transaction in memory at a time. `wanted` is what the tree will be
/// asked besides its root; `progress` is told how many transactions have been read, of how many.
///
/// # Errors
/// [`Fault::Io`] alone: what is wrong with the records is what it is asked for.
pub fn whole(
    shelf: &impl Shelf,
    head: &Head,
    migrated: u64,
    wanted: &[Wanted],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Checked, Fault> {
    let mut look = Look {
        tree: Gathering::new(head.sequence(), wanted),
        links: BTreeMap::new(),
        findings: Vec::new(),
    };
    let mut count = 0;
    let mut claims = Vec::new();
    let mut ids = Vec::new();
    let read = numbers(shelf, &mut ids);
    look.note(read)?;
    ids.reverse();
    for id in &ids {
        count += 1;
        let state = look.transaction(shelf, *id);
        if look.note(state)?.is_some_and(|claims| claims) {
            claims.push(*id);
        }
        progress(count, head.count);
    }
    if count != head.count {
        look.findings.push(format!(
            "{count} transactions are there, and {} were begun",
            head.count
        ));
    }
    if look.note(read::claiming(shelf))?.as_ref() != Some(&claims) {
        look.say("the list of claims disagrees with the transactions");
    }
    for tree in [Tree::Begins, Tree::Sealed, Tree::Events] {
        let strays = strays(shelf, tree, &ids);
        if look.note(strays)?.is_some_and(|stray| stray) {
            look.findings.push(format!(
                "there are records of no transaction among the {}",
                tree.name()
            ));
        }
    }
    let strays = strays_in_blocks(shelf, &ids);
    if look.note(strays)?.is_some_and(|stray| stray) {
        look.say("there are blocks with records of no transaction");
    }
    let notices = look.notices(shelf);
    look.note(notices)?;
    Ok(look.finish(head, migrated))
}

struct Look {
    tree: Gathering,
    /// Of the entries of format 1: what each says of the one before it, and its own hash.
    links: BTreeMap<u64, (Hash, Hash)>,
    findings: Vec<String>,
}

impl Look {
    fn say(&mut self, what: &str) {
        self.findings.push(what.to_owned());
    }

    /// Damage is a finding; anything else ends the check.
    fn note<T>(&mut self, result: Result<T, Fault>) -> Result<Option<T>, Fault> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Fault::Damaged(cause)) => {
                self.findings.push(cause);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Whether it claims something.
    fn transaction(&mut self, shelf: &impl Shelf, id: u64) -> Result<bool, Fault> {
        let records = records(shelf, id)?;
        let entries = records.iter().flat_map(|records| &records.entries);
        let stored = read::summary(shelf, id);
        match stored.and_then(|stored| read::whole(id, stored, records.as_ref())) {
            Ok(None) => Ok(false),
            Ok(Some(whole)) => {
                let leaves = whole.entries.iter().zip(&whole.leaves);
                for ((entry, leaf), record) in leaves.zip(entries) {
                    self.add(entry.sequence, *leaf, record)?;
                }
                Ok(whole.transaction.state().claim() != Claim::Nothing)
            }
            // What is wrong elsewhere, as in the summary, makes no entry missing.
            Err(fault) => {
                for record in entries {
                    self.leaf(record)?;
                }
                Err(fault)
            }
        }
    }

    fn notices(&mut self, shelf: &impl Shelf) -> Result<(), Fault> {
        let mut found = Vec::new();
        shelf.scan(Tree::Events, &key(0), &mut |_, record| {
            found.push(record);
            Ok(())
        })?;
        for record in found {
            let entry = self.leaf(&record)?;
            if !matches!(entry.kind, EventKind::Noticed(_)) {
                return Fault::damaged(format!(
                    "entry {} belongs to no transaction",
                    entry.sequence
                ));
            }
        }
        Ok(())
    }

    fn leaf(&mut self, record: &[u8]) -> Result<Entry, Fault> {
        let entry: Entry = decode(record).map_err(|error| Fault::record("a log entry", error))?;
        self.add(entry.sequence, merkle::leaf(record), record)?;
        Ok(entry)
    }

    fn add(&mut self, sequence: u64, leaf: Hash, record: &[u8]) -> Result<(), Fault> {
        let index = sequence.checked_sub(1);
        if !index.is_some_and(|index| self.tree.add(index, leaf)) {
            self.findings
                .push(format!("entry {sequence} is there twice"));
        }
        if format::is_of_format_1(record) {
            let previous = legacy::previous(record)
                .map_err(|error| Fault::record(format!("entry {sequence}"), error))?;
            self.links
                .insert(sequence, (previous, begin_hash(1, record)));
        }
        Ok(())
    }

    fn finish(mut self, head: &Head, migrated: u64) -> Checked {
        let unbroken = self.tree.unbroken();
        if self.tree.has_gap() {
            self.findings
                .push(format!("entry {} is missing", unbroken + 1));
        }
        if unbroken != head.sequence() {
            self.findings.push(format!(
                "the log goes to entry {unbroken} and its head says {}",
                head.sequence()
            ));
        } else if self.tree.root(unbroken) != Some(head.frontier.root()) {
            self.say("the log's root is not the one written: an entry was changed");
        }
        if self.links.len() as u64 != migrated {
            self.findings.push(format!(
                "{} entries are of format 1, and {migrated} were migrated",
                self.links.len()
            ));
        }
        let mut before = Hash::NONE;
        for (sequence, (previous, hash)) in &self.links {
            if *previous != before {
                self.findings.push(format!(
                    "entry {sequence} does not follow the one before it: one of both was changed"
                ));
                break;
            }
            before = *hash;
        }
        Checked {
            tree: self.tree,
            findings: self.findings,
        }
    }
}

/// All that have a summary, the newest first.
fn numbers(shelf: &impl Shelf, ids: &mut Vec<u64>) -> Result<(), Fault> {
    let mut downwards = Downwards::new(shelf);
    while let Some((id, _)) = downwards.next()? {
        ids.push(id);
    }
    Ok(())
}

/// The same of the blocks, each of which has both its parts.
fn strays_in_blocks(shelf: &impl Shelf, ids: &[u64]) -> Result<bool, Fault> {
    let mut blocks = BTreeSet::new();
    shelf.scan(Tree::Blocks, &[], &mut |key, _| {
        blocks.insert(block::number_in(key)?);
        Ok(())
    })?;
    let mut found = false;
    for number in blocks {
        for part in Part::BOTH {
            let members = shelf.block(number, part)?;
            let members =
                members.ok_or_else(|| Fault::Damaged(format!("block {number} is not whole")))?;
            found |= members.keys().any(|id| ids.binary_search(id).is_err());
        }
    }
    Ok(found)
}

/// Whether a tree has records of a transaction that is not among `ids`.
fn strays(shelf: &impl Shelf, tree: Tree, ids: &[u64]) -> Result<bool, Fault> {
    let mut found = false;
    shelf.scan(tree, &[], &mut |key, _| {
        let id = key.get(..8).unwrap_or(key);
        let id = number(id)?;
        found |= ids.binary_search(&id).is_err() && (tree != Tree::Events || id != 0);
        Ok(())
    })?;
    Ok(found)
}
