//! The first record of a transaction: all that was known before the first effect.

use serde::{Deserialize, Serialize};

use super::{Definition, Evidence, Plan, Removal};
use crate::journal::mirror::{Load, Mirror, mirror};
use crate::journal::primitive::{Bytes, Time, Uuid};
use crate::model;

mirror!(struct Place = model::Place {
    source: Bytes,
    folder: Bytes,
});

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    pub id: u64,
    pub uuid: Uuid,
    pub evidence: Evidence,
    pub removal: Removal,
    pub plan: Plan,
    pub definition: Definition,
    pub home: Bytes,
    pub places: Vec<Place>,
    pub commit_at_once: bool,
    pub started_at: Time,
}

impl From<&model::Transaction> for Begin {
    fn from(transaction: &model::Transaction) -> Self {
        let model::Transaction {
            id,
            uuid,
            evidence,
            removal,
            plan,
            definition,
            home,
            places,
            commit_at_once,
            started_at,
            // Records of their own.
            events: _,
        } = transaction;
        Self {
            id: id.0,
            uuid: Mirror::store(uuid),
            evidence: Mirror::store(evidence),
            removal: Mirror::store(removal),
            plan: Mirror::store(plan),
            definition: Mirror::store(definition),
            home: Mirror::store(home),
            places: Mirror::store(places),
            commit_at_once: *commit_at_once,
            started_at: Mirror::store(started_at),
        }
    }
}

impl Begin {
    /// The transaction with what has happened since.
    pub fn with_events(self, events: Vec<model::Event>) -> model::Transaction {
        let Begin {
            id,
            uuid,
            evidence,
            removal,
            plan,
            definition,
            home,
            places,
            commit_at_once,
            started_at,
        } = self;
        let mut transaction = model::Transaction {
            id: model::TransactionId(id),
            uuid: uuid.load(),
            evidence: evidence.load(),
            removal: removal.load(),
            plan: plan.load(),
            definition: definition.load(),
            home: home.load(),
            places: places.load(),
            commit_at_once,
            started_at: started_at.load(),
            events: Vec::new(),
        };
        transaction.extend(events);
        transaction
    }
}
