//! How a verb of the engine can end other than well. Each variant says what was changed.

use std::path::PathBuf;

use thiserror::Error;

use crate::model::{Refusal, State, Transaction, TransactionId};
use crate::ports::{HypervisorError, JournalError, StorageError};

/// Why one step failed.
#[derive(Debug, Error)]
pub enum Failure {
    #[error(transparent)]
    Hypervisor(#[from] HypervisorError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("the domain's saved XML is not understood: {0}")]
    Xml(#[from] crate::xml::XmlError),
    /// Somebody else has taken up the file since the plan was made; in words.
    #[error("{0} since the plan was made")]
    InUse(String),
    /// The world is not as the step needs it; in words.
    #[error("{0}")]
    Unfit(String),
    #[error("interrupted by a signal")]
    Interrupted,
}

impl Failure {
    /// Whether libvirt answered to the inverse of step `step` that it does not define the domain.
    pub(super) fn is_no_to_define(&self, step: &str) -> bool {
        step == "undefine" && matches!(self, Self::Hypervisor(HypervisorError::Refused { .. }))
    }
}

/// What of a domain that was brought back is not as it was.
#[derive(Debug, Error)]
pub enum NotAgain {
    #[error("did not start: {0}")]
    Started(HypervisorError),
    #[error("runs, and could not be made transient again: {0}")]
    Transient(HypervisorError),
}

#[derive(Debug, Error)]
pub enum EngineError {
    /// Nothing was changed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Nothing was changed.
    #[error(transparent)]
    Hypervisor(#[from] HypervisorError),
    /// Nothing was changed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Nothing was changed.
    #[error("{}", refusals.iter().map(|refusal| refusal.message.as_str()).collect::<Vec<_>>().join("; "))]
    Refused { refusals: Vec<Refusal> },
    /// Nothing was changed.
    #[error("the domain's saved XML is not understood: {0}")]
    Xml(crate::xml::XmlError),
    /// Nothing was changed.
    #[error("the repaired definition is not understood: {cause}")]
    UnreadableXml {
        id: TransactionId,
        cause: crate::xml::XmlError,
    },
    /// Nothing was changed.
    #[error("transaction {id} {}: it cannot be {verb}", standing(*state))]
    WrongState {
        id: TransactionId,
        state: State,
        verb: &'static str,
    },
    /// Nothing was changed: a purge has destroyed these, by the paths that they came from.
    #[error("transaction {id} is {}: it cannot be {verb}; gone for good \
             {}", state.word(), listed(gone))]
    Gone {
        id: TransactionId,
        state: State,
        verb: &'static str,
        gone: Vec<PathBuf>,
    },
    /// Nothing was changed.
    #[error("{subject} belongs to transaction {by}, which {}", standing(*state))]
    Claimed {
        subject: String,
        by: TransactionId,
        state: State,
    },
    /// Nothing was changed.
    #[error("transaction {id} has a hold called '{name}' already")]
    HoldTaken { id: TransactionId, name: String },
    /// Nothing was changed. `names` are those of the holds that it has.
    #[error("{}", no_such_hold(*id, name.as_deref(), names))]
    NoSuchHold {
        id: TransactionId,
        name: Option<String>,
        names: Vec<String>,
    },
    /// Nothing was changed: the last look at the host gave no answer.
    #[error("{0}")]
    Unlooked(String),
    /// Nothing was changed.
    #[error("interrupted by a signal before anything was begun")]
    Interrupted,
    /// The domain is as it was before the verb began: there, or retired.
    #[error("step '{step}' failed, and {}: {cause}", as_before(transaction))]
    PutBack {
        transaction: Box<Transaction>,
        step: String,
        cause: Failure,
    },
    /// Neither direction could finish.
    #[error("transaction {} is stuck: {forward}; and the other way: {back}", transaction.id)]
    Stuck {
        transaction: Box<Transaction>,
        forward: String,
        back: String,
    },
    /// Stopped in the middle (a second signal, a journal that takes no more records).
    #[error("transaction {id} is unfinished: {cause}")]
    Unfinished { id: TransactionId, cause: String },
}

impl EngineError {
    /// Without the transaction's number.
    pub(super) fn cause_alone(&self) -> String {
        match self {
            Self::Unfinished { cause, .. } => cause.clone(),
            other => other.to_string(),
        }
    }

    /// The transaction that it is about, if it left one behind.
    pub fn left_behind(&self) -> Option<&Transaction> {
        match self {
            Self::PutBack { transaction, .. } | Self::Stuck { transaction, .. } => {
                Some(transaction)
            }
            _ => None,
        }
    }
}

/// Nobody is at work on it, since whoever says this holds the journal.
fn standing(state: State) -> String {
    match state {
        State::Planned | State::Executing | State::RollingBack => "was interrupted".into(),
        State::Purging => "was interrupted in its purge".into(),
        other => format!("is {}", other.word()),
    }
}

fn listed(gone: &[PathBuf]) -> String {
    let paths: Vec<String> = gone.iter().map(|path| path.display().to_string()).collect();
    match paths.len() {
        0 => "is nothing yet".into(),
        1 => format!("is {}", paths.join(", ")),
        _ => format!("are {}", paths.join(", ")),
    }
}

fn no_such_hold(id: TransactionId, name: Option<&str>, names: &[String]) -> String {
    match (name, names) {
        (_, []) => format!("nothing holds transaction {id}"),
        (Some(name), _) => format!("transaction {id} has no hold called '{name}'"),
        (None, _) => format!("transaction {id} has {} holds", names.len()),
    }
}

fn as_before(transaction: &Transaction) -> &'static str {
    match transaction.state() {
        State::RolledBack => "everything was put back as it was",
        _ => "the domain is retired as before",
    }
}
