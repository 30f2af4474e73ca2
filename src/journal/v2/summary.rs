//! One line of `list`, derived from a transaction's other records and never the only copy.

use serde::{Deserialize, Serialize};

use super::DomainRef;
use super::access::State;
use super::evidence::Override;
use super::hold::Hold;
use crate::journal::merkle;
use crate::journal::mirror::{Load, Mirror, mirror};
use crate::journal::primitive::{Hash, Id, Time, Uuid};
use crate::model;

mirror!(struct Overridden = model::Overridden {
    by: Override,
    user: String,
    at: Time,
});
/// A verb is stored as its word, as in an event.
impl Load<model::Verb> for String {
    fn load(self) -> model::Verb {
        model::Verb::from_word(self)
    }
}

impl Mirror<model::Verb> for String {
    fn store(verb: &model::Verb) -> Self {
        verb.word().to_owned()
    }
}

mirror!(struct Line = model::Summary {
    id: Id,
    uuid: Uuid,
    domain: DomainRef,
    state: State,
    started_at: Time,
    finished_at: Option<Time>,
    user: String,
    acted_as: Option<String>,
    taken_back_by: Option<String>,
    reason: Option<String>,
    bytes: u64,
    size: u64,
    holds: Vec<Hold>,
    expires_at: Option<Time>,
    freed: u64,
    notes: Vec<String>,
    restored_as: Option<DomainRef>,
    files_only: bool,
    overrides: Vec<Overridden>,
});

/// Where in the log a transaction's entries are, and what they are known by: so a transaction is
/// checked without the rest of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Sequences; 0 before the first entry.
    pub first: u64,
    pub last: u64,
    pub entries: u64,
    /// The entries' leaves, hashed one into the other.
    pub digest: Hash,
}

impl Extent {
    pub const NONE: Extent = Extent {
        first: 0,
        last: 0,
        entries: 0,
        digest: Hash::NONE,
    };

    /// With one more entry.
    pub fn push(&mut self, sequence: u64, leaf: &Hash) {
        if self.entries == 0 {
            self.first = sequence;
        }
        self.last = sequence;
        self.entries += 1;
        self.digest = merkle::node(&self.digest, leaf);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub extent: Extent,
    pub line: Line,
}

impl Summary {
    pub fn new(summary: &model::Summary, extent: Extent) -> Self {
        Self {
            extent,
            line: Mirror::store(summary),
        }
    }
}

impl From<Summary> for model::Summary {
    fn from(summary: Summary) -> Self {
        summary.line.load()
    }
}
