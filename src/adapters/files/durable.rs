//! What makes an effect last through a power cut (law 3).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FileType, Statx};
use rustix::io::{Errno, retry_on_intr};

use super::sys;
use crate::ports::StorageError;

/// Files and folders that were changed and are not on the medium yet. Each is synced once when all
/// are settled, however often it was changed: the first sync of a group makes the file system write
/// what belongs to the others, too.
///
/// What was added and never settled may be lost to a power cut, and to nothing else.
#[derive(Debug, Clone, Default)]
pub struct Unsynced(Arc<Mutex<Pending>>);

#[derive(Debug, Default)]
struct Pending {
    /// Before the folders, so that no name outlives what it names.
    files: Vec<Item>,
    /// Each where it was added last: of a move the folder that the file came into is synced before
    /// the one that it left, whatever came before.
    folders: Vec<((u64, u64), Item)>,
}

#[derive(Debug)]
struct Item {
    /// Of a file `O_PATH`, which is no use of it: nobody is kept from a lease by that.
    fd: OwnedFd,
    /// Of a file; see `sync_open`.
    folder: Option<OwnedFd>,
    path: PathBuf,
}

/// Then they are settled by themselves: each keeps a descriptor or two.
const MOST: usize = 200;

impl Unsynced {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an `O_PATH` descriptor stands for: a regular file's data, a folder's own names (moved
    /// elsewhere, its `..` changed). Symlinks and the like have nothing of their own that `fsync`
    /// takes; the folder's sync covers them.
    pub fn file(
        &self,
        fd: BorrowedFd<'_>,
        stat: &Statx,
        folder: impl AsFd,
        path: &Path,
    ) -> Result<(), StorageError> {
        if !has_data(stat) {
            return Ok(());
        }
        let failed = |error| StorageError::io("sync", path, error);
        let item = Item {
            fd: fd.try_clone_to_owned().map_err(failed)?,
            folder: Some(folder.as_fd().try_clone_to_owned().map_err(failed)?),
            path: path.to_owned(),
        };
        self.pending().files.push(item);
        self.settle_many()
    }

    /// The names in a folder.
    pub fn folder(&self, folder: impl AsFd, path: &Path) -> Result<(), StorageError> {
        let failed = |error| StorageError::io("sync the folder", path, error);
        let stat = sys::stat(&folder).map_err(|errno| failed(errno.into()))?;
        let key = sys::identity(&stat).key();
        let item = Item {
            fd: folder.as_fd().try_clone_to_owned().map_err(failed)?,
            folder: None,
            path: path.to_owned(),
        };
        let mut pending = self.pending();
        pending.folders.retain(|(known, _)| *known != key);
        pending.folders.push((key, item));
        drop(pending);
        self.settle_many()
    }

    fn settle_many(&self) -> Result<(), StorageError> {
        let many = {
            let pending = self.pending();
            pending.files.len() + pending.folders.len() >= MOST
        };
        match many {
            true => self.settle(),
            false => Ok(()),
        }
    }

    /// Returns when all of it is on the medium.
    ///
    /// # Errors
    /// Any failure means: unknown what is. There is no second try, since the kernel may have
    /// dropped the pages.
    pub fn settle(&self) -> Result<(), StorageError> {
        let Pending { files, folders } = std::mem::take(&mut *self.pending());
        let mut result = Ok(());
        for file in &files {
            let folder = file.folder.as_ref().unwrap_or(&file.fd);
            result = result.and(sync_open(file.fd.as_fd(), folder, &file.path));
        }
        for (_, folder) in &folders {
            result = result.and(sync_folder(&folder.fd, &folder.path));
        }
        result
    }

    /// Changes something, and settles that at once.
    pub fn at_once<T>(
        change: impl FnOnce(&Self) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let unsynced = Self::default();
        let changed = change(&unsynced)?;
        unsynced.settle()?;
        Ok(changed)
    }
}

fn has_data(stat: &Statx) -> bool {
    matches!(
        FileType::from_raw_mode(stat.stx_mode.into()),
        FileType::RegularFile | FileType::Directory
    )
}

/// Syncs the names in a folder.
pub fn sync_folder(folder: impl AsFd, path: &Path) -> Result<(), StorageError> {
    retry_on_intr(|| rustix::fs::fsync(&folder))
        .map_err(|errno| StorageError::io("sync the folder", path, errno))
}

/// Syncs what an `O_PATH` descriptor stands for. A file that its owner may move but not read cannot
/// be opened for `fsync`; then the whole file system is synced by way of `folder`.
fn sync_open(fd: BorrowedFd<'_>, folder: impl AsFd, path: &Path) -> Result<(), StorageError> {
    match sys::reopen(fd) {
        Ok(file) => retry_on_intr(|| rustix::fs::fsync(&file)),
        Err(Errno::ACCESS | Errno::NOENT) => retry_on_intr(|| rustix::fs::syncfs(&folder)),
        Err(errno) => Err(errno),
    }
    .map_err(|errno| StorageError::io("sync", path, errno))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_that_was_changed_many_times_is_synced_once() {
        let folder = tempfile::tempdir().unwrap();
        let opened = sys::open_folder(folder.path()).unwrap();
        let unsynced = Unsynced::default();
        for name in ["a", "b"] {
            let path = folder.path().join(name);
            fs::write(&path, name).unwrap();
            let entry = sys::Entry::open(&path).unwrap();
            let fd = entry.look().unwrap().unwrap();
            let stat = sys::stat(&fd).unwrap();
            unsynced.file(fd.as_fd(), &stat, &opened, &path).unwrap();
            unsynced.folder(&opened, folder.path()).unwrap();
        }
        assert_eq!(unsynced.pending().folders.len(), 1);
        assert_eq!(unsynced.pending().files.len(), 2);
        unsynced.settle().unwrap();
        assert!(unsynced.pending().files.is_empty());
    }
}
