//! A journal of format 1 (`migrations/0001-initial.md`), checked whole and read in the order of its
//! log: what a migration starts from.

use super::envelope::Kind;
use super::format::{Begin, Entry, EventKind, Mark};
use super::log::{Shelf, Tree, entry_key, key};
use super::mirror::Load;
use super::primitive::{Hash, Time, Uuid};
use super::{DecodeError, Fault, codec, decode, envelope, v1};
use crate::model::{self, Claim};

/// A format-1 journal that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    pub journal: Uuid,
    pub created_at: Time,
    /// Every entry of the log in its order: the transaction, and whether it begins it.
    pub order: Vec<(u64, bool)>,
    pub transactions: u64,
}

/// What an entry of format 1 says of the one before it.
///
/// # Errors
/// Any [`DecodeError`].
pub fn previous(record: &[u8]) -> Result<Hash, DecodeError> {
    Ok(codec::payload_of::<v1::Entry>(record, Kind::Event)?.previous)
}

/// The watermark that the bytes begin with, its root the hash of the last entry.
///
/// # Errors
/// Any [`DecodeError`].
pub fn mark(bytes: &[u8]) -> Result<Mark, DecodeError> {
    let sealed = envelope::open(bytes)?;
    let record = &bytes[..bytes.len() - sealed.rest.len()];
    let head: v1::Head = codec::payload_of(record, Kind::Head)?;
    Ok(Mark {
        journal: head.journal,
        sequence: head.sequence,
        root: head.hash,
        transactions: head.transactions,
        count: head.transactions,
    })
}

/// The records of entry `sequence`, the transaction's first if it begins it.
///
/// # Errors
/// [`Fault::Damaged`] where one is missing.
pub fn records(
    shelf: &impl Shelf,
    id: u64,
    sequence: u64,
    begins: bool,
) -> Result<(Option<Vec<u8>>, Vec<u8>), Fault> {
    let entry = shelf.get(Tree::Events, &entry_key(id, sequence))?;
    let entry = entry.ok_or_else(|| missing(&format!("entry {sequence}")))?;
    let begin = match begins {
        true => Some(
            shelf
                .get(Tree::Begins, &key(id))?
                .ok_or_else(|| missing(&format!("transaction {id}")))?,
        ),
        false => None,
    };
    Ok((begin, entry))
}

/// An entry as far as the chain goes.
struct Link {
    sequence: u64,
    previous: Hash,
    hash: Hash,
    transaction: u64,
    begins: bool,
}

/// Looks at all of it. `floor` is the watermark: the journal may have gone further, never less far.
///
/// # Errors
/// [`Fault::Damaged`] names the first thing that is wrong.
pub fn whole(shelf: &impl Shelf, format: &[u8], floor: Option<&Mark>) -> Result<Past, Fault> {
    let format: v1::Format = codec::payload_of(format, Kind::Format)
        .map_err(|error| Fault::record("its first record", error))?;
    let mut links: Vec<Link> = Vec::new();
    let (mut transactions, mut count) = (0, 0);
    let mut claims = Vec::new();
    shelf.scan(Tree::Begins, &[], &mut |stored, record| {
        let name = "a transaction";
        let begin: Begin = decode(&record).map_err(|error| Fault::record(name, error))?;
        if stored != key(begin.id) {
            return Fault::damaged(format!("transaction {} is stored as another", begin.id));
        }
        transactions = begin.id;
        count += 1;
        let transaction = entries(shelf, begin, Hash::of(&record), &mut links)?;
        if transaction.state().claim() != Claim::Nothing {
            claims.push(transaction.id.0);
        }
        Ok(())
    })?;
    derived(shelf, count, &claims, links.len())?;
    let order = chain(shelf, &format, &mut links, transactions, floor)?;
    Ok(Past {
        journal: format.journal,
        created_at: format.created_at,
        order,
        transactions,
    })
}

/// One transaction with its entries, checked against its summary.
fn entries(
    shelf: &impl Shelf,
    begin: Begin,
    hash: Hash,
    links: &mut Vec<Link>,
) -> Result<model::Transaction, Fault> {
    let id = begin.id;
    let mut events = Vec::new();
    let mut last = 0;
    shelf.scan(Tree::Events, &key(id), &mut |stored, record| {
        let name = format!("an entry of transaction {id}");
        let fault = |error| Fault::record(&name, error);
        let link = previous(&record).map_err(fault)?;
        let entry: Entry = decode(&record).map_err(fault)?;
        if stored != entry_key(id, entry.sequence) || entry.transaction != id {
            return Fault::damaged(format!("entry {} is stored as another", entry.sequence));
        }
        let begins = matches!(entry.kind, EventKind::Began { record } if record == hash);
        if (last == 0) != begins {
            return Fault::damaged(format!(
                "entry {} is not what transaction {id} goes on with",
                entry.sequence
            ));
        }
        last = entry.sequence;
        links.push(Link {
            sequence: entry.sequence,
            previous: link,
            hash: Hash::of(&record),
            transaction: id,
            begins,
        });
        events.extend(entry.event());
        Ok(())
    })?;
    if last == 0 {
        return Fault::damaged(format!("transaction {id} has no entry in the log"));
    }
    let transaction = begin.with_events(events);
    let name = format!("the summary of transaction {id}");
    let summary = shelf.get(Tree::Summaries, &key(id))?;
    let summary = summary.ok_or_else(|| missing(&name))?;
    let summary: v1::Summary =
        codec::payload_of(&summary, Kind::Summary).map_err(|error| Fault::record(&name, error))?;
    // Format 1 named the effective user there.
    let mut whole = transaction.summary();
    whole.user.clone_from(&transaction.evidence.user);
    if !summary.agrees_with(&whole, last) {
        return Fault::damaged(format!("{name} disagrees with its events"));
    }
    Ok(transaction)
}

