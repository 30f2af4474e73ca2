//! The first record of a transaction: all that was known before the first effect.

use serde::Deserialize;

use super::{Definition, Evidence, Plan, Removal};
use crate::journal::mirror::{Load, frozen};
use crate::journal::primitive::{Bytes, Time, Uuid};
use crate::model;

frozen!(struct QuarantineFolder = model::QuarantineFolder {
    source: Bytes,
    folder: Bytes,
});

frozen!(struct Draft = model::Draft {
    uuid: Uuid,
    evidence: Evidence,
    removal: Removal,
    plan: Plan,
    definition: Definition,
    home: Bytes,
    places: Vec<QuarantineFolder>,
    commit_at_once: bool,
    started_at: Time,
} else {
    volumes: Vec::new(),
    uptime: None,
    expires_at: None,
});

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Begin {
    pub id: u64,
    pub draft: Draft,
}

impl Load<model::Transaction> for Begin {
    /// Without its events, which are records of their own.
    fn load(self) -> model::Transaction {
        model::Transaction {
            id: model::TransactionId(self.id),
            draft: self.draft.load(),
            events: Vec::new(),
        }
    }
}
