//! What one name stands for.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, OFlags, Statx, StatxAttributes};
use rustix::io::{Errno, retry_on_intr};

use super::{attributes, sys};
use crate::model::{FileFacts, FileKind};
use crate::ports::{Entry, StorageError};

/// Folders within folders, each of which costs an open file while it is summed.
const DEEPEST: usize = 256;

pub fn facts(path: &Path) -> Result<Option<FileFacts>, StorageError> {
    look(path, true)
}

/// Without the sum of what is below a folder.
pub fn glance(path: &Path) -> Result<Option<FileFacts>, StorageError> {
    look(path, false)
}

fn look(path: &Path, below: bool) -> Result<Option<FileFacts>, StorageError> {
    match sys::open_at(CWD, path, OFlags::PATH | OFlags::NOFOLLOW) {
        Ok(fd) => of(fd.as_fd(), path, below).map(Some),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(StorageError::io("look at", path, errno)),
    }
}

/// The facts of an `O_PATH` descriptor's file; `path` is for messages.
fn of(fd: BorrowedFd<'_>, path: &Path, below: bool) -> Result<FileFacts, StorageError> {
    let failed = |errno| StorageError::io("look at", path, errno);
    let stat = sys::stat(fd).map_err(failed)?;
    let kind = kind(&stat);
    let (size, allocated) = match kind {
        FileKind::Directory if below => {
            let mut sum = Sum::default();
            sum.folder(fd, path, DEEPEST)?;
            (sum.size, sum.allocated)
        }
        _ => (stat.stx_size, allocated(&stat)),
    };
    Ok(FileFacts {
        identity: sys::identity(&stat),
        kind,
        size,
        allocated,
        mode: u32::from(stat.stx_mode) & 0o7777,
        uid: stat.stx_uid,
        gid: stat.stx_gid,
        links: stat.stx_nlink.into(),
        modified: sys::timestamp(stat.stx_mtime),
        attributes: attributes::forbidding(fd, &stat),
        link_target: match kind {
            FileKind::Symlink => Some(link_target(fd).map_err(failed)?),
            _ => None,
        },
    })
}

/// What a folder holds, one level of it. `stands_alone` says so of a regular file.
pub fn list(
    folder: &Path,
    stands_alone: &dyn Fn(&Statx) -> bool,
) -> Result<Vec<Entry>, StorageError> {
    let failed = |errno| StorageError::io("read the folder", folder, errno);
    let opened = sys::without_atime(|flags| {
        sys::open_at(CWD, folder, flags | OFlags::RDONLY | OFlags::DIRECTORY)
    });
    let fd = match opened {
        Ok(fd) => fd,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Vec::new()),
        Err(errno) => return Err(failed(errno)),
    };
    let mut found = Vec::new();
    for entry in Dir::read_from(&fd).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        match sys::stat_at(&fd, name, AtFlags::empty()) {
            Ok(stat) => {
                let kind = kind(&stat);
                found.push(Entry {
                    path: folder.join(name),
                    kind,
                    identity: sys::identity(&stat),
                    stands_alone: kind == FileKind::Regular && stands_alone(&stat),
                });
            }
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed(errno)),
        }
    }
    Ok(found)
}

pub fn kind(stat: &Statx) -> FileKind {
    match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::RegularFile => FileKind::Regular,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        FileType::BlockDevice => FileKind::BlockDevice,
        _ => FileKind::Other,
    }
}

/// The spelling of a symlink that is open with `O_PATH | O_NOFOLLOW`.
pub fn link_target(fd: BorrowedFd<'_>) -> rustix::io::Result<PathBuf> {
    let target = retry_on_intr(|| rustix::fs::readlinkat(fd, "", Vec::new()))?;
    Ok(OsString::from_vec(target.into_bytes()).into())
}

/// `stx_blocks` counts in 512 bytes whatever the file system's block size (statx(2)).
pub fn allocated(stat: &Statx) -> u64 {
    stat.stx_blocks.saturating_mul(512)
}

/// The sum of all that is below a folder, a file of several names counted once. What is mounted
/// there is not part of it: it stays where it is whatever happens to the folder.
#[derive(Default)]
struct Sum {
    size: u64,
    allocated: u64,
    counted: HashSet<(u64, u64)>,
}

impl Sum {
    fn folder(
        &mut self,
        fd: BorrowedFd<'_>,
        path: &Path,
        depth: usize,
    ) -> Result<(), StorageError> {
        let failed = |errno| StorageError::io("read the folder", path, errno);
        if depth == 0 {
            return Err(failed(Errno::NAMETOOLONG));
        }
        let folder: OwnedFd = sys::without_atime(|flags| {
            sys::open_at(fd, ".", flags | OFlags::RDONLY | OFlags::DIRECTORY)
        })
        .map_err(failed)?;
        for entry in Dir::read_from(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let stat = match sys::stat_at(&folder, name, AtFlags::empty()) {
                Ok(stat) => stat,
                // Gone since the folder was read: it takes no room.
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(failed(errno)),
            };
            if stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
                continue;
            }
            if stat.stx_nlink > 1 && !self.counted.insert(sys::identity(&stat).key()) {
                continue;
            }
            self.allocated = self.allocated.saturating_add(allocated(&stat));
            if kind(&stat) == FileKind::Directory {
                let below = path.join(name);
                let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY;
                let fd = sys::open_at(&folder, name, flags)
                    .map_err(|errno| StorageError::io("read the folder", &below, errno))?;
                self.folder(fd.as_fd(), &below, depth - 1)?;
            } else {
                self.size = self.size.saturating_add(stat.stx_size);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
