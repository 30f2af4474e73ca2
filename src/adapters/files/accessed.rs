//! When a file was last read. libvirt reads the headers of a pool's volumes whenever it makes its
//! list, and a file that has just been renamed is due for a new access time by `relatime`'s rule
//! (mount(8)): what comes back would tell of a reader that its guest never had.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, OFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use super::durable::Unsynced;
use super::sys::{self, Entry};
use crate::model::{FileTime, Identity};
use crate::ports::StorageError;

/// `None` where there is nothing.
pub fn accessed(path: &Path) -> Result<Option<FileTime>, StorageError> {
    match sys::stat_at(CWD, path.as_os_str(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(sys::timestamp(stat.stx_atime))),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(StorageError::io("look at", path, errno)),
    }
}

/// Sets it if the file is the one that is meant.
pub fn set(
    path: &Path,
    expected: &Identity,
    time: FileTime,
    unsynced: &Unsynced,
) -> Result<(), StorageError> {
    let failed = |errno| StorageError::io("set the access time of", path, errno);
    let entry = Entry::open(path)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NOATIME | OFlags::NONBLOCK;
    let file = sys::open_at(&entry.folder, entry.name, flags).map_err(failed)?;
    let stat = sys::stat(&file).map_err(failed)?;
    if !sys::is(&stat, expected) {
        return Err(StorageError::Swapped(path.to_owned()));
    }
    if sys::timestamp(stat.stx_atime) == time {
        return Ok(());
    }
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: time.seconds,
            tv_nsec: time.nanoseconds.into(),
        },
        last_modification: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
    };
    rustix::fs::futimens(&file, &times).map_err(failed)?;
    unsynced.file(file.as_fd(), &stat, &entry.folder, path)
}
