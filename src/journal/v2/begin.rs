//! The first record of a transaction: all that was known before the first effect.

use serde::{Deserialize, Serialize};

use super::common::Pooled;
use super::hold::Uptime;
use super::{Definition, Evidence, Plan, Removal};
use crate::journal::mirror::{Load, Mirror, mirror};
use crate::journal::primitive::{Bytes, Time, Uuid};
use crate::model;

mirror!(struct QuarantineFolder = model::QuarantineFolder {
    source: Bytes,
    folder: Bytes,
});

mirror!(struct SavedVolume = model::SavedVolume {
    pooled: Pooled,
    path: Bytes,
    xml: Result<String, String>,
});

mirror!(struct Draft = model::Draft {
    uuid: Uuid,
    evidence: Evidence,
    removal: Removal,
    plan: Plan,
    definition: Definition,
    volumes: Vec<SavedVolume>,
    home: Bytes,
    places: Vec<QuarantineFolder>,
    commit_at_once: bool,
    started_at: Time,
    uptime: Option<Uptime>,
    expires_at: Option<Time>,
});

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    pub id: u64,
    pub draft: Draft,
}

impl From<&model::Transaction> for Begin {
    /// Without its events, which are records of their own.
    fn from(transaction: &model::Transaction) -> Self {
        Self {
            id: transaction.id.0,
            draft: Mirror::store(&transaction.draft),
        }
    }
}

impl Begin {
    /// The transaction with what has happened since.
    pub fn with_events(self, events: Vec<model::Event>) -> model::Transaction {
        let mut transaction = model::Transaction {
            id: model::TransactionId(self.id),
            draft: self.draft.load(),
            events: Vec::new(),
        };
        transaction.extend(events);
        transaction
    }
}
