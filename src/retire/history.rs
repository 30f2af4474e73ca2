//! `list` and `show`: transactions as they are, with what is in quarantine of them.

use crate::engine;
use crate::model::{Claim, Filter, Progress, Space, Summary, Transaction, TransactionId};
use crate::ports::JournalError;

use super::{Error, Site};

/// Transactions, the newest first.
#[derive(Default)]
pub struct Listing {
    pub transactions: Vec<Summary>,
    /// What they hold.
    pub space: Space,
    /// Another command is at work on the journal.
    pub is_busy: bool,
}

/// Those that a filter takes, at most `limit`.
///
/// # Errors
/// The journal cannot be read.
pub fn listing(site: &dyn Site, filter: &Filter, limit: Option<usize>) -> Result<Listing, Error> {
    if !site.has_journal()? {
        return Ok(Listing::default());
    }
    let reader = site.reader("list")?;
    let transactions = reader.select(filter, limit)?;
    Ok(Listing {
        space: engine::space(&*reader, site.storage(), &transactions)?,
        is_busy: reader.is_busy(),
        transactions,
    })
}

/// One transaction, whole.
pub struct Whole {
    pub transaction: Transaction,
    /// The steps that have put something into quarantine which was not taken out since.
    pub in_quarantine: Vec<usize>,
    /// Of a transaction that was cut off, those of them of which something is there; else all.
    pub arrived: Vec<usize>,
    /// The steps whose file is not where it should wait.
    pub gone: Vec<usize>,
    pub is_busy: bool,
}

/// # Errors
/// There is no such transaction, or it cannot be read.
pub fn whole(site: &dyn Site, id: TransactionId) -> Result<Whole, Error> {
    if !site.has_journal()? {
        return Err(JournalError::NoSuchTransaction(id).into());
    }
    let reader = site.reader("show")?;
    let transaction = reader.read(id)?;
    let is_busy = reader.is_busy();
    // Nobody else is kept waiting while the files are looked at.
    drop(reader);
    let is_out = |progress: &Progress| {
        matches!(
            progress,
            Progress::Pending | Progress::Undone | Progress::Destroyed
        )
    };
    let progress = transaction.progress().into_iter().enumerate();
    let within = progress.filter(|(_, progress)| !is_out(progress));
    // Of one that was cut off nobody has written down which of them have arrived.
    let is_open = transaction.state().claim() == Claim::Unfinished;
    let is_there = |step: usize| {
        let stored = transaction.stored(step);
        stored.is_some_and(|it| matches!(site.storage().glance(&it), Ok(Some(_))))
    };
    let in_quarantine: Vec<usize> = within.map(|(step, _)| step).collect();
    let arrived = in_quarantine.iter().copied();
    Ok(Whole {
        arrived: arrived.filter(|step| !is_open || is_there(*step)).collect(),
        in_quarantine,
        gone: engine::missing(site.storage(), &transaction),
        is_busy,
        transaction,
    })
}
