//! The journal: what was intended and what came of it, durable before the next thing happens.

use std::path::PathBuf;

use jiff::Timestamp;
use thiserror::Error;
use uuid::Uuid;

use crate::model::{
    Definition, Event, EventKind, Evidence, Place, Plan, Removal, Summary, Transaction,
    TransactionId,
};

/// A transaction before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub uuid: Uuid,
    pub evidence: Evidence,
    pub removal: Removal,
    pub plan: Plan,
    pub definition: Definition,
    pub home: PathBuf,
    pub places: Vec<Place>,
    pub commit_at_once: bool,
    pub started_at: Timestamp,
}

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
    /// Written by a newer version of this program.
    #[error("the journal in {} has format {found}; this version knows formats up to {known}", path.display())]
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    #[error("the journal in {} is damaged: {cause}", path.display())]
    Damaged { path: PathBuf, cause: String },
    #[error("no transaction {0} in this journal")]
    NoSuchTransaction(TransactionId),
}

/// What may be read while another process writes.
pub trait JournalReader {
    fn read(&self, id: TransactionId) -> Result<Transaction, JournalError>;
    /// All transactions, oldest first.
    fn summaries(&self) -> Result<Vec<Summary>, JournalError>;
}

pub trait Journal: JournalReader {
    /// The number that the next [`Journal::begin`] will give. Stays true while the journal is held.
    fn next_id(&self) -> Result<TransactionId, JournalError>;
    /// Records the whole draft; durable when it returns.
    fn begin(&mut self, draft: Draft) -> Result<Transaction, JournalError>;
    /// Appends to the event log in one durable write, all of them or none.
    fn append(
        &mut self,
        id: TransactionId,
        kinds: Vec<EventKind>,
    ) -> Result<Vec<Event>, JournalError>;
    /// Those whose state claims their domain and paths, oldest first.
    fn claiming(&self) -> Result<Vec<TransactionId>, JournalError>;
}
