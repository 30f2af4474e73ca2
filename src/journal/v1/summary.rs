//! One line of `list`, derived from a transaction's other records and never the only copy.

use serde::Deserialize;

use super::DomainRef;
use super::access::State;
use crate::journal::mirror::Load;
use crate::journal::primitive::{Time, Uuid};
use crate::model;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
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
}

impl Summary {
    /// Whether it says of a transaction what that transaction adds up to: all that this format
    /// knew of it.
    pub fn agrees_with(self, whole: &model::Summary, last: u64) -> bool {
        let known = Self::load(self.clone());
        let model::Summary {
            id,
            uuid,
            domain,
            state,
            started_at,
            finished_at,
            reason,
            size,
            holds,
            notes,
            restored_as,
            ..
        } = known;
        self.last == last
            && id == whole.id
            && uuid == whole.uuid
            && domain == whole.domain
            && state == whole.state
            && started_at == whole.started_at
            && finished_at == whole.finished_at
            && reason == whole.reason
            && size == whole.size
            && holds.is_empty() == whole.holds.is_empty()
            && notes == whole.notes
            && restored_as == whole.restored_as
    }
}

impl Load<model::Summary> for Summary {
    fn load(self) -> model::Summary {
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
        } = self;
        model::Summary {
            id: model::TransactionId(id),
            uuid: uuid.load(),
            domain: domain.load(),
            state: state.load(),
            started_at: started_at.load(),
            finished_at: finished_at.load(),
            user,
            acted_as: None,
            taken_back_by: None,
            reason,
            bytes,
            size: bytes,
            holds: match held {
                true => vec![model::Hold {
                    name: String::new(),
                    reason: String::new(),
                    user: String::new(),
                    at: started_at.load(),
                }],
                false => Vec::new(),
            },
            expires_at: None,
            freed: 0,
            notes,
            restored_as: restored_as.load(),
            files_only: false,
            overrides: Vec::new(),
        }
    }
}
