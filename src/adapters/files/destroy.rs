//! The end of a quarantined file. By open folders that are ours alone, and only of the inode that
//! was recorded: whatever else has the name is somebody's.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;

use super::copy::erase;
use super::durable::Unsynced;
use super::folders::{names, open_private, ours_around, remove_if_empty, unlink};
use super::relocate::is_same;
use super::sys::{self, Entry};
use super::{allocations, attributes, durable};
use crate::model::{FileFacts, FileKind, Tally};
use crate::ports::StorageError;

pub fn destroy(path: &Path, expected: &FileFacts) -> Result<u64, StorageError> {
    let Some(folder) = open_ours(path.parent().unwrap_or(Path::new("/")))? else {
        return Ok(0);
    };
    let (folder_path, name) = sys::split(path)?;
    let sync = || durable::sync_folder(&folder, folder_path);
    let found = match sys::open_at(&folder, name, OFlags::PATH | OFlags::NOFOLLOW) {
        Ok(found) => found,
        // The run that removed it may have been cut off before this.
        Err(Errno::NOENT) => {
            unmark(&folder, name, path)?;
            return sync().map(|()| 0);
        }
        Err(errno) => return Err(StorageError::io("look at", path, errno)),
    };
    let stat = sys::stat(&found).map_err(|errno| StorageError::io("look at", path, errno))?;
    if !is_same(&stat, expected) {
        return Err(StorageError::Swapped(path.to_owned()));
    }
    if attributes::forbidding(found.as_fd(), &stat) != 0 {
        attributes::unlock(found.as_fd(), path)?;
    }
    let mut held = Tally::default();
    held.extend(allocations::of_open(found.as_fd(), path)?);
    if expected.kind == FileKind::Directory {
        empty(&folder, name, path, expected)?;
        unlink(&folder, name, path, AtFlags::REMOVEDIR)?;
    } else {
        unlink(&folder, name, path, AtFlags::empty())?;
    }
    unmark(&folder, name, path)?;
    sync()?;
    Ok(held.held().freed())
}

fn unmark(folder: &OwnedFd, name: &OsStr, path: &Path) -> Result<(), StorageError> {
    let failed = |errno| StorageError::io("remove the mark beside", path, errno);
    super::wipe::remove_mark(folder, name).map_err(failed)
}

/// Never into what is mounted there.
fn empty(
    folder: &OwnedFd,
    name: &OsStr,
    path: &Path,
    expected: &FileFacts,
) -> Result<(), StorageError> {
    let failed = |source| StorageError::Io {
        doing: "empty",
        path: path.to_owned(),
        source,
    };
    let opened = erase::open_below(folder, name).map_err(|errno| failed(errno.into()))?;
    let stat = sys::stat(&opened).map_err(|errno| failed(errno.into()))?;
    match is_same(&stat, expected) {
        true => erase::empty(&opened).map_err(failed),
        false => Err(StorageError::Swapped(path.to_owned())),
    }
}

/// A transaction's folder, if it is there.
pub fn open_ours(path: &Path) -> Result<Option<OwnedFd>, StorageError> {
    let Some(entry) = Entry::open_if_there(path)? else {
        return Ok(None);
    };
    match entry.look()? {
        Some(_) => open_private(&entry).map(Some),
        None => Ok(None),
    }
}

pub fn remove_known(folder: &Path, known: &[PathBuf]) -> Result<Vec<PathBuf>, StorageError> {
    let mut strange = Vec::new();
    let Some(opened) = open_ours(folder)? else {
        // The run that removed it may have been cut off before this.
        if let Some(around) = folder.parent() {
            settle(around)?;
        }
        return Ok(strange);
    };
    let below: BTreeSet<&OsStr> = known
        .iter()
        .filter_map(|name| Some(name.parent()?.as_os_str()))
        .filter(|parent| !parent.is_empty())
        .collect();
    for name in below {
        let path = folder.join(name);
        let inner = match erase::open_below(&opened, name) {
            Ok(inner) => inner,
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(StorageError::io("open the folder", &path, errno)),
        };
        let left = unlink_known(&inner, &path, name, known)?;
        if left.is_empty() {
            unlink(&opened, name, &path, AtFlags::REMOVEDIR)?;
        }
        strange.extend(left);
    }
    let left = unlink_known(&opened, folder, OsStr::new(""), known)?;
    // A sub-folder with something strange in it is told by that.
    strange.extend(
        left.into_iter()
            .filter(|path| !strange.iter().any(|one| one.starts_with(path)))
            .collect::<Vec<_>>(),
    );
    durable::sync_folder(&opened, folder)?;
    drop(opened);
    if strange.is_empty() {
        Unsynced::at_once(|unsynced| remove_if_empty(folder, unsynced))?;
        if let Some(ours) = ours_around(folder) {
            Unsynced::at_once(|unsynced| remove_if_empty(ours, unsynced))?;
        }
    }
    Ok(strange)
}

fn settle(folder: &Path) -> Result<(), StorageError> {
    match sys::open_folder(folder) {
        Ok(opened) => durable::sync_folder(&opened, folder),
        Err(_) => Ok(()),
    }
}

/// Unlinks the plain files of one level that are known; gives what is left.
fn unlink_known(
    folder: &OwnedFd,
    path: &Path,
    level: &OsStr,
    known: &[PathBuf],
) -> Result<Vec<PathBuf>, StorageError> {
    let mut left = Vec::new();
    for (name, kind) in names(folder, path)? {
        let is_known = known.iter().any(|one| *one == Path::new(level).join(&name));
        // What `write` begins with, from a run that was cut off.
        let is_unfinished = name.as_bytes().starts_with(b".new-");
        if kind == FileKind::Regular && (is_known || is_unfinished) {
            unlink(folder, &name, &path.join(&name), AtFlags::empty())?;
        } else {
            left.push(path.join(name));
        }
    }
    Ok(left)
}

#[cfg(test)]
#[path = "destroy_tests.rs"]
mod tests;
