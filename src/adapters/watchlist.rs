//! [`Watchlist`] as files beside the journal, `STATE/watched/UUID`: one that watches must not keep
//! the journal from others while nothing happens.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use uuid::Uuid;

use crate::journal::{self, Load, Mirror, decode, encode};
use crate::model::Watched;
use crate::ports::{JournalError, Storage, StorageError, Watchlist};

/// The list, held: one process at a time watches with one state folder.
pub struct WatchFiles<'a> {
    storage: &'a dyn Storage,
    folder: PathBuf,
    _lock: File,
}

impl<'a> WatchFiles<'a> {
    /// `state_dir` is there and ours.
    ///
    /// # Errors
    /// [`JournalError::Held`] if another process watches; [`JournalError::Io`].
    pub fn open(storage: &'a dyn Storage, state_dir: &Path) -> Result<Self, JournalError> {
        let folder = state_dir.join("watched");
        let failed = |cause: String| JournalError::Io {
            doing: "keep the list of watched guests beside",
            path: folder.clone(),
            cause,
        };
        storage
            .make_folder(&folder)
            .and_then(|()| storage.settle())
            .map_err(|error| failed(error.to_string()))?;
        let mut lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join("lock"))
            .map_err(|error| failed(error.to_string()))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| JournalError::Held {
            holder: "another `virt-retire watch` with the same state folder".into(),
        })?;
        // For whoever wants to end it.
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(|error| failed(error.to_string()))?;
        // What a kill kept from its name; whoever holds the lock is the only one who writes here.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(b".new-") {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(Self {
            storage,
            folder,
            _lock: lock,
        })
    }

    fn path(&self, domain: Uuid) -> PathBuf {
        self.folder.join(domain.to_string())
    }
}

impl Watchlist for WatchFiles<'_> {
    fn list(&self) -> Result<Vec<Watched>, JournalError> {
        let io = |error: io::Error| JournalError::Io {
            doing: "read the list of watched guests beside",
            path: self.folder.clone(),
            cause: error.to_string(),
        };
        let mut watched = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            let is_record = entry
                .file_name()
                .to_str()
                .is_some_and(|name| Uuid::try_parse(name).is_ok());
            if !is_record {
                continue;
            }
            let path = entry.path();
            let bytes = fs::read(&path).map_err(io)?;
            let one = decode::<journal::Watched>(&bytes)
                .map(journal::Watched::load)
                .map_err(|error| JournalError::Damaged {
                    path,
                    cause: error.to_string(),
                })?;
            watched.push(one);
        }
        Ok(watched)
    }

    fn put(&self, watched: &Watched) -> Result<(), StorageError> {
        let path = self.path(watched.domain.uuid);
        let bytes = encode(&journal::Watched::store(watched)).map_err(|error| {
            StorageError::io("write", &path, io::Error::other(error.to_string()))
        })?;
        // A guest that dies while the power goes must be found on the list.
        self.storage.write(&path, &bytes)?;
        self.storage.settle()
    }

    fn remove(&self, domain: Uuid) -> Result<(), StorageError> {
        let path = self.path(domain);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StorageError::io("remove", &path, error))
            }
            _ => File::open(&self.folder)
                .and_then(|folder| folder.sync_all())
                .map_err(|error| StorageError::io("sync the folder", &self.folder, error)),
        }
    }
}
