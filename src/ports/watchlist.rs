//! Which guests `watch` follows: durable, so that a death is noticed that happened while it was
//! away.

use uuid::Uuid;

use super::{JournalError, StorageError};
use crate::model::Watched;

pub trait Watchlist {
    /// # Errors
    /// A record cannot be read or is damaged.
    fn list(&self) -> Result<Vec<Watched>, JournalError>;
    /// Durable when it returns.
    fn put(&self, watched: &Watched) -> Result<(), StorageError>;
    /// One that is not there is fine.
    fn remove(&self, domain: Uuid) -> Result<(), StorageError>;
}
