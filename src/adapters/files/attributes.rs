//! The two inode attributes (`chattr +i`, `+a`) that forbid a rename.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{FileType, IFlags, Statx, StatxAttributes, ioctl_getflags, ioctl_setflags};
use rustix::io::retry_on_intr;

use super::sys;
use crate::ports::StorageError;

const FORBIDDING: IFlags = IFlags::IMMUTABLE.union(IFlags::APPEND);

/// The forbidding bits of an `O_PATH` descriptor's file, 0 where there are none or the file
/// system has no such attributes.
///
/// `statx` tells them on ext4, xfs, btrfs and others without the file being opened at all. Only
/// where it does not is the file opened for the ioctl; one that may not be opened counts as free,
/// and the rename will tell.
pub fn forbidding(fd: BorrowedFd<'_>, stat: &Statx) -> u32 {
    let told = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
    if stat.stx_attributes_mask.contains(told) {
        let mut bits = IFlags::empty();
        bits.set(
            IFlags::IMMUTABLE,
            stat.stx_attributes.contains(StatxAttributes::IMMUTABLE),
        );
        bits.set(
            IFlags::APPEND,
            stat.stx_attributes.contains(StatxAttributes::APPEND),
        );
        return bits.bits();
    }
    match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::RegularFile | FileType::Directory => sys::reopen(fd)
            .and_then(|file| retry_on_intr(|| ioctl_getflags(&file)))
            .map_or(0, |flags| (flags & FORBIDDING).bits()),
        _ => 0,
    }
}

/// Whether the file's data goes through the file system's journal (`chattr +j`), where that can be
/// told.
pub fn is_data_journaled(file: impl AsFd) -> bool {
    retry_on_intr(|| ioctl_getflags(&file)).is_ok_and(|flags| flags.contains(IFlags::JOURNALING))
}

/// Takes the forbidding bits off; the other attributes stay.
pub fn unlock(fd: BorrowedFd<'_>, path: &Path) -> Result<(), StorageError> {
    change(
        fd,
        path,
        "lift the immutable or append-only attribute of",
        |flags| flags - FORBIDDING,
    )
}

/// Sets `bits` again beside what is set. Doing it twice is fine.
pub fn lock(fd: BorrowedFd<'_>, path: &Path, bits: u32) -> Result<(), StorageError> {
    let bits = IFlags::from_bits_retain(bits) & FORBIDDING;
    if bits.is_empty() {
        return Ok(());
    }
    change(
        fd,
        path,
        "set the immutable or append-only attribute of",
        |flags| flags | bits,
    )
}

fn change(
    fd: BorrowedFd<'_>,
    path: &Path,
    doing: &'static str,
    to: impl Fn(IFlags) -> IFlags,
) -> Result<(), StorageError> {
    let file = sys::reopen(fd).map_err(|errno| StorageError::io(doing, path, errno))?;
    let flags = retry_on_intr(|| ioctl_getflags(file.as_fd()));
    flags
        .and_then(|now| match to(now) {
            same if same == now => Ok(()),
            new => retry_on_intr(|| ioctl_setflags(file.as_fd(), new)),
        })
        .map_err(|errno| StorageError::io(doing, path, errno))
}
