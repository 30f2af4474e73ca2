//! What the log as a whole is known by: its format record and its head.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Time, Uuid};
use crate::journal::Record;
use crate::journal::envelope::Kind;

/// blake3 of a whole record, frame included.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first entry of the log follows.
    pub const NONE: Hash = Hash([0; 32]);

    pub fn of(record: &[u8]) -> Self {
        Self(*blake3::hash(record).as_bytes())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", blake3::Hash::from_bytes(self.0).to_hex())
    }
}

/// Written once, when a journal is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    pub journal: Uuid,
    pub created_at: Time,
}

impl Record for Format {
    const KIND: Kind = Kind::Format;
    const VERSION: u16 = 1;
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

impl Record for Head {
    const KIND: Kind = Kind::Head;
    const VERSION: u16 = 1;
}
