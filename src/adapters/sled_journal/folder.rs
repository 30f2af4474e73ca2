//! The state folder: ours, and nobody else's to look into (contract: secrets are in it).

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::fault::Fault;
use super::sync::sync_folder;
use crate::ports::JournalError;

/// Makes the folder where there is none, with its parents, durably; refuses one that others own
/// or may look into.
pub(super) fn ready(state_dir: &Path) -> Result<(), JournalError> {
    match fs::metadata(state_dir) {
        Ok(_) => check(state_dir),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(state_dir)
                .map_err(|error| refuse(state_dir, format!("cannot be made: {error}")))?;
            check(state_dir)
        }
        Err(error) => Err(refuse(state_dir, format!("cannot be looked at: {error}"))),
    }
}

/// Whether the folder is there and has anything in it: the least trace of an earlier journal
/// counts, so that its loss is noticed where it is opened.
pub(super) fn is_used(state_dir: &Path) -> Result<bool, JournalError> {
    match fs::metadata(state_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        _ => {
            check(state_dir)?;
            let mut entries = fs::read_dir(state_dir)
                .map_err(|error| refuse(state_dir, format!("cannot be looked into: {error}")))?;
            Ok(entries.next().is_some())
        }
    }
}

/// # Errors
/// [`JournalError::Folder`], with what to type.
pub(super) fn check(state_dir: &Path) -> Result<(), JournalError> {
    // Followed: a symlink to a folder that is private is as good as the folder.
    let found = fs::metadata(state_dir)
        .map_err(|error| refuse(state_dir, format!("cannot be looked at: {error}")))?;
    let path = state_dir.display();
    if !found.is_dir() {
        return Err(refuse(state_dir, "is not a folder".into()));
    }
    let me = rustix::process::geteuid().as_raw();
    // Root's folder is root's, and stays so.
    if found.uid() == 0 && me != 0 {
        let cause = "belongs to root: run the command with sudo".to_owned();
        return Err(refuse(state_dir, cause));
    }
    if found.uid() != me {
        return Err(refuse(
            state_dir,
            format!(
                "belongs to user {}, not to user {me} who runs this; \
                 type: chown {me} {path}",
                found.uid()
            ),
        ));
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(refuse(
            state_dir,
            format!(
                "is open to other users (mode {mode:04o}), and secrets are kept in it; \
                 type: chmod 700 {path}"
            ),
        ));
    }
    Ok(())
}

fn refuse(path: &Path, cause: String) -> JournalError {
    JournalError::Folder {
        path: path.to_owned(),
        cause,
    }
}

fn make(state_dir: &Path) -> io::Result<()> {
    let absolute = std::path::absolute(state_dir)?;
    let missing: Vec<&Path> = absolute
        .ancestors()
        .take_while(|ancestor| !ancestor.exists())
        .collect();
    for folder in missing.iter().rev() {
        make_private(folder)?;
        if let Some(parent) = folder.parent() {
            sync_folder(parent)?;
        }
    }
    Ok(())
}

/// Makes one folder of mode 0700 whatever the umask; one that is there is fine.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        // By its descriptor: in a folder of somebody else's the name may lead elsewhere by now.
        Ok(()) => {
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
            let made = fs::OpenOptions::new()
                .read(true)
                .custom_flags(flags.bits() as i32)
                .open(folder)?;
            made.set_permissions(Permissions::from_mode(0o700))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes away what the umask left to others, if it left anything.
pub(super) fn make_owners_alone(path: &Path, found: &fs::Metadata) -> io::Result<()> {
    let wanted = if found.is_dir() { 0o700 } else { 0o600 };
    if found.mode() & 0o7777 == wanted {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(wanted))
}

/// A new journal is made only where none was lost: beside a quarantine that holds transactions it
/// would give their numbers to others, and never mention them.
pub(super) fn nothing_quarantined(state_dir: &Path) -> Result<(), Fault> {
    let quarantine = state_dir.join("quarantine");
    let entries = match fs::read_dir(&quarantine) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Fault::io(&quarantine, error)),
    };
    let transactions = entries
        .flatten()
        .filter(|entry| entry.path().join("record.bin").exists())
        .count();
    if transactions == 0 {
        return Ok(());
    }
    Err(Fault::Damaged(format!(
        "it is missing, and {transactions} transactions wait in {}",
        quarantine.display()
    )))
}

/// Removes a file, or a folder with all that is in it. What is not there is removed.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let removed = fs::symlink_metadata(path).and_then(|found| match found.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    });
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// A folder that goes when this value goes, unless it is kept.
pub(super) struct Passing {
    folder: PathBuf,
    is_kept: bool,
}

impl Passing {
    pub(super) fn new(folder: PathBuf) -> Self {
        let is_kept = false;
        Self { folder, is_kept }
    }

    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    pub(super) fn keep(mut self) -> PathBuf {
        self.is_kept = true;
        self.folder.clone()
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if !self.is_kept {
            // What is left is swept when the journal is opened next.
            let _ = remove(&self.folder);
        }
    }
}

/// The names below the state folder.
pub(super) struct Names {
    pub(super) state_dir: PathBuf,
    pub(super) sled: PathBuf,
    pub(super) watermark: PathBuf,
    pub(super) view: PathBuf,
    pub(super) lock: PathBuf,
}

impl Names {
    pub(super) fn below(state_dir: &Path) -> Self {
        Self {
            state_dir: state_dir.to_owned(),
            sled: state_dir.join("journal"),
            watermark: state_dir.join("journal.head"),
            view: state_dir.join("view"),
            lock: state_dir.join("lock"),
        }
    }
}
