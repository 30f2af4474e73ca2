//! What files hold of their file system: the inodes, and the extents that others have, too.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Dir, OFlags, Statx, StatxAttributes};
use rustix::io::Errno;

use super::{extents, facts, sys};
use crate::model::{Allocation, FileKind, merged};
use crate::ports::StorageError;

/// Folders within folders, each of which costs an open file meanwhile.
const DEEPEST: usize = 256;

/// File systems that have every block in one file alone: nobody need be asked extent by extent.
/// Numbers from `linux/magic.h`.
const NEVER_SHARED: &[u64] = &[
    0xef53,      // ext2, ext3, ext4
    0x0102_1994, // tmpfs
];

/// Of a file, of a folder all that is below it (the folder itself not); nothing of what is not
/// there.
pub fn of(path: &Path) -> Result<Vec<Allocation>, StorageError> {
    let found = match sys::open_at(CWD, path, OFlags::PATH | OFlags::NOFOLLOW) {
        Ok(found) => found,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Vec::new()),
        Err(errno) => return Err(StorageError::io("look at", path, errno)),
    };
    of_open(found.as_fd(), path)
}

/// The same of an `O_PATH` descriptor; `path` is for messages.
pub fn of_open(found: BorrowedFd<'_>, path: &Path) -> Result<Vec<Allocation>, StorageError> {
    let failed = |errno| StorageError::io("look at", path, errno);
    let stat = sys::stat(found).map_err(failed)?;
    let mut all = Vec::new();
    if facts::kind(&stat) == FileKind::Directory {
        below(found, path, DEEPEST, &mut all)?;
    } else {
        all.push(inode(found, &stat).map_err(failed)?);
    }
    Ok(all)
}

fn below(
    folder: BorrowedFd<'_>,
    path: &Path,
    depth: usize,
    all: &mut Vec<Allocation>,
) -> Result<(), StorageError> {
    let failed = |errno| StorageError::io("read the folder", path, errno);
    if depth == 0 {
        return Err(failed(Errno::NAMETOOLONG));
    }
    let opened = sys::without_atime(|flags| {
        sys::open_at(folder, ".", flags | OFlags::RDONLY | OFlags::DIRECTORY)
    })
    .map_err(failed)?;
    let mut names: Vec<OsString> = Vec::new();
    for entry in Dir::read_from(&opened).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name != "." && name != ".." {
            names.push(name.to_owned());
        }
    }
    for name in names {
        let inner = match sys::open_at(&opened, &name, OFlags::PATH | OFlags::NOFOLLOW) {
            Ok(inner) => inner,
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(failed(errno)),
        };
        let stat = sys::stat(&inner).map_err(failed)?;
        // What is mounted there stays where it is.
        if stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
            continue;
        }
        all.push(inode(inner.as_fd(), &stat).map_err(failed)?);
        if facts::kind(&stat) == FileKind::Directory {
            below(inner.as_fd(), &path.join(name), depth - 1, all)?;
        }
    }
    Ok(())
}

fn inode(found: BorrowedFd<'_>, stat: &Statx) -> rustix::io::Result<Allocation> {
    let kind = facts::kind(stat);
    let allocated = facts::allocated(stat);
    let shared = match kind {
        FileKind::Regular if allocated > 0 && may_share(found) => shared(found)?,
        _ => Vec::new(),
    };
    Ok(Allocation {
        identity: sys::identity(stat),
        // A folder's links are its sub-folders, and no names of it.
        links: match kind {
            FileKind::Directory => 1,
            _ => stat.stx_nlink.into(),
        },
        allocated,
        shared,
    })
}

fn may_share(found: BorrowedFd<'_>) -> bool {
    // A magic number has 32 bits, whatever the type that it comes in.
    rustix::fs::fstatfs(found).map_or(true, |it| {
        !NEVER_SHARED.contains(&u64::from(it.f_type as u32))
    })
}

/// Nothing where the file system does not tell.
fn shared(found: BorrowedFd<'_>) -> rustix::io::Result<Vec<std::ops::Range<u64>>> {
    match extents::of(&sys::reopen(found)?) {
        Ok(extents) => {
            let shared = extents.iter().filter(|extent| extent.is_shared());
            let place = |it: &extents::Extent| it.physical..it.physical.saturating_add(it.length);
            Ok(merged(shared.map(place).collect()))
        }
        Err(Errno::OPNOTSUPP | Errno::NOTTY) => Ok(Vec::new()),
        Err(errno) => Err(errno),
    }
}
