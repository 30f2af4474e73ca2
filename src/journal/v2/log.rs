//! What the log as a whole is known by: its format record, its head and its watermark.

use serde::{Deserialize, Serialize};

use crate::journal::merkle::Frontier;
use crate::journal::primitive::{Hash, Time, Uuid};

/// Written when a journal is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    pub journal: Uuid,
    pub created_at: Time,
    /// How many entries of format 1 the log begins with: its past, under that format's chain.
    pub migrated: u64,
}

/// How far the log goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub journal: Uuid,
    /// The log's tree; its size is the sequence of the last entry.
    pub frontier: Frontier,
    /// The number of the last transaction.
    pub transactions: u64,
    /// How many there are: numbers may have gaps.
    pub count: u64,
    /// How many of them claim something.
    pub claims: u64,
    /// Of the last entry: a clock that has gone back since shows.
    pub at: Option<Time>,
    /// Size and root after each of the last appends, the latest last: a watermark that is behind
    /// is one of them.
    pub recent: Vec<(u64, Hash)>,
}

/// How many appends a watermark may be behind.
pub const RECENT: usize = 32;

impl Head {
    pub fn new(journal: Uuid) -> Self {
        Self {
            journal,
            frontier: Frontier::default(),
            transactions: 0,
            count: 0,
            claims: 0,
            at: None,
            recent: Vec::new(),
        }
    }

    /// Of the last entry; 0 in an empty log.
    pub fn sequence(&self) -> u64 {
        self.frontier.size()
    }

    pub fn mark(&self) -> Mark {
        Mark {
            journal: self.journal,
            sequence: self.sequence(),
            root: self.frontier.root(),
            transactions: self.transactions,
            count: self.count,
        }
    }

    /// Takes note that an append ends here.
    pub fn remember(&mut self) {
        self.recent.push((self.sequence(), self.frontier.root()));
        let surplus = self.recent.len().saturating_sub(RECENT);
        self.recent.drain(..surplus);
    }
}

/// The head in short, for the watermark and the view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub journal: Uuid,
    pub sequence: u64,
    pub root: Hash,
    pub transactions: u64,
    pub count: u64,
}
