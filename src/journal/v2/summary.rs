//! One line of `list`, derived from a transaction's other records and never the only copy.

use serde::{Deserialize, Serialize};

use super::DomainRef;
use super::access::State;
use crate::journal::mirror::{Load, Mirror};
use crate::journal::primitive::{Time, Uuid};
use crate::model;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub id: u64,
    /// Sequence of the transaction's last entry.
    pub last: u64,
    pub uuid: Uuid,
    pub domain: DomainRef,
    pub state: State,
    pub started_at: Time,
    pub finished_at: Option<Time>,
    pub user: String,
    pub reason: Option<String>,
    pub bytes: u64,
    pub held: bool,
    pub notes: Vec<String>,
    pub restored_as: Option<DomainRef>,
    pub files_only: bool,
}

impl Summary {
    /// `last` is the sequence of the transaction's last entry.
    pub fn new(summary: &model::Summary, last: u64) -> Self {
        let model::Summary {
            id,
            uuid,
            domain,
            state,
            started_at,
            finished_at,
            user,
            reason,
            bytes,
            held,
            notes,
            restored_as,
            files_only,
        } = summary;
        Self {
            id: id.0,
            last,
            uuid: Mirror::store(uuid),
            domain: Mirror::store(domain),
            state: Mirror::store(state),
            started_at: Mirror::store(started_at),
            finished_at: Mirror::store(finished_at),
            user: user.clone(),
            reason: reason.clone(),
            bytes: *bytes,
            held: *held,
            notes: notes.clone(),
            restored_as: Mirror::store(restored_as),
            files_only: *files_only,
        }
    }
}

impl From<Summary> for model::Summary {
    fn from(summary: Summary) -> Self {
        let Summary {
            id,
            last: _,
            uuid,
            domain,
            state,
            started_at,
            finished_at,
            user,
            reason,
            bytes,
            held,
            notes,
            restored_as,
            files_only,
        } = summary;
        Self {
            id: model::TransactionId(id),
            uuid: uuid.load(),
            domain: domain.load(),
            state: state.load(),
            started_at: started_at.load(),
            finished_at: finished_at.load(),
            user,
            reason,
            bytes,
            held,
            notes,
            restored_as: restored_as.load(),
            files_only,
        }
    }
}
