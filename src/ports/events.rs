//! What happens to domains while one listens.

use uuid::Uuid;

use crate::model::Ended;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifeEvent {
    Ended {
        domain: Uuid,
        how: Ended,
    },
    /// Anything else that may change what is known of it: started, defined, undefined, its metadata
    /// or its devices changed.
    Changed {
        domain: Uuid,
    },
}
