//! Folders of our own, for their owner alone, and the few plain files in them.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, Statx};
use rustix::io::{Errno, retry_on_intr};

use super::durable::Unsynced;
use super::facts;
use super::sys::{self, Entry};
use crate::model::FileKind;
use crate::ports::StorageError;

/// The quarantine's name in a folder that is not ours.
pub const OUR_NAME: &str = ".virt-retire";

/// The folders that a transaction's folder may have below it.
const KNOWN_BELOW: [&str; 2] = ["snapshots", "checkpoints"];

/// Makes a folder of mode 0700, or finds that one is there that is ours and closed to others.
/// Tells whether it was made now.
pub fn ensure_private(path: &Path, unsynced: &Unsynced) -> Result<bool, StorageError> {
    let entry = Entry::open(path)?;
    let made = match retry_on_intr(|| {
        rustix::fs::mkdirat(&entry.folder, entry.name, Mode::from_raw_mode(0o700))
    }) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(errno) => return Err(StorageError::io("make the folder", path, errno)),
    };
    let folder = open_private(&entry)?;
    // Also when it was there: the run that made it may have been cut off before this.
    unsynced.folder(&folder, path)?;
    unsynced.folder(&entry.folder, &entry.folder_path)?;
    Ok(made)
}

/// Makes a transaction's folder. A quarantine of our own name, which a rollback took away since it
/// was found, is made again.
pub fn make(path: &Path, unsynced: &Unsynced) -> Result<(), StorageError> {
    match (ensure_private(path, unsynced), ours_around(path)) {
        (Err(StorageError::Io { source, .. }), Some(ours))
            if source.kind() == io::ErrorKind::NotFound =>
        {
            ensure_private(ours, unsynced)?;
            ensure_private(path, unsynced)
        }
        (made, _) => made,
    }
    .map(|_| ())
}

/// The quarantine of our own name that `path` is directly in.
pub fn ours_around(path: &Path) -> Option<&Path> {
    path.parent()
        .filter(|folder| folder.file_name() == Some(OsStr::new(OUR_NAME)))
}

