//! What the log as a whole is known by: its format record and its head.

use serde::Deserialize;

use crate::journal::primitive::{Hash, Time, Uuid};

/// Written once, when a journal is made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Format {
    pub journal: Uuid,
    pub created_at: Time,
}

/// How far the log goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Head {
    pub journal: Uuid,
    /// Of the last entry; 0 in an empty log.
    pub sequence: u64,
    /// Of the last entry.
    pub hash: Hash,
    pub transactions: u64,
}
