//! A file's way into the quarantine and back: one rename, never over anything.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, RenameFlags, Statx};
use rustix::io::{Errno, retry_on_intr};

use super::durable::Unsynced;
use super::sys::{self, Entry};
use super::{attributes, facts};
use crate::model::{FileFacts, FileKind};
use crate::ports::{Demand, Moved, StorageError};

pub fn relocate(
    from: &Path,
    to: &Path,
    expected: &FileFacts,
    demand: Demand,
    unsynced: &Unsynced,
) -> Result<Moved, StorageError> {
    let target = Entry::open(to)?;
    let source = Entry::open_if_there(from)?;
    let here = source.as_ref().map(look).transpose()?.flatten();
    let there = look(&target)?;
    let is_there = there
        .as_ref()
        .is_some_and(|(_, stat)| is_same(stat, expected));
    let is_here = here
        .as_ref()
        .is_some_and(|(_, stat)| is_same(stat, expected));
    // Whoever made a new file under the old name after the move did not undo the move.
    if let (Some((fd, stat)), true, false) = (&there, is_there, is_here) {
        settle(fd, stat, source.as_ref(), &target, expected, unsynced)?;
        return Ok(Moved::Already);
    }
    let (Some(source), Some((fd, stat))) = (source, here) else {
        return Err(match there {
            Some(_) => StorageError::Occupied(to.to_owned()),
            None => StorageError::Gone(from.to_owned()),
        });
    };
    let is_fit = match demand {
        Demand::Unchanged => is_unchanged(&stat, expected),
        Demand::SameFile => is_same(&stat, expected),
    };
    if !is_fit {
        return Err(StorageError::Swapped(from.to_owned()));
    }
    match there {
        // Both names are the file's: a rename by link and unlink was interrupted.
        Some((_, there)) if is_two_names(&stat, &there, &source, &target)? => {
            drop_first_name(&fd, &stat, &source)?;
        }
        Some(_) => return Err(StorageError::Occupied(to.to_owned())),
        None => transfer(&fd, &stat, &source, &target)?,
    }
    settle(&fd, &stat, Some(&source), &target, expected, unsynced)?;
    Ok(Moved::Now)
}

pub fn look(entry: &Entry<'_>) -> Result<Option<(OwnedFd, Statx)>, StorageError> {
    entry
        .look()?
        .map(|fd| {
            let stat = sys::stat(&fd).map_err(|e| StorageError::io("look at", entry.path, e))?;
            Ok((fd, stat))
        })
        .transpose()
}

pub fn is_same(stat: &Statx, expected: &FileFacts) -> bool {
    sys::is(stat, &expected.identity) && facts::kind(stat) == expected.kind
}

/// See [`Demand::Unchanged`].
fn is_unchanged(stat: &Statx, expected: &FileFacts) -> bool {
    is_same(stat, expected)
        && (expected.kind != FileKind::Regular
            || (stat.stx_size == expected.size
                && sys::timestamp(stat.stx_mtime) == expected.modified))
}

/// Whether two entries are two hard links of one inode, and not one entry seen along two ways
/// (a bind mount, a file system that ignores case), whose removal would remove the file.
pub fn is_two_names(
    one: &Statx,
    other: &Statx,
    first: &Entry<'_>,
    second: &Entry<'_>,
) -> Result<bool, StorageError> {
    let key = |stat: &Statx| sys::identity(stat).key();
    if key(one) != key(other) || one.stx_nlink < 2 || facts::kind(one) == FileKind::Directory {
        return Ok(false);
    }
    let folder = |entry: &Entry<'_>| {
        sys::stat(&entry.folder)
            .map(|stat| key(&stat))
            .map_err(|e| StorageError::io("look at", &entry.folder_path, e))
    };
    Ok(folder(first)? != folder(second)? || first.name != second.name)
}

/// Renames, with attributes that forbid it lifted for that long, and looks whether what arrived is
/// what was meant: between the check and the rename the name may have been given to another file.
fn transfer(
    fd: &OwnedFd,
    stat: &Statx,
    source: &Entry<'_>,
    target: &Entry<'_>,
) -> Result<(), StorageError> {
    let bits = attributes::forbidding(fd.as_fd(), stat);
    if bits != 0 {
        attributes::unlock(fd.as_fd(), source.path)?;
    }
    let result = rename(source, target).and_then(|()| match look(target)? {
        Some((_, arrived)) if sys::identity(&arrived) == sys::identity(stat) => Ok(()),
        Some((_, arrived)) => {
            rename(target, source)?;
            Err(not_that(fd, &arrived, source))
        }
        None => Err(StorageError::Gone(target.path.to_owned())),
    });
    // On success too: `settle` sets what the plan says, this what there was.
    let locked = attributes::lock(fd.as_fd(), source.path, bits);
    result.and(locked)
}

