//! The first record of a transaction: all that was known before the first effect.

use serde::Deserialize;

use super::{Definition, Evidence, Plan, Removal};
use crate::journal::mirror::{Load, frozen};
use crate::journal::primitive::{Bytes, Time, Uuid};
use crate::model;

frozen!(struct Place = model::Place {
    source: Bytes,
    folder: Bytes,
});

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
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

impl Load<model::Transaction> for Begin {
    /// Without its events, which are records of their own.
    fn load(self) -> model::Transaction {
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
        model::Transaction {
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
        }
    }
}