/// Opens a folder that is ours and that nobody else can enter.
pub fn open_private(entry: &Entry<'_>) -> Result<OwnedFd, StorageError> {
    let failed = |source| StorageError::Io {
        doing: "use the folder",
        path: entry.path.to_owned(),
        source,
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let folder = sys::open_at(&entry.folder, entry.name, flags)
        .map_err(|errno| match errno {
            Errno::NOTDIR | Errno::LOOP => sys::said(errno, "it is not a folder of ours"),
            other => other.into(),
        })
        .map_err(failed)?;
    let stat = sys::stat(&folder).map_err(|errno| failed(errno.into()))?;
    owners_alone(&stat).map_err(|words| failed(sys::said(Errno::PERM, &words)))?;
    Ok(folder)
}

/// Whether a folder or file is this user's, and nobody else can enter, read or write it; else why
/// not, in words.
pub fn owners_alone(stat: &Statx) -> Result<(), String> {
    let me = rustix::process::geteuid().as_raw();
    if stat.stx_uid != me {
        return Err(format!(
            "it belongs to user {}, and this is user {me}",
            stat.stx_uid
        ));
    }
    if stat.stx_mode & 0o077 != 0 {
        return Err(format!(
            "others can enter it: its mode is {:o}",
            stat.stx_mode & 0o7777
        ));
    }
    Ok(())
}

/// Writes a file of mode 0600, whole or not at all. One of that name is replaced: it is ours, from
/// a run that was interrupted or before its guest was stopped, and is good until the new one is. A
/// new one is whole once it is settled.
pub fn write(path: &Path, bytes: &[u8], unsynced: &Unsynced) -> Result<(), StorageError> {
    let entry = Entry::open(path)?;
    let failed = |source| StorageError::Io {
        doing: "write",
        path: path.to_owned(),
        source,
    };
    let temporary = OsString::from(format!(".new-{}", uuid::Uuid::new_v4()));
    let file = create(&entry.folder, &temporary).map_err(|errno| failed(errno.into()))?;
    let mut file = std::fs::File::from(file);
    let replaces = entry.look()?.is_some();
    let written = file
        .write_all(bytes)
        .and_then(|()| if replaces { file.sync_all() } else { Ok(()) })
        .and_then(|()| {
            retry_on_intr(|| {
                rustix::fs::renameat(&entry.folder, &temporary, &entry.folder, entry.name)
            })
            .map_err(Into::into)
        });
    if let Err(source) = written {
        // The cause is worth more than what the clean-up says.
        let _ = rustix::fs::unlinkat(&entry.folder, &temporary, AtFlags::empty());
        return Err(failed(source));
    }
    if !replaces {
        let stat = sys::stat(&file).map_err(|errno| failed(errno.into()))?;
        unsynced.file(file.as_fd(), &stat, &entry.folder, path)?;
    }
    unsynced.folder(&entry.folder, &entry.folder_path)
}

/// A new file of mode 0600, whatever the umask and the folder's default ACL add or take.
pub fn create(folder: impl AsFd, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mode = Mode::from_raw_mode(0o600);
    let file = retry_on_intr(|| rustix::fs::openat(&folder, name, flags, mode))?;
    retry_on_intr(|| rustix::fs::fchmod(&file, mode))?;
    Ok(file)
}

/// Removes a folder with what [`write()`] put there by the names of `known`, and the quarantine of
/// our own name around it, if that was the last: it is in a folder that is not ours, perhaps in a
/// pool whose list shows it. Everything is looked at before anything is removed, so a refusal has
/// changed nothing. Gives what is not ours: it stays, and so does the folder.
pub fn remove(
    path: &Path,
    known: &[PathBuf],
    unsynced: &Unsynced,
) -> Result<Vec<PathBuf>, StorageError> {
    let strange = remove_record(path, known, unsynced)?;
    match ours_around(path) {
        Some(ours) if strange.is_empty() => remove_if_empty(ours, unsynced)?,
        _ => {}
    }
    Ok(strange)
}

/// An empty folder that will not go is no reason to fail: nothing is lost in it.
pub fn remove_if_empty(path: &Path, unsynced: &Unsynced) -> Result<(), StorageError> {
    let Some(entry) = Entry::open_if_there(path)? else {
        return Ok(());
    };
    match retry_on_intr(|| rustix::fs::unlinkat(&entry.folder, entry.name, AtFlags::REMOVEDIR)) {
        // Also when it is gone: the run that removed it may have been cut off before this.
        Ok(()) | Err(Errno::NOENT) => unsynced.folder(&entry.folder, &entry.folder_path),
        Err(errno) => {
            tracing::debug!(path = %path.display(), %errno, "the folder stays");
            Ok(())
        }
    }
}

fn remove_record(
    path: &Path,
    known: &[PathBuf],
    unsynced: &Unsynced,
) -> Result<Vec<PathBuf>, StorageError> {
    let Some(entry) = Entry::open_if_there(path)? else {
        return Ok(Vec::new());
    };
    if entry.look()?.is_none() {
        unsynced.folder(&entry.folder, &entry.folder_path)?;
        return Ok(Vec::new());
    }
    let folder = open_private(&entry)?;
    let mut strange = Vec::new();
    let mut files = Vec::new();
    let mut copies = Vec::new();
    let mut below = Vec::new();
    for (name, kind) in names(&folder, path)? {
        match kind {
            FileKind::Directory if KNOWN_BELOW.iter().any(|known| name == *known) => {
                below.push(name);
            }
            // Of a copied folder whose copying was cut off, or whose copy is not needed any more.
            FileKind::Directory if is_copy(&name) => copies.push(path.join(name)),
            _ if is_ours(path, Path::new(&name), kind, known)? => files.push(name),
            _ => strange.push(path.join(name)),
        }
    }
    let mut inner = Vec::new();
    for name in below {
        let inner_path = path.join(&name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let fd = sys::open_at(&folder, &name, flags)
            .map_err(|errno| StorageError::io("open the folder", &inner_path, errno))?;
        let mut files = Vec::new();
        let strangers_before = strange.len();
        for (file, kind) in names(&fd, &inner_path)? {
            match is_ours(path, &Path::new(&name).join(&file), kind, known)? {
                true => files.push(file),
                false => strange.push(inner_path.join(file)),
            }
        }
        let goes = strange.len() == strangers_before;
        inner.push((name, inner_path, fd, files, goes));
    }
    copies
        .iter()
        .try_for_each(|copy| super::copy::remove(copy))?;
    for (name, inner_path, fd, files, goes) in inner {
        unlink_all(&fd, &inner_path, &files)?;
        match goes {
            true => unlink(&folder, &name, &inner_path, AtFlags::REMOVEDIR)?,
            false => unsynced.folder(&fd, &inner_path)?,
        }
    }
    unlink_all(&folder, path, &files)?;
    match strange.is_empty() {
        true => {
            unlink(&entry.folder, entry.name, path, AtFlags::REMOVEDIR)?;
            unsynced.folder(&entry.folder, &entry.folder_path)?;
        }
        false => unsynced.folder(&folder, path)?,
    }
    Ok(strange)
}

/// `copy-NNN`, and the temporary name that `copy` begins with.
fn is_copy(name: &OsStr) -> bool {
    [&b"copy-"[..], b".new-"]
        .iter()
        .any(|prefix| name.as_bytes().starts_with(prefix))
}

/// Whether something in a transaction's folder is of its record: a plain file of a known name, or
/// the temporary name that [`write()`] begins with.
///
/// # Errors
/// A quarantined file, which has a number for a name: then nothing of the folder goes.
fn is_ours(
    folder: &Path,
    name: &Path,
    kind: FileKind,
    known: &[PathBuf],
) -> Result<bool, StorageError> {
    let last = name.file_name().unwrap_or_default().as_bytes();
    if kind == FileKind::Regular && last.iter().all(u8::is_ascii_digit) {
        let source = sys::said(Errno::NOTEMPTY, "it is a quarantined file");
        return Err(StorageError::io("remove", &folder.join(name), source));
    }
    let is_known = known.iter().any(|known| known == name);
    Ok(kind == FileKind::Regular && (is_known || last.starts_with(b".new-")))
}

fn unlink_all(folder: &OwnedFd, path: &Path, names: &[OsString]) -> Result<(), StorageError> {
    names
        .iter()
        .try_for_each(|name| unlink(folder, name, &path.join(name), AtFlags::empty()))
}

pub fn unlink(
    folder: &OwnedFd,
    name: &OsStr,
    path: &Path,
    flags: AtFlags,
) -> Result<(), StorageError> {
    match retry_on_intr(|| rustix::fs::unlinkat(folder, name, flags)) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(StorageError::io("remove", path, errno)),
    }
}

/// What a folder holds, by name and kind.
pub fn names(folder: &OwnedFd, path: &Path) -> Result<Vec<(OsString, FileKind)>, StorageError> {
    let failed = |errno| StorageError::io("read the folder", path, errno);
    let mut found = Vec::new();
    for entry in Dir::read_from(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        let stat = sys::stat_at(folder, name, AtFlags::empty()).map_err(failed)?;
        found.push((name.to_owned(), facts::kind(&stat)));
    }
    Ok(found)
}

#[cfg(test)]
#[path = "folders_tests.rs"]
mod tests;