/// Why what arrived is not what was looked at. A file that is in a lower layer of an overlay is
/// copied to the upper one by whatever first changes it, a rename too, and is another inode then;
/// only who has had it open all along can tell.
fn not_that(fd: &OwnedFd, arrived: &Statx, source: &Entry<'_>) -> StorageError {
    let is_it = sys::stat(fd).is_ok_and(|now| sys::identity(&now) == sys::identity(arrived));
    if !is_it {
        return StorageError::Swapped(source.path.to_owned());
    }
    let words = "it was in a lower layer of an overlay file system, which has made a copy of it in \
                 the upper layer only now, and can be moved from there: type the command again";
    StorageError::io("move", source.path, sys::said(Errno::STALE, words))
}

/// `renameat2` that never overwrites.
fn rename(source: &Entry<'_>, target: &Entry<'_>) -> Result<(), StorageError> {
    rename_entry(source, target).map_err(|errno| match errno {
        Errno::EXIST => StorageError::Occupied(target.path.to_owned()),
        Errno::NOENT => StorageError::Gone(source.path.to_owned()),
        Errno::INVAL => StorageError::io(
            "move",
            source.path,
            sys::said(
                errno,
                "the file system cannot rename without overwriting, nor make hard links",
            ),
        ),
        other => {
            let words = format!("to {}", target.path.display());
            StorageError::io("move", source.path, sys::said(other, &words))
        }
    })
}

/// The same with the plain errno, for those who try a folder out.
///
/// NFS and some FUSE file systems do not know RENAME_NOREPLACE and answer EINVAL; there a second
/// link and then an unlink have the same promise, except for folders, which cannot be linked.
pub fn rename_entry(source: &Entry<'_>, target: &Entry<'_>) -> rustix::io::Result<()> {
    let renamed = retry_on_intr(|| {
        rustix::fs::renameat_with(
            &source.folder,
            source.name,
            &target.folder,
            target.name,
            RenameFlags::NOREPLACE,
        )
    });
    match renamed {
        Err(Errno::INVAL) => {}
        other => return other,
    }
    let before = sys::stat_at(&source.folder, source.name, AtFlags::empty())?;
    rename_by_link(source, target, &before).map_err(|errno| match errno {
        Errno::PERM | Errno::OPNOTSUPP => Errno::INVAL,
        other => other,
    })
}

fn rename_by_link(
    source: &Entry<'_>,
    target: &Entry<'_>,
    before: &Statx,
) -> rustix::io::Result<()> {
    link_entry(source, target)?;
    let linked = sys::stat_at(&target.folder, target.name, AtFlags::empty())?;
    if sys::identity(&linked).key() != sys::identity(before).key() {
        retry_on_intr(|| rustix::fs::unlinkat(&target.folder, target.name, AtFlags::empty()))?;
        return Err(Errno::STALE);
    }
    retry_on_intr(|| rustix::fs::unlinkat(&source.folder, source.name, AtFlags::empty()))
}

/// A second name; a symlink itself gets it, not what it points to.
pub fn link_entry(source: &Entry<'_>, target: &Entry<'_>) -> rustix::io::Result<()> {
    retry_on_intr(|| {
        rustix::fs::linkat(
            &source.folder,
            source.name,
            &target.folder,
            target.name,
            AtFlags::empty(),
        )
    })
}

fn drop_first_name(fd: &OwnedFd, stat: &Statx, source: &Entry<'_>) -> Result<(), StorageError> {
    let bits = attributes::forbidding(fd.as_fd(), stat);
    if bits != 0 {
        attributes::unlock(fd.as_fd(), source.path)?;
    }
    let dropped =
        retry_on_intr(|| rustix::fs::unlinkat(&source.folder, source.name, AtFlags::empty()))
            .map_err(|errno| StorageError::io("take the old name away from", source.path, errno));
    dropped.and(attributes::lock(fd.as_fd(), source.path, bits))
}

/// Makes true what must hold after a move, whoever did its first half: the attributes of the plan
/// are set, the file and both folders are to be synced.
fn settle(
    fd: &OwnedFd,
    stat: &Statx,
    source: Option<&Entry<'_>>,
    target: &Entry<'_>,
    expected: &FileFacts,
    unsynced: &Unsynced,
) -> Result<(), StorageError> {
    attributes::lock(fd.as_fd(), target.path, expected.attributes)?;
    unsynced.file(fd.as_fd(), stat, &target.folder, target.path)?;
    unsynced.folder(&target.folder, &target.folder_path)?;
    match source {
        Some(source) => unsynced.folder(&source.folder, &source.folder_path),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "relocate_tests.rs"]
mod tests;
