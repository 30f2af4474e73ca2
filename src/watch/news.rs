//! What whoever watches is told of while it goes on.

use uuid::Uuid;

use crate::model::{DomainRef, Ended, Summary};
use crate::retire::Error;

pub enum News {
    /// So many guests.
    Watching(usize),
    /// It runs no more, and its storage stays: it goes on elsewhere or later, or nobody can say how
    /// it ended.
    NotDead {
        guest: DomainRef,
        how: Ended,
    },
    /// It is not watched: its policy is not valid.
    PolicyInvalid {
        guest: DomainRef,
        problem: String,
    },
    /// libvirt will delete the state of its TPM when it ends, and no rollback brings that back.
    LosesTpm {
        guest: DomainRef,
    },
    /// Its policy wants it retired by now, and it runs.
    ExpiredAndRuns {
        guest: DomainRef,
    },
    /// Something went wrong with it, and the others are watched all the same.
    NotLookedAt {
        guest: Uuid,
        error: Error,
    },
    /// It has ended or expired, and could not be retired; that is tried again.
    NotRetired {
        guest: DomainRef,
        error: Error,
    },
    LibvirtAway,
    LibvirtBack,
}

pub trait Listener {
    /// The same may be told of a guest again and again.
    fn hear(&mut self, news: News);
    /// Transactions were carried out.
    fn changed(&mut self, touched: Vec<Summary>);
}
