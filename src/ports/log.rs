//! The journal as a thing of its own: its log as evidence, looked at whole and proved, and its
//! format.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::journal::checkpoint::Checkpoint;
use crate::journal::lines::Part;
use crate::journal::log::Checked;
use crate::journal::merkle::Wanted;
use crate::model::TransactionId;

use super::{Journal, JournalError};

/// What a migration would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    pub from: u16,
    pub to: u16,
    pub transactions: u64,
    pub entries: u64,
}

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    pub from: u16,
    pub to: u16,
    /// Where the files of the old journal are.
    pub kept: PathBuf,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    pub entries: u64,
    /// The export says how many it has. Where it does not, its end may be missing.
    pub is_counted: bool,
}

pub trait Log: Journal {
    /// Whether opening it brought it to the present format.
    fn migrated(&self) -> Option<&Migrated>;

    /// When the journal was made, and how many entries of its log are from a format before.
    fn origin(&self) -> (Timestamp, u64);

    /// The log at its present size.
    fn checkpoint(&self) -> Checkpoint;

    /// Looks at every record. `wanted` is what the log's tree will be asked besides its root;
    /// `progress` is told how many transactions have been read, of how many.
    ///
    /// # Errors
    /// [`JournalError::Io`]: what is wrong with the records is what it is asked for.
    fn check(
        &self,
        wanted: &[Wanted],
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Checked, JournalError>;

    /// A transaction's event records, each with its sequence.
    ///
    /// # Errors
    /// As [`super::JournalReader::read`].
    fn records(&self, id: TransactionId) -> Result<Vec<(u64, Vec<u8>)>, JournalError>;

    /// Hands the whole journal to `each` in the order in which it was written.
    ///
    /// # Errors
    /// [`JournalError::Damaged`]: what is not whole is not exported.
    fn export(
        &self,
        each: &mut dyn FnMut(Part) -> Result<(), JournalError>,
    ) -> Result<(), JournalError>;
}
