//! Checking the log: a little at every open, all of it when asked.

use std::collections::BTreeMap;

use super::read::{self, begin_hash, number};
use super::shelf::{HEAD, Shelf, Tree};
use super::{key, records};
use crate::journal::format::{self, Entry, EventKind, Format, Head, Mark};
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
    /// One for each entry, in the log's order; what could not be read is missing at its end.
    pub leaves: Vec<Hash>,
    /// What is wrong, in words.
    pub findings: Vec<String>,
}

/// Looks at every record. `progress` is told how many transactions have been read, of how many.
///
/// # Errors
/// [`Fault::Io`] alone: what is wrong with the records is what it is asked for.
pub fn whole(
    shelf: &impl Shelf,
    head: &Head,
    migrated: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Checked, Fault> {
    let mut look = Look {
        leaves: Vec::new(),
        links: BTreeMap::new(),
        findings: Vec::new(),
    };
    let mut count = 0;
    let mut claims = Vec::new();
    let mut ids = Vec::new();
    let read = shelf.scan(Tree::Summaries, &[], &mut |key, _| {
        ids.push(number(key)?);
        Ok(())
    });
    look.note(read)?;
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
    let notices = look.notices(shelf);
    look.note(notices)?;
    Ok(look.finish(head, migrated))
}

struct Look {
    leaves: Vec<(u64, Hash)>,
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
        // The leaves first: a summary that is wrong makes no entry missing.
        if let Some(records) = records(shelf, id)? {
            for record in &records.entries {
                self.leaf(record)?;
            }
        }
        let read = read::read(shelf, id)?;
        Ok(read.is_some_and(|(it, _)| it.state().claim() != Claim::Nothing))
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
        let fault = |error| Fault::record("a log entry", error);
        let entry: Entry = decode(record).map_err(fault)?;
        self.leaves.push((entry.sequence, merkle::leaf(record)));
        if format::version_of(record).map_err(fault)? == 1 {
            let previous = legacy::previous(record).map_err(fault)?;
            self.links
                .insert(entry.sequence, (previous, begin_hash(1, record)));
        }
        Ok(entry)
    }

    fn finish(mut self, head: &Head, migrated: u64) -> Checked {
        self.leaves.sort_unstable_by_key(|(sequence, _)| *sequence);
        let mut leaves = Vec::new();
        for (sequence, leaf) in std::mem::take(&mut self.leaves) {
            let next = leaves.len() as u64 + 1;
            if sequence != next {
                self.findings.push(match sequence < next {
                    true => format!("entry {sequence} is there twice"),
                    false => format!("entry {next} is missing"),
                });
                break;
            }
            leaves.push(leaf);
        }
        if leaves.len() as u64 != head.sequence() {
            self.findings.push(format!(
                "the log goes to entry {} and its head says {}",
                leaves.len(),
                head.sequence()
            ));
        } else if merkle::root(&leaves) != head.frontier.root() {
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
            leaves,
            findings: self.findings,
        }
    }
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
