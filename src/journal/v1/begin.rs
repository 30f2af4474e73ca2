//! The first record of a transaction: all that was known before the first effect.

use serde::{Deserialize, Serialize};

use super::common::{Bytes, Time, Uuid, all, each};
use super::{Definition, Evidence, Plan, Removal};
use crate::journal::envelope::Kind;
use crate::journal::{DecodeError, Record};
use crate::model;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub source: Bytes,
    pub folder: Bytes,
}

impl From<&model::Place> for Place {
    fn from(model::Place { source, folder }: &model::Place) -> Self {
        Self {
            source: source.into(),
            folder: folder.into(),
        }
    }
}

impl From<Place> for model::Place {
    fn from(Place { source, folder }: Place) -> Self {
        Self {
            source: source.into(),
            folder: folder.into(),
        }
    }
}

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

impl Record for Begin {
    const KIND: Kind = Kind::Begin;
    const VERSION: u16 = 1;
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
            uuid: (*uuid).into(),
            evidence: evidence.into(),
            removal: removal.into(),
            plan: plan.into(),
            definition: definition.into(),
            home: home.into(),
            places: each(places),
            commit_at_once: *commit_at_once,
            started_at: (*started_at).into(),
        }
    }
}

impl Begin {
    /// The transaction with what has happened since.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] where a time is out of range.
    pub fn with_events(self, events: Vec<model::Event>) -> Result<model::Transaction, DecodeError> {
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
            uuid: uuid.into(),
            evidence: evidence.into(),
            removal: removal.into(),
            plan: plan.into(),
            definition: definition.into(),
            home: home.into(),
            places: all(places),
            commit_at_once,
            started_at: started_at.try_into()?,
            events: Vec::new(),
        };
        transaction.extend(events);
        Ok(transaction)
    }
}
