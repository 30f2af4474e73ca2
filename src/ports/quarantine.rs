//! The quarantine as this host's own: where it is, and what proves that a record there was written
//! by this state folder.
//!
//! Records name files that a rollback by root moves and a domain that it defines. So whoever can
//! put one under our eyes must not be believed: a medium that was mounted, a folder in a user's
//! reach. What makes a record ours is a message authentication code beside it, under a key that
//! only the state folder has.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::StorageError;
use crate::model::TransactionId;

/// A transaction's folder in a quarantine root, by its name alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    pub path: PathBuf,
    pub id: TransactionId,
    pub uuid: Uuid,
    /// It lies in the state folder itself, where nobody else can write.
    pub in_state: bool,
    /// Something that looks like a proof lies in it; whether it holds is [`Quarantine::record`]'s
    /// to say.
    pub has_proof: bool,
}

/// What speaks for a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It was written by this state folder and has not been changed.
    Holds,
    /// There is none: an older version wrote it, or somebody else.
    Missing,
    /// There is one, which is another state folder's, or the record was changed.
    Fails,
}

/// `record.bin` of a folder that is ours alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub bytes: Vec<u8>,
    pub proof: Proof,
    /// Of the `manifest.json` beside it.
    pub manifest: Proof,
    /// The `domain.xml` beside it, if it can be read.
    pub domain: Option<Vec<u8>>,
}

/// What lies in some quarantine roots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// By number.
    pub folders: Vec<Folder>,
    /// Roots that are there and were not looked into, each with the reason in words.
    pub passed: Vec<(PathBuf, String)>,
    /// Folders with a transaction's record that do not have a transaction's name.
    pub renamed: Vec<PathBuf>,
}

pub trait Quarantine {
    /// What lies in this state folder's own quarantine roots. Roots that are not there have
    /// nothing.
    ///
    /// # Errors
    /// It cannot be told which roots those are.
    fn own(&self) -> Result<Found, StorageError>;

    /// What lies in roots of our name in or above folders such as pools' targets, whosever they
    /// are. An older version kept no list of the roots that it used.
    fn beside(&self, folders: &[PathBuf]) -> Found;

    /// What lies in folders of the operator's choice: each may be a root, hold one as a file system
    /// or another state folder does, or be one transaction's folder.
    fn chosen(&self, folders: &[PathBuf]) -> Found;

    /// Whether the state folder has its key yet.
    ///
    /// # Errors
    /// It is there, and is not ours alone or is damaged.
    fn has_key(&self) -> Result<bool, StorageError>;

    /// Reads a folder's record, without following a symlink.
    ///
    /// # Errors
    /// Why it is not looked at, in words: the folder or the file is not ours alone, has a second
    /// name, or cannot be read.
    fn record(&self, folder: &Path) -> Result<Record, String>;

    /// Whether nobody but this user and root can put another thing in a folder's place.
    ///
    /// # Errors
    /// Who else can, and where, in words.
    fn out_of_reach(&self, folder: &Path) -> Result<(), String>;

    /// What has to be written beside a record and its manifest, as
    /// `journal::manifest::PROOF`, to prove them ours. The key is made if there is none.
    ///
    /// # Errors
    /// The key cannot be read or made.
    fn prove(&self, record: &[u8], manifest: &[u8]) -> Result<Vec<u8>, StorageError>;

    /// Puts a proof beside a record that has none, which is known to be ours: `record` is what
    /// [`Quarantine::record`] read there.
    ///
    /// # Errors
    /// As [`Quarantine::prove`], and where nothing can be written.
    fn seal(&self, folder: &Path, record: &[u8]) -> Result<(), StorageError>;
}
