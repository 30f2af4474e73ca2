//! What keeps a thing while it is away from its domain. One trait for all kinds of storage: a file
//! is renamed into a folder, and another kind may be renamed in its pool, or put into its cluster's
//! trash. The engine chooses by the kind of [`crate::model::Taken`] and knows no other difference.

use super::{Demand, Moved, Presence, StorageError, Whereabouts};
use crate::model::{Allocation, DigestKind};

/// What a look at a thing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Bytes, allocated.
    pub allocated: u64,
    /// It is that thing, and somebody has written to it since it was taken.
    pub is_changed: bool,
}

/// Where one thing is. Changes nothing.
pub trait Finder {
    /// What is where the thing came from, or where it is to come back to.
    fn home(&self) -> Result<Presence<Seen>, StorageError>;
    /// What is where it waits.
    fn waiting(&self) -> Result<Presence<Seen>, StorageError>;
    /// What the thing that waits holds of its file system.
    fn allocations(&self) -> Result<Vec<Allocation>, StorageError>;
    /// Reads all of what waits, and tells how many bytes that were; gives a digest, where it is one
    /// stream of bytes.
    ///
    /// # Errors
    /// Some of it cannot be read.
    fn read(
        &self,
        digest: DigestKind,
        told: &mut dyn FnMut(u64),
    ) -> Result<Option<String>, StorageError>;

    fn whereabouts(&self) -> Result<Whereabouts, StorageError> {
        Ok(Whereabouts {
            waiting: self.waiting()?,
            home: self.home()?,
        })
    }
}

/// Takes one thing and brings it back, never over anything. Every call is idempotent, and is
/// durable in the way that [`super::Storage`] says.
pub trait Keeper {
    fn finder(&self) -> &dyn Finder;
    fn take(&self, demand: Demand) -> Result<Moved, StorageError>;
    fn bring_back(&self) -> Result<Moved, StorageError>;
    /// Destroys what waits, if it is the thing; gives the bytes that were freed.
    fn destroy(&self) -> Result<u64, StorageError>;
}
