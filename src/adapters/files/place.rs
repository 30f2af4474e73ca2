//! Where removed files of a folder can wait: found by trying, because `EXDEV` cannot be inferred
//! (btrfs subvolumes, bind mounts, XFS project quotas: see the field notes).

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, StatxFlags};
use rustix::io::{Errno, retry_on_intr};

use super::folders::OUR_NAME;
use super::sys::{self, Entry};
use super::{LocalFiles, attributes, folders, relocate, resolve};
use crate::ports::{Root, StorageError};

pub fn home(files: &LocalFiles) -> Result<Root, StorageError> {
    let folder = match files.configured.first() {
        Some(first) => resolve::resolve(first)?.real,
        None => state_quarantine(files)?,
    };
    let made = folders::ensure_private(&folder, &files.unsynced)?;
    Ok(Root { folder, made })
}

/// `STATE/quarantine` under its real path; STATE itself is made if the journal has not yet.
fn state_quarantine(files: &LocalFiles) -> Result<PathBuf, StorageError> {
    let real = resolve::resolve(&files.quarantine)?.real;
    if let Some(state) = real.parent()
        && sys::stat_at(CWD, state.as_os_str(), AtFlags::empty()).is_err_and(|e| e == Errno::NOENT)
    {
        folders::ensure_private(state, &files.unsynced)?;
    }
    Ok(real)
}

pub fn place(files: &LocalFiles, source: &Path, avoid: &[PathBuf]) -> Result<Root, StorageError> {
    let source = resolve::resolve(source)?.real;
    let mut causes = Vec::new();
    for candidate in candidates(files, state_quarantine(files), &source, avoid)? {
        match candidate.and_then(|folder| attempt(files, &source, folder)) {
            Ok(root) => return Ok(root),
            // Where the folder itself takes no new file, no candidate will help.
            Err(error @ StorageError::NoPlace { .. }) => return Err(error),
            Err(error) => causes.push(error.to_string()),
        }
    }
    Err(StorageError::NoPlace {
        path: source,
        cause: causes.join("; "),
    })
}

/// See [`StorageView::lets_out`](crate::ports::StorageView::lets_out).
pub fn lets_out(source: &Path) -> Result<(), StorageError> {
    let real = resolve::resolve(source)?.real;
    let folder = sys::open_folder(&real)?;
    refuse_closed(&folder, &real)?;
    let access = Access::WRITE_OK | Access::EXEC_OK;
    let allowed = retry_on_intr(|| rustix::fs::accessat(&folder, ".", access, AtFlags::EACCESS));
    allowed.map_err(|errno| takes_no_file(&real, errno))
}

/// # Errors
/// [`StorageError::NoPlace`] for a folder that forbids it by an attribute.
pub fn refuse_closed(folder: &OwnedFd, path: &Path) -> Result<(), StorageError> {
    let stat = sys::stat(folder).map_err(|errno| StorageError::io("look at", path, errno))?;
    if attributes::forbidding(folder.as_fd(), &stat) == 0 {
        return Ok(());
    }
    Err(StorageError::NoPlace {
        path: path.to_owned(),
        cause: "it is append-only or immutable and lets no file out".into(),
    })
}

fn takes_no_file(source: &Path, errno: Errno) -> StorageError {
    StorageError::NoPlace {
        path: source.to_owned(),
        cause: format!("it takes no new file: {errno}"),
    }
}

type Candidate = Result<PathBuf, StorageError>;

/// `in_state` is the one in the state folder.
pub fn candidates(
    files: &LocalFiles,
    in_state: Candidate,
    source: &Path,
    avoid: &[PathBuf],
) -> Result<Vec<Candidate>, StorageError> {
    let mut all: Vec<Candidate> = files
        .configured
        .iter()
        .map(|folder| Ok(resolve::resolve(folder)?.real))
        .collect();
    all.push(in_state);
    // A pool whose target cannot be looked up holds no folder that could be avoided.
    let avoid: Vec<PathBuf> = avoid
        .iter()
        .filter_map(|folder| Some(resolve::resolve(folder).ok()?.real))
        .collect();
    let (inside, outside): (Vec<_>, Vec<_>) = on_its_mount(source)?
        .into_iter()
        .partition(|folder| avoid.iter().any(|avoided| folder.starts_with(avoided)));
    let ours = outside.into_iter().chain(inside);
    all.extend(ours.map(|folder| Ok(folder.join(OUR_NAME))));
    Ok(all)
}

