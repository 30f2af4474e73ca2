//! What makes an effect last through a power cut (law 3).

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{FileType, Statx};
use rustix::io::{Errno, retry_on_intr};

use super::sys;
use crate::ports::StorageError;

/// Syncs the names in a folder.
pub fn sync_folder(folder: impl AsFd, path: &Path) -> Result<(), StorageError> {
    retry_on_intr(|| rustix::fs::fsync(&folder))
        .map_err(|errno| StorageError::io("sync the folder", path, errno))
}

/// Syncs what an `O_PATH` descriptor stands for: a regular file's data, a folder's own names
/// (moved elsewhere, its `..` changed). Symlinks and the like have nothing of their own that
/// `fsync` takes; the folder's sync covers them.
///
/// A file that its owner may move but not read cannot be opened for `fsync`; then the whole file
/// system is synced by way of `folder`.
pub fn sync_file(
    fd: BorrowedFd<'_>,
    stat: &Statx,
    folder: impl AsFd,
    path: &Path,
) -> Result<(), StorageError> {
    if !matches!(
        FileType::from_raw_mode(stat.stx_mode.into()),
        FileType::RegularFile | FileType::Directory
    ) {
        return Ok(());
    }
    match sys::reopen(fd) {
        Ok(file) => retry_on_intr(|| rustix::fs::fsync(&file)),
        Err(Errno::ACCESS | Errno::NOENT) => retry_on_intr(|| rustix::fs::syncfs(&folder)),
        Err(errno) => Err(errno),
    }
    .map_err(|errno| StorageError::io("sync", path, errno))
}
