//! The check of the whole journal at every open: each record's checksum, the chain from the first
//! entry to the head, and that whatever is derived agrees with what it is derived from.

use super::fault::Fault;
use super::records;
use super::store::Store;
use crate::journal::{Begin, Entry, EventKind, Format, Hash, Head, decode, summary_agrees};
use crate::model::{self, Claim};

/// An entry as far as the chain goes.
struct Link {
    sequence: u64,
    previous: Hash,
    hash: Hash,
    transactions: u64,
}

/// Gives the head, once everything before it has been looked at. `floor` is the watermark: the
/// journal may have gone further (a crash before the watermark was written), never less far.
///
/// # Errors
/// [`Fault::Damaged`] names the first thing that is wrong.
pub(super) fn whole(store: &Store, format: &Format, floor: Option<&Head>) -> Result<Head, Fault> {
    let mut links: Vec<Link> = Vec::new();
    let (mut transactions, mut count) = (0, 0);
    let mut claims = Vec::new();
    store.for_each_begin(|record| {
        let id = record.id()?;
        // `rebuild` leaves gaps between the numbers; that none is missing shows in the chain, which
        // has an entry of each.
        transactions = id;
        count += 1;
        let name = format!("transaction {id}");
        let begin: Begin = decode(&record.bytes).map_err(|error| Fault::record(&name, error))?;
        if begin.id != id {
            return damaged(format!("{name} is stored as another"));
        }
        let hash = Hash::of(&record.bytes);
        let transaction = entries(store, begin, hash, &mut links)?;
        if transaction.state().claim() != Claim::Nothing {
            claims.push(id);
        }
        Ok(())
    })?;
    derived(store, count, &claims)?;
    if store.count_entries()? != links.len() as u64 {
        return damaged("the log has entries of no transaction".into());
    }
    let head = chain(format, &mut links, transactions, floor)?;
    let stored = store.head()?.ok_or_else(|| missing("the journal's head"))?;
    let stored: Head = decode(&stored).map_err(|error| Fault::record("the head", error))?;
    if stored != head {
        return damaged(format!(
            "the log goes to entry {} and its head says {}",
            head.sequence, stored.sequence
        ));
    }
    Ok(head)
}

/// One transaction with its entries, checked against its summary.
fn entries(
    store: &Store,
    begin: Begin,
    hash: Hash,
    links: &mut Vec<Link>,
) -> Result<model::Transaction, Fault> {
    let id = begin.id;
    let mut events = Vec::new();
    let mut last = 0;
    for (index, record) in store.entries(id)?.into_iter().enumerate() {
        let key = record.id_and_sequence()?;
        let name = format!("entry {} of transaction {id}", key.1);
        let entry: Entry = decode(&record.bytes).map_err(|error| Fault::record(&name, error))?;
        if (entry.transaction, entry.sequence) != key {
            return damaged(format!("{name} is stored as another"));
        }
        let is_beginning = matches!(entry.kind, EventKind::Began { record } if record == hash);
        if (index == 0) != is_beginning {
            return damaged(format!("{name} is not what transaction {id} goes on with"));
        }
        last = entry.sequence;
        links.push(Link {
            sequence: entry.sequence,
            previous: entry.previous,
            hash: Hash::of(&record.bytes),
            transactions: id,
        });
        events.extend(entry.event());
    }
    if last == 0 {
        return damaged(format!("transaction {id} has no entry in the log"));
    }
    let transaction = begin.with_events(events);
    let name = format!("the summary of transaction {id}");
    let summary = store.summary(id)?.ok_or_else(|| missing(&name))?;
    let agrees = summary_agrees(&summary, &transaction.summary(), last);
    if !agrees.map_err(|error| Fault::record(&name, error))? {
        return damaged(format!("{name} disagrees with its events"));
    }
    Ok(transaction)
}

fn derived(store: &Store, count: usize, claims: &[u64]) -> Result<(), Fault> {
    if store.summaries()?.len() != count {
        return damaged("there are summaries of no transaction".into());
    }
    if store.claims()? != claims {
        return damaged("the list of claims disagrees with the events".into());
    }
    Ok(())
}

/// Follows the chain, and looks for the watermark on the way.
fn chain(
    format: &Format,
    links: &mut [Link],
    transactions: u64,
    floor: Option<&Head>,
) -> Result<Head, Fault> {
    // Entries are stored by transaction; the chain runs through all of them.
    links.sort_unstable_by_key(|link| link.sequence);
    let mut head = Head {
        journal: format.journal,
        sequence: 0,
        hash: Hash::NONE,
        transactions,
    };
    let mut begun = 0;
    for link in links.iter() {
        if link.sequence != head.sequence + 1 {
            return damaged(format!("entry {} is missing", head.sequence + 1));
        }
        if link.previous != head.hash {
            return damaged(format!(
                "entry {} does not follow the one before it: one of both was changed",
                link.sequence
            ));
        }
        head.sequence = link.sequence;
        head.hash = link.hash;
        begun = begun.max(link.transactions);
        let at_watermark = floor.filter(|floor| floor.sequence == link.sequence);
        if at_watermark.is_some_and(|it| it.hash != link.hash || it.transactions != begun) {
            return damaged(format!("entry {} is not the one written", link.sequence));
        }
    }
    match floor {
        Some(floor) if floor.journal != head.journal => {
            damaged("the watermark belongs to another journal".into())
        }
        Some(floor) if floor.sequence > head.sequence => damaged(records::missing(floor, &head)),
        Some(_) => Ok(head),
        // The watermark is made with the journal, before its first record.
        None if head.sequence == 0 => Ok(head),
        None => damaged(
            "journal.head is missing, so nothing shows whether records are missing too".into(),
        ),
    }
}

fn missing(what: &str) -> Fault {
    Fault::Damaged(format!("{what} is missing"))
}

fn damaged<T>(cause: String) -> Result<T, Fault> {
    Err(Fault::Damaged(cause))
}
