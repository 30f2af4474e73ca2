//! What the log as a whole is known by: its format record and its head.

use serde::{Deserialize, Serialize};

use crate::journal::primitive::{Hash, Time, Uuid};

/// Written when a journal is made, and again when its format is raised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    pub journal: Uuid,
    pub created_at: Time,
}

/// How far the log goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub journal: Uuid,
    /// Of the last entry; 0 in an empty log.
    pub sequence: u64,
    /// Of the last entry.
    pub hash: Hash,
    pub transactions: u64,
}