/// The folders from the mount's root down to `source`.
fn on_its_mount(source: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let mount = |path: &Path| {
        let stat = sys::stat_at(CWD, path.as_os_str(), AtFlags::empty())
            .map_err(|errno| StorageError::io("look at", path, errno))?;
        // Before Linux 5.8 there is no mount number, and the device must do.
        let number = stat.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        Ok((
            sys::identity(&stat).device,
            number.then_some(stat.stx_mnt_id),
        ))
    };
    let mine = mount(source)?;
    let mut folders = Vec::new();
    for folder in source.ancestors() {
        // Subvolumes of one mount differ in device: there the number decides.
        let its = mount(folder)?;
        let same = match (mine.1, its.1) {
            (Some(mine), Some(its)) => mine == its,
            _ => mine.0 == its.0,
        };
        if !same {
            break;
        }
        folders.push(folder.to_owned());
    }
    folders.reverse();
    Ok(folders)
}

/// Tries a real file and a real rename from `source` into `folder`, which is made if it is not
/// there, and removed again if it was made in vain.
fn attempt(files: &LocalFiles, source: &Path, folder: PathBuf) -> Result<Root, StorageError> {
    let made = folders::ensure_private(&folder, &files.unsynced)?;
    let tried = sys::open_folder(source)
        .and_then(|opened| refuse_closed(&opened, source))
        .and_then(|()| probe(source, &folder));
    if made && tried.is_err() {
        // Somebody else's transaction may have begun to use it meanwhile: then it stays.
        folders::remove_if_empty(&folder, &files.unsynced)?;
    }
    tried.map(|()| Root { folder, made })
}

/// Tries whether files can go from `source` into `folder`.
///
/// A file without a name (O_TMPFILE) in `source` is given one in `folder`: the kernel refuses a
/// link with EXDEV wherever it refuses a rename with it (bind mounts, btrfs subvolumes, XFS
/// projects), and a crash leaves nothing in a folder that is not ours, where a pool would list it.
/// Where there is no O_TMPFILE a file with a name is renamed.
pub fn probe(source: &Path, folder: &Path) -> Result<(), StorageError> {
    let name = OsString::from(format!("{OUR_NAME}-probe-{}", uuid::Uuid::new_v4()));
    let there = folder.join(&name);
    let to = Entry::open(&there)?;
    let from = sys::open_folder(source)?;
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let unnamed =
        retry_on_intr(|| rustix::fs::openat(&from, ".", flags, Mode::from_raw_mode(0o600)));
    let file = match unnamed {
        Ok(file) => file,
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {
            return probe_by_name(source, &name, &to);
        }
        Err(errno) => return Err(takes_no_file(source, errno)),
    };
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    match retry_on_intr(|| {
        rustix::fs::linkat(CWD, &path, &to.folder, to.name, AtFlags::SYMLINK_FOLLOW)
    }) {
        Ok(()) => remove(&to),
        // No /proc, or a file system without hard links.
        Err(Errno::NOENT | Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK) => {
            probe_by_name(source, &name, &to)
        }
        Err(errno) => Err(StorageError::io("move files into", folder, errno)),
    }
}

fn probe_by_name(source: &Path, name: &OsStr, to: &Entry<'_>) -> Result<(), StorageError> {
    let here = source.join(name);
    let from = Entry::open(&here)?;
    folders::create(&from.folder, name).map_err(|errno| takes_no_file(source, errno))?;
    let renamed = relocate::rename_entry(&from, to);
    remove(if renamed.is_ok() { to } else { &from })?;
    renamed.map_err(|errno| StorageError::io("move files into", &to.folder_path, errno))
}

fn remove(probe: &Entry<'_>) -> Result<(), StorageError> {
    retry_on_intr(|| rustix::fs::unlinkat(&probe.folder, probe.name, AtFlags::empty()))
        .map_err(|errno| StorageError::io("remove the probe", probe.path, errno))
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
