//! What the log has besides transactions.

use std::time::Duration;

use super::{DomainRef, Event, EventKind, Evidence, Override, TransactionId};

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
    /// What the transaction's domain has become, where a rollback gave it another name or UUID.
    pub restored_as: Option<DomainRef>,
    /// Who did it: who began the transaction, until somebody else decided something about it.
    pub user: String,
    /// By how much the clock had gone back since the entry before this one.
    pub clock_back: Option<Duration>,
    pub what: Logged,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logged {
    /// The transaction was begun.
    Begun(Box<Evidence>),
    Event(EventKind),
    Notice(Box<Notice>),
}

impl Logged {
    /// Every word that [`Logged::word`] may give.
    pub const WORDS: [&str; 27] = [
        "begun",
        "state",
        "intent",
        "withdrawn",
        "outcome",
        "decided",
        "settled",
        "held",
        "released",
        "destroying",
        "wiping",
        "wiped",
        "destroyed",
        "noted",
        "set-aside",
        "imported",
        "renamed",
        "amended",
        "digested",
        "policy",
        "purge",
        "recovery",
        "rebuild",
        "migration",
        "import",
        "verification",
        "other",
    ];

    /// The word that the log's JSON has as `kind`.
    pub fn word(&self) -> &'static str {
        match self {
            Logged::Begun(_) => "begun",
            Logged::Notice(notice) => notice.topic.word(),
            Logged::Event(kind) => kind.word(),
        }
    }
}

impl LogEntry {
    /// Who did it, where the entry itself says.
    pub fn evidence(&self) -> Option<&Evidence> {
        match &self.what {
            Logged::Begun(by) => Some(by),
            Logged::Event(EventKind::Decided { by, .. }) => Some(by),
            Logged::Notice(notice) => Some(&notice.by),
            Logged::Event(_) => None,
        }
    }

    /// The rules that were set aside with it.
    pub fn overrides(&self) -> &[Override] {
        self.evidence().map_or(&[], |by| &by.overrides)
    }

    /// The transaction's event, if it is one.
    pub fn event(&self) -> Option<Event> {
        match &self.what {
            Logged::Event(kind) => Some(Event {
                sequence: self.sequence,
                at: self.at,
                kind: kind.clone(),
            }),
            Logged::Begun(_) | Logged::Notice(_) => None,
        }
    }
}
