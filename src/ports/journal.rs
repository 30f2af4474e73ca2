//! The journal: what was intended and what came of it, durable before the next thing happens.

use std::collections::BTreeSet;
use std::path::PathBuf;

use thiserror::Error;

use crate::journal::lines::Wrong;
use crate::model::{
    Draft, Event, EventKind, Filter, LogEntry, Notice, Order, Summary, Transaction, TransactionId,
};

#[derive(Debug, Error)]
pub enum JournalError {
    #[error("the state folder {} {cause}", path.display())]
    Folder { path: PathBuf, cause: String },
    #[error("another process holds the journal: {holder}")]
    Held { holder: String },
    #[error("cannot {doing} the journal in {}: {cause}", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        cause: String,
    },
    /// A write was begun and failed: what it was to record may be there, or not.
    #[error("cannot write the journal in {}, and whether this is recorded is not known: \
             {cause}", path.display())]
    Unwritten { path: PathBuf, cause: String },
    /// Written by a newer version of this program.
    #[error("the journal in {} has format {found}; this version knows formats up to \
             {known}", path.display())]
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    #[error("the journal in {} is damaged: {cause}", path.display())]
    Damaged { path: PathBuf, cause: String },
    /// What was to become the journal. No journal is to blame.
    #[error("the export {name} {wrong}")]
    Export { name: String, wrong: Wrong },
    /// sled 0.34.7 opens nothing before 1970: whatever it is given, it first names a temporary file
    /// by the seconds since then (`config.rs`, `gen_temp_path`).
    #[error("the system's clock says {now}, and before 1970 the journal cannot be opened")]
    Clock { now: jiff::Timestamp },
    #[error("no transaction {0} in this journal")]
    NoSuchTransaction(TransactionId),
}

/// What may be read while another process writes.
pub trait JournalReader {
    /// Another command is at work on it, so that what is open is not interrupted.
    fn is_busy(&self) -> bool {
        false
    }
    fn read(&self, id: TransactionId) -> Result<Transaction, JournalError>;
    /// `None` where there is no such transaction.
    fn summary(&self, id: TransactionId) -> Result<Option<Summary>, JournalError> {
        match self.read(id) {
            Ok(transaction) => Ok(Some(transaction.summary())),
            Err(JournalError::NoSuchTransaction(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
    /// All transactions, oldest first. As many as the history is long: what is asked of what is
    /// there today has [`JournalReader::outstanding`] and [`JournalReader::claiming`].
    fn summaries(&self) -> Result<Vec<Summary>, JournalError>;
    /// Those that are not closed ([`crate::model::State::is_closed`]), oldest first: every one that
    /// may have something in quarantine is among them. What is closed is not read.
    fn outstanding(&self) -> Result<Vec<Summary>, JournalError>;
    /// Those whose state claims their domain and paths, oldest first.
    fn claiming(&self) -> Result<Vec<TransactionId>, JournalError>;
    /// Hands them to `each`, the newest first, until it says that it has enough: no more of them
    /// is read than that.
    fn newest(
        &self,
        each: &mut dyn FnMut(Summary) -> Result<bool, JournalError>,
    ) -> Result<(), JournalError> {
        for summary in self.summaries()?.into_iter().rev() {
            if !each(summary)? {
                break;
            }
        }
        Ok(())
    }
    /// The newest one that is `wanted`; nothing older is read, and a few are in memory at a time.
    fn latest(&self, wanted: &dyn Fn(&Summary) -> bool) -> Result<Option<Summary>, JournalError> {
        let mut found = None;
        self.newest(&mut |summary| {
            found = Some(summary).filter(|summary| wanted(summary));
            Ok(found.is_none())
        })?;
        Ok(found)
    }
    /// Those that a filter takes, the newest first, at most `limit`; no more of the journal is read
    /// than that takes.
    fn select(&self, filter: &Filter, limit: Option<usize>) -> Result<Vec<Summary>, JournalError> {
        let mut found = Vec::new();
        if limit == Some(0) {
            return Ok(found);
        }
        self.newest(&mut |summary| {
            let is_wanted = filter.takes(&summary)
                && (!filter.needs_whole() || filter.takes_whole(&self.read(summary.id)?));
            if is_wanted {
                found.push(summary);
            }
            Ok(limit.is_none_or(|limit| found.len() < limit))
        })?;
        Ok(found)
    }
    /// Those entries of the log that a filter takes, the oldest first; with `limit` the newest so
    /// many of them.
    fn entries(
        &self,
        filter: &Filter,
        limit: Option<usize>,
        each: &mut dyn FnMut(LogEntry) -> Result<bool, JournalError>,
    ) -> Result<(), JournalError> {
        let theirs: Option<BTreeSet<TransactionId>> = match filter.needs_transactions() {
            true => {
                let found = self.select(&filter.of_transactions(), None)?;
                Some(found.into_iter().map(|summary| summary.id).collect())
            }
            false => None,
        };
        let takes = |entry: &LogEntry| {
            let is_theirs =
                |ids: &BTreeSet<_>| entry.transaction.is_some_and(|id| ids.contains(&id));
            theirs.as_ref().is_none_or(is_theirs) && filter.takes_entry(entry)
        };
        let Some(limit) = limit else {
            return self.log(Order::OldestFirst, &mut |entry| match takes(&entry) {
                true => each(entry),
                false => Ok(true),
            });
        };
        let mut last = Vec::new();
        self.log(Order::NewestFirst, &mut |entry| {
            if last.len() < limit && takes(&entry) {
                last.push(entry);
            }
            Ok(last.len() < limit)
        })?;
        for entry in last.into_iter().rev() {
            if !each(entry)? {
                break;
            }
        }
        Ok(())
    }
    /// Hands every entry of the log to `each`, until it says that it has enough. A few
    /// transactions are in memory at a time, never all.
    fn log(
        &self,
        order: Order,
        each: &mut dyn FnMut(LogEntry) -> Result<bool, JournalError>,
    ) -> Result<(), JournalError>;
}

pub trait Journal: JournalReader {
    /// The number that the next [`Journal::begin_all`] will give. Stays true while the journal is
    /// held, but for [`Journal::leave_out`].
    fn next_id(&self) -> Result<TransactionId, JournalError>;
    /// Numbers up to `last` are not given while this journal is held: they belong to transactions
    /// that are in quarantine and not in the journal, as where it was restored from a backup.
    fn leave_out(&mut self, last: TransactionId);
    /// Records whole drafts, each with its first events, in one durable write: all of them or none.
    /// Their numbers follow one another from [`Journal::next_id`] on.
    fn begin_all(
        &mut self,
        drafts: Vec<(Draft, Vec<EventKind>)>,
    ) -> Result<Vec<Transaction>, JournalError>;
    /// Appends to the event log, for each transaction what it is given with, in one durable write:
    /// all of it or nothing. Gives the events of each, in the order of `additions`; a transaction
    /// may be named more than once.
    fn append_all(
        &mut self,
        additions: Vec<(TransactionId, Vec<EventKind>)>,
    ) -> Result<Vec<Vec<Event>>, JournalError>;
    /// [`Journal::append_all`] for one transaction.
    fn append(
        &mut self,
        id: TransactionId,
        kinds: Vec<EventKind>,
    ) -> Result<Vec<Event>, JournalError> {
        let mut events = self.append_all(vec![(id, kinds)])?;
        Ok(events.pop().unwrap_or_default())
    }
    /// Records an event that belongs to no transaction; durable when it returns.
    fn notice(&mut self, notice: Notice) -> Result<(), JournalError>;
}
