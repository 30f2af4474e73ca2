//! How a request can end other than well. What it changed is a value of its own ([`Changed`]).

use std::path::PathBuf;

use thiserror::Error;

use crate::engine::{EngineError, Finding, NotRetired, Recovered, Recovery};
use crate::model::{DomainRef, Refusal, TransactionId};
use crate::ports::{HypervisorError, JournalError, LockError, StorageError};
use crate::survey::SurveyError;

use super::{Changed, Refused, Shortfall};

#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Survey(#[from] SurveyError),
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The operator named another libvirt than the one that this was made at.
    #[error("this was made at {made_at}, and --connect leads to {connected}")]
    Elsewhere { made_at: String, connected: String },
    /// The same of a transaction whose URI is not followed, because nothing proves who wrote it.
    #[error(
        "the transaction is imported and says that it was made at {made_at}, and this is \
         {connected}"
    )]
    ImportedElsewhere { made_at: String, connected: String },
    #[error("transaction {id} was made at {made_at}, and not at {others} as the others")]
    Scattered {
        id: TransactionId,
        made_at: String,
        others: String,
    },
    /// Two of one command that would collide half way.
    #[error("transactions {earlier} and {later} both want {what} back")]
    Rivals {
        earlier: TransactionId,
        later: TransactionId,
        /// A domain or a path, in words.
        what: String,
    },
    /// A range must not reach for what nothing proves ours.
    #[error("transaction {0} is imported: nothing proves that this program wrote what it says")]
    ImportedAmongOthers(TransactionId),
    /// Of these plans at least one is refused.
    #[error("{}", .0.refusals().map(|it| it.message.as_str()).collect::<Vec<_>>().join("; "))]
    Refused(Box<Refused>),
    /// A batch of retirements failed.
    #[error("{}", .0.error)]
    NotRetired(Box<NotRetired>),
    /// Some of these are open still.
    #[error("{}", still_open(.0))]
    Open(Vec<Recovery>),
    /// What was undone is not as it was: these are neither in quarantine nor where they were.
    #[error("{}", .0.iter().map(lost).collect::<Vec<_>>().join("; "))]
    Lost(Vec<(TransactionId, PathBuf)>),
    /// The journal does not know of these transactions of ours, which may be half done.
    #[error("{}", .0.iter().map(Finding::message).collect::<Vec<_>>().join("; "))]
    Unrecorded(Vec<Finding>),
    /// A purge has made less room than was wanted.
    #[error("{0}")]
    Short(Shortfall),
    #[error("the journal is whole and has {transactions} transactions and {entries} log entries")]
    JournalHealthy { transactions: u64, entries: u64 },
    /// Records that a rebuild could not take in, each with its reason.
    #[error("the journal was made, but without {}", .0.join("; "))]
    Unusable(Vec<String>),
    #[error("this host's configuration requires a reason for every retirement")]
    ReasonRequired,
    #[error("--override-protection needs a reason, which the journal keeps")]
    OverrideWithoutReason,
    #[error("the plan cannot be saved: {0}")]
    NotSaved(String),
    /// What is there is left alone.
    #[error("{} is there already, and is no saved plan", .0.display())]
    NoSavedPlan(PathBuf),
    #[error("there is no journal in {}", .0.display())]
    NoJournal(PathBuf),
    #[error("the export cannot be written: {0}")]
    Export(std::io::Error),
    #[error("libvirt did not keep the policy of {} as it was given", .0.name)]
    PolicyNotKept(DomainRef),
    #[error("there is no file {}", .0.display())]
    NoSuchFile(PathBuf),
    #[error("the log is not whole, and nothing of it can be proved: {0}")]
    LogDamaged(String),
    #[error("the connection to libvirt broke")]
    Broken,
    /// The same, of a watch that does not wait for it.
    #[error("libvirt went away")]
    Away,
    #[error("the storage of some guests that ended could not be retired")]
    GuestsLeft,
}

impl Error {
    /// Whether a command that treats several domains, each for itself, goes no further after it: a
    /// signal came, or something is left for `recover`.
    pub fn ends_a_command(&self) -> bool {
        let of_engine = match self {
            Self::Engine(error) => Some(error),
            Self::NotRetired(failed) => Some(&failed.error),
            _ => None,
        };
        matches!(of_engine, Some(EngineError::Interrupted))
            || matches!(self.changed(), Changed::Unfinished | Changed::Half { .. })
    }

    pub fn changed(&self) -> Changed {
        match self {
            Self::Engine(error) => Changed::by(error),
            Self::NotRetired(failed) => Changed::by_batch(failed),
            Self::Open(_) | Self::Unrecorded(_) | Self::GuestsLeft | Self::Unusable(_) => {
                Changed::Unfinished
            }
            Self::Lost(_) => Changed::PutBack,
            Self::Short(shortfall) if shortfall.has_purged => Changed::Unfinished,
            Self::Survey(_)
            | Self::Lock(_)
            | Self::Elsewhere { .. }
            | Self::ImportedElsewhere { .. }
            | Self::Scattered { .. }
            | Self::Rivals { .. }
            | Self::ImportedAmongOthers(_)
            | Self::Refused(_)
            | Self::Short(_)
            | Self::ReasonRequired
            | Self::OverrideWithoutReason
            | Self::NotSaved(_)
            | Self::NoSavedPlan(_)
            | Self::NoJournal(_)
            | Self::JournalHealthy { .. }
            | Self::Export(_)
            | Self::PolicyNotKept(_)
            | Self::NoSuchFile(_)
            | Self::LogDamaged(_)
            | Self::Broken
            | Self::Away => Changed::Nothing,
        }
    }
}

fn lost((id, path): &(TransactionId, PathBuf)) -> String {
    format!(
        "{} is gone: somebody removed it before transaction {id} took it",
        path.display()
    )
}

fn still_open(recoveries: &[Recovery]) -> String {
    let told = |recovery: &Recovery| {
        let id = recovery.transaction.id;
        match &recovery.result {
            Recovered::Undone { .. } | Recovered::Purged | Recovered::Finished { .. } => None,
            Recovered::Stuck { forward, back } => Some(format!(
                "transaction {id} is stuck: back: {back}; forward: {forward}"
            )),
            Recovered::Left { because } => Some(format!(
                "transaction {id} is still {}, and nothing is lost: {because}",
                recovery.transaction.state().word()
            )),
        }
    };
    let open: Vec<String> = recoveries.iter().filter_map(told).collect();
    open.join("; ")
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let refusals = vec![refusal];
        EngineError::Refused { refusals }.into()
    }
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<HypervisorError> for Error {
    fn from(error: HypervisorError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        EngineError::from(error).into()
    }
}