fn derived(shelf: &impl Shelf, count: usize, claims: &[u64], links: usize) -> Result<(), Fault> {
    let mut summaries = 0;
    shelf.scan(Tree::Summaries, &[], &mut |_, _| {
        summaries += 1;
        Ok(())
    })?;
    if summaries != count {
        return Fault::damaged("there are summaries of no transaction");
    }
    if super::log::claiming(shelf)? != claims {
        return Fault::damaged("the list of claims disagrees with the events");
    }
    let mut events = 0;
    shelf.scan(Tree::Events, &[], &mut |_, _| {
        events += 1;
        Ok(())
    })?;
    if events != links {
        return Fault::damaged("the log has entries of no transaction");
    }
    Ok(())
}

/// Follows the chain, and looks for the watermark on the way.
fn chain(
    shelf: &impl Shelf,
    format: &v1::Format,
    links: &mut [Link],
    transactions: u64,
    floor: Option<&Mark>,
) -> Result<Vec<(u64, bool)>, Fault> {
    // Entries are stored by transaction; the chain runs through all of them.
    links.sort_unstable_by_key(|link| link.sequence);
    let (mut sequence, mut hash, mut begun) = (0, Hash::NONE, 0);
    for link in links.iter() {
        if link.sequence != sequence + 1 {
            return Fault::damaged(format!("entry {} is missing", sequence + 1));
        }
        if link.previous != hash {
            return Fault::damaged(format!(
                "entry {} does not follow the one before it: one of both was changed",
                link.sequence
            ));
        }
        sequence = link.sequence;
        hash = link.hash;
        begun = begun.max(link.transaction);
        let at_watermark = floor.filter(|floor| floor.sequence == sequence);
        if at_watermark.is_some_and(|it| it.root != hash || it.transactions != begun) {
            return Fault::damaged(format!("entry {sequence} is not the one written"));
        }
    }
    match floor {
        Some(floor) if floor.journal != format.journal => {
            return Fault::damaged("the watermark belongs to another journal");
        }
        Some(floor) if floor.sequence > sequence => {
            return Fault::damaged(format!(
                "records are missing: it had {} transactions and {} log entries, and has {} and {}",
                floor.transactions, floor.sequence, transactions, sequence
            ));
        }
        // The watermark is made with the journal, before its first record.
        None if sequence > 0 => {
            return Fault::damaged(
                "journal.head is missing, so nothing shows whether records are missing too",
            );
        }
        Some(_) | None => {}
    }
    let head = shelf.get(Tree::Meta, b"head")?;
    let head = head.ok_or_else(|| missing("the journal's head"))?;
    let head: v1::Head =
        codec::payload_of(&head, Kind::Head).map_err(|error| Fault::record("the head", error))?;
    let found = (head.journal, head.sequence, head.hash, head.transactions);
    if found != (format.journal, sequence, hash, transactions) {
        return Fault::damaged(format!(
            "the log goes to entry {sequence} and its head says {}",
            head.sequence
        ));
    }
    Ok(links
        .iter()
        .map(|link| (link.transaction, link.begins))
        .collect())
}

/// One transaction of a journal that is whole.
///
/// # Errors
/// [`Fault::Damaged`].
pub fn read(shelf: &impl Shelf, id: u64) -> Result<model::Transaction, Fault> {
    let begin = shelf.get(Tree::Begins, &key(id))?;
    let begin = begin.ok_or_else(|| missing(&format!("transaction {id}")))?;
    let begin: v1::Begin = codec::payload_of(&begin, Kind::Begin)
        .map_err(|error| Fault::record("a transaction", error))?;
    let mut transaction: model::Transaction = begin.load();
    shelf.scan(Tree::Events, &key(id), &mut |_, record| {
        let entry: Entry = decode(&record).map_err(|error| Fault::record("an entry", error))?;
        transaction.extend(entry.event().into_iter().collect());
        Ok(())
    })?;
    Ok(transaction)
}

fn missing(what: &str) -> Fault {
    Fault::Damaged(format!("{what} is missing"))
}
