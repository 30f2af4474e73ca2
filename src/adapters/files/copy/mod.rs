//! A second copy of what a running guest goes on using, or of NVRAM that was kept: small files that
//! libvirt takes away when the guest ends, or that somebody else uses by now. Owner, mode, times,
//! xattrs (ACLs are xattrs) and holes come along; the inode cannot.
//!
//! The folders on both sides may belong to a user who changes them meanwhile. So each is opened
//! once, what is read is the inode that was recorded, what is written has no name, or one that only
//! we could give it, until it is whole, and everything is set on its descriptor.

mod compare;
pub mod erase;
mod node;
mod tree;

pub use compare::is_equal;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, Statx};
use rustix::io::{Errno, retry_on_intr};

use super::relocate::{is_same, look};
use super::sys::{self, Entry};
use super::{durable, facts, folders};
use crate::model::{FileFacts, FileKind};
use crate::ports::{Moved, StorageError};

/// Copies the file, symlink or folder that is `expected` to a name that is free; whole or not at
/// all.
pub fn copy(from: &Path, to: &Path, expected: &FileFacts) -> Result<Moved, StorageError> {
    let target = Entry::open(to)?;
    if target.look()?.is_some() {
        // The run that made it may have been cut off before this.
        durable::sync_folder(&target.folder, &target.folder_path)?;
        return Ok(Moved::Already);
    }
    let Some(source) = Entry::open_if_there(from)? else {
        return Err(StorageError::Gone(from.to_owned()));
    };
    let (fd, stat) = look(&source)?.ok_or_else(|| StorageError::Gone(from.to_owned()))?;
    if !is_same(&stat, expected) {
        return Err(StorageError::Swapped(from.to_owned()));
    }
    let made = match facts::kind(&stat) {
        FileKind::Regular => file(&fd, &stat, &target),
        FileKind::Symlink => by_name(&target, None, |temporary| {
            node::symlink(&fd, &stat, &target.folder, temporary)
        }),
        FileKind::Directory => by_name(&target, Some(&fd), |temporary| {
            tree::tree(&fd, &stat, &target.folder, temporary)
        }),
        FileKind::BlockDevice | FileKind::Other => Err(sys::said(
            Errno::INVAL,
            "it is neither a file, a folder nor a symlink",
        )),
    };
    let made = made.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => StorageError::Occupied(to.to_owned()),
        _ => StorageError::io("copy", from, error),
    })?;
    let arrived = look(&target)?.map(|(_, stat)| sys::identity(&stat).key());
    if arrived != Some(made) {
        return Err(StorageError::Occupied(to.to_owned()));
    }
    durable::sync_folder(&target.folder, &target.folder_path)?;
    Ok(Moved::Now)
}

/// Device and inode of what was made.
type Made = (u64, u64);

fn made(fd: impl AsFd) -> io::Result<Made> {
    Ok(sys::identity(&sys::stat(fd)?).key())
}

/// A file that has no name until it is whole; where the file system cannot do that, one with a
/// temporary name.
fn file(source: &OwnedFd, stat: &Statx, target: &Entry<'_>) -> io::Result<Made> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let unnamed = retry_on_intr(|| {
        rustix::fs::openat(&target.folder, ".", flags, Mode::from_raw_mode(0o600))
    });
    match unnamed {
        Ok(unnamed) => {
            node::fill(source, stat, &unnamed)?;
            match give_name(&unnamed, target) {
                Ok(()) => return made(&unnamed),
                Err(Errno::EXIST) => return Err(Errno::EXIST.into()),
                // No /proc, or a file system without hard links.
                Err(Errno::NOENT | Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    named_file(source, stat, target)
}

fn named_file(source: &OwnedFd, stat: &Statx, target: &Entry<'_>) -> io::Result<Made> {
    by_name(target, None, |temporary| {
        let named = folders::create(&target.folder, temporary)?;
        node::fill(source, stat, &named)?;
        made(&named)
    })
}

fn give_name(unnamed: &OwnedFd, target: &Entry<'_>) -> rustix::io::Result<()> {
    let path = format!("/proc/self/fd/{}", unnamed.as_raw_fd());
    retry_on_intr(|| {
        rustix::fs::linkat(
            CWD,
            &path,
            &target.folder,
            target.name,
            AtFlags::SYMLINK_FOLLOW,
        )
    })
}

/// Makes it under a temporary name and renames it, never over anything. Whoever may write to the
/// folder may give that name to something else meanwhile: what arrives is looked at again. `model`
/// is the folder that is copied, if it is one.
fn by_name(
    target: &Entry<'_>,
    model: Option<&OwnedFd>,
    make: impl FnOnce(&OsStr) -> io::Result<Made>,
) -> io::Result<Made> {
    let folder = &target.folder;
    let temporary = beside(target.name);
    // Of a run that was cut off in the middle.
    erase::erase(folder, &temporary, model)?;
    let done = make(&temporary).and_then(|made| {
        retry_on_intr(|| {
            rustix::fs::renameat_with(
                folder,
                &temporary,
                folder,
                target.name,
                RenameFlags::NOREPLACE,
            )
        })?;
        Ok(made)
    });
    if done.is_err() {
        // The cause is worth more than what the clean-up says.
        let _ = erase::erase(folder, &temporary, model);
    }
    done
}

/// Removes a copy of ours, and what was to become it; one that is gone is fine. The name goes
/// before the contents do: half a folder would be taken for a copy by whoever finds it after a
/// crash.
///
/// A folder goes only from one that is ours alone: elsewhere its name may have been given to
/// another.
pub fn remove(path: &Path) -> Result<(), StorageError> {
    let Some(entry) = Entry::open_if_there(path)? else {
        return Ok(());
    };
    let failed = |error: io::Error| StorageError::io("remove", path, error);
    let temporary = beside(entry.name);
    erase::erase(&entry.folder, &temporary, None).map_err(failed)?;
    let is_folder =
        look(&entry)?.is_some_and(|(_, stat)| facts::kind(&stat) == FileKind::Directory);
    if is_folder {
        erase::refuse_shared(&entry.folder).map_err(failed)?;
        let renamed = retry_on_intr(|| {
            rustix::fs::renameat(&entry.folder, entry.name, &entry.folder, &temporary)
        });
        match renamed {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        durable::sync_folder(&entry.folder, &entry.folder_path)?;
        erase::erase(&entry.folder, &temporary, None).map_err(failed)?;
    } else {
        erase::erase(&entry.folder, entry.name, None).map_err(failed)?;
    }
    durable::sync_folder(&entry.folder, &entry.folder_path)
}

/// A name of the same folder that libvirt and pools take for nothing. It is the same for every run,
/// so that the next one finds what was left by one that was cut off: in libvirt's own folders
/// nobody else would look for it.
fn beside(name: &OsStr) -> OsString {
    // A name may have 255 bytes.
    const LONGEST: usize = 200;
    let name = name.as_bytes();
    let kept = &name[..name.len().min(LONGEST)];
    OsStr::from_bytes(&[b".new-virt-retire-", kept].concat()).to_owned()
}

#[cfg(test)]
mod tests;
