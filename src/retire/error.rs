//! How a request can end before anything was begun: nothing was changed.

use thiserror::Error;

use crate::engine::EngineError;
use crate::model::TransactionId;
use crate::ports::{HypervisorError, JournalError, LockError, StorageError};
use crate::survey::SurveyError;

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
        "the transaction is imported and says that it was made at {made_at}, and this is {connected}"
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
