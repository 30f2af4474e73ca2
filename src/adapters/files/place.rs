//! Where removed files of a folder can wait: found by trying, because `EXDEV` cannot be inferred
//! (btrfs subvolumes, bind mounts, XFS project quotas: see the field notes).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxFlags};
use rustix::io::Errno;

use super::sys::{self, Entry};
use super::{LocalFiles, durable, folders, relocate, resolve};
use crate::ports::StorageError;

/// The quarantine's name in a folder that is not ours.
pub const OUR_NAME: &str = ".virt-retire";

pub fn home(files: &LocalFiles) -> Result<PathBuf, StorageError> {
    let home = match files.configured.first() {
        Some(first) => resolve::resolve(first)?.real,
        None => state_quarantine(files)?,
    };
    folders::ensure_private(&home)?;
    Ok(home)
}

/// `STATE/quarantine` under its real path; STATE itself is made if the journal has not yet.
fn state_quarantine(files: &LocalFiles) -> Result<PathBuf, StorageError> {
    let real = resolve::resolve(&files.quarantine)?.real;
    if let Some(state) = real.parent()
        && sys::stat_at(CWD, state.as_os_str(), AtFlags::empty()).is_err_and(|e| e == Errno::NOENT)
    {
        folders::ensure_private(state)?;
    }
    Ok(real)
}

pub fn place(
    files: &LocalFiles,
    source: &Path,
    avoid: &[PathBuf],
) -> Result<PathBuf, StorageError> {
    let source = resolve::resolve(source)?.real;
    let mut causes = Vec::new();
    for candidate in candidates(files, &source, avoid)? {
        match candidate.and_then(|folder| attempt(&source, &folder).map(|()| folder)) {
            Ok(folder) => return Ok(folder),
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

type Candidate = Result<PathBuf, StorageError>;

fn candidates(
    files: &LocalFiles,
    source: &Path,
    avoid: &[PathBuf],
) -> Result<Vec<Candidate>, StorageError> {
    let mut all: Vec<Candidate> = files
        .configured
        .iter()
        .map(|folder| Ok(resolve::resolve(folder)?.real))
        .collect();
    all.push(state_quarantine(files));
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
fn attempt(source: &Path, folder: &Path) -> Result<(), StorageError> {
    let made = folders::ensure_private(folder)?;
    let tried = probe(source, folder);
    if made && tried.is_err() {
        let entry = Entry::open(folder)?;
        // Somebody else's transaction may have begun to use it meanwhile: then it stays.
        let _ = rustix::fs::unlinkat(&entry.folder, entry.name, AtFlags::REMOVEDIR);
        durable::sync_folder(&entry.folder, &entry.folder_path)?;
    }
    tried
}

/// A name is what a rename needs, so an unnamed file (O_TMPFILE) would gain nothing: the file has
/// its name for as long either way.
fn probe(source: &Path, folder: &Path) -> Result<(), StorageError> {
    let name = OsString::from(format!("{OUR_NAME}-probe-{}", uuid::Uuid::new_v4()));
    let (here, there) = (source.join(&name), folder.join(&name));
    let (from, to) = (Entry::open(&here)?, Entry::open(&there)?);
    folders::create(&from.folder, &name).map_err(|errno| StorageError::NoPlace {
        path: source.to_owned(),
        cause: format!("it takes no new file: {errno}"),
    })?;
    let renamed = relocate::rename_entry(&from, &to);
    let left = if renamed.is_ok() { &to } else { &from };
    rustix::fs::unlinkat(&left.folder, left.name, AtFlags::empty())
        .map_err(|errno| StorageError::io("remove the probe", left.path, errno))?;
    renamed.map_err(|errno| StorageError::io("move files into", folder, errno))
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
