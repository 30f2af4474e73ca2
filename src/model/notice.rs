//! What the log has besides transactions.

use super::{DomainRef, Event, EventKind, Evidence, TransactionId};

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// A domain's policy was set or cleared.
    Policy,
    /// A purge that found nothing to do.
    Purge,
    /// A `recover` that left something undone.
    Recovery,
    /// The journal was made anew from manifests.
    Rebuild,
    /// The journal was brought to a newer format.
    Migration,
    /// The journal was filled from an export.
    Import,
    /// A verification found something.
    Verification,
    Other,
}

impl Topic {
    /// The word that the log's JSON has as `kind`.
    pub fn word(self) -> &'static str {
        match self {
            Topic::Policy => "policy",
            Topic::Purge => "purge",
            Topic::Recovery => "recovery",
            Topic::Rebuild => "rebuild",
            Topic::Migration => "migration",
            Topic::Import => "import",
            Topic::Verification => "verification",
            Topic::Other => "other",
        }
    }
}

/// An event that belongs to no transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub topic: Topic,
    /// What happened, as a sentence.
    pub text: String,
    pub domain: Option<DomainRef>,
    pub by: Evidence,
}

/// Which way the log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    OldestFirst,
    NewestFirst,
}

/// One entry of the log as it is read back, in the log's one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    pub sequence: u64,
    pub at: jiff::Timestamp,
    /// `None` of what belongs to no transaction.
    pub transaction: Option<TransactionId>,
    pub domain: Option<DomainRef>,
    /// Who did it: who began the transaction, until somebody else decided something about it.
    pub user: String,
    pub what: Logged,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logged {
    /// The transaction was begun; why, where there is a reason.
    Begun {
        reason: Option<String>,
    },
    Event(EventKind),
    Notice(Box<Notice>),
}

impl Logged {
    /// The word that the log's JSON has as `kind`.
    pub fn word(&self) -> &'static str {
        match self {
            Logged::Begun { .. } => "begun",
            Logged::Notice(notice) => notice.topic.word(),
            Logged::Event(kind) => kind.word(),
        }
    }
}

impl LogEntry {
    /// The transaction's event, if it is one.
    pub fn event(&self) -> Option<Event> {
        match &self.what {
            Logged::Event(kind) => Some(Event {
                sequence: self.sequence,
                at: self.at,
                kind: kind.clone(),
            }),
            Logged::Begun { .. } | Logged::Notice(_) => None,
        }
    }
}
