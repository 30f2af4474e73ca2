//! What transactions left in quarantine, and whether it is ours: [`Quarantine`] on this host's
//! files.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, OFlags};
use rustix::io::Errno;

use super::durable::Unsynced;
use super::folders::{self, OUR_NAME, owners_alone};
use super::sys::{self, Entry};
use super::{LocalFiles, resolve, roots, secret};
use crate::journal::manifest::{DOMAIN, MANIFEST, PROOF, RECORD};
use crate::model::TransactionId;
use crate::ports::{Folder, Found, Proof, Quarantine, Record, StorageError};

/// Bytes; a larger one is none of ours (`journal::envelope::MAX_PAYLOAD`).
const LARGEST: u64 = 65 << 20;
/// Bytes of a proof, which has some 160.
const LARGEST_PROOF: u64 = 1000;

impl Quarantine for LocalFiles {
    fn own(&self) -> Result<Found, StorageError> {
        let state = self.state_dir()?;
        let in_state = real(&self.quarantine);
        let mut own: BTreeSet<PathBuf> = roots::read(&state)?.iter().map(|it| real(it)).collect();
        own.extend(self.configured.iter().map(|root| real(root)));
        own.insert(in_state.clone());
        let mut found = Found::default();
        for root in own {
            look_into(&root, root == in_state, &mut found);
        }
        Ok(by_number(found))
    }

    fn beside(&self, folders: &[PathBuf]) -> Found {
        let above = folders.iter().flat_map(|folder| folder.ancestors());
        let roots = above.map(|folder| real(&folder.join(OUR_NAME)));
        let mut found = Found::default();
        for root in roots.collect::<BTreeSet<_>>() {
            look_into(&root, false, &mut found);
        }
        by_number(found)
    }

    fn record(&self, folder: &Path) -> Result<Record, String> {
        let entry = Entry::open(folder).map_err(words)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let opened = sys::open_at(&entry.folder, entry.name, flags).map_err(words)?;
        owners_alone(&sys::stat(&opened).map_err(words)?)?;
        let bytes = read(&opened, RECORD, LARGEST)?.ok_or("it has no record")?;
        let key = self.state_dir().and_then(|state| secret::read(&state));
        let judged = |holds: bool| if holds { Proof::Holds } else { Proof::Fails };
        let (proof, manifest) = match read(&opened, PROOF, LARGEST_PROOF)? {
            None => (Proof::Missing, Proof::Missing),
            Some(proof) => match key.map_err(words)? {
                None => (Proof::Fails, Proof::Fails),
                Some(key) => {
                    let manifest = read(&opened, MANIFEST, LARGEST).ok().flatten();
                    (
                        judged(key.proves_record(&proof, &bytes)),
                        manifest.map_or(Proof::Missing, |it| {
                            judged(key.proves_manifest(&proof, &it))
                        }),
                    )
                }
            },
        };
        Ok(Record {
            bytes,
            proof,
            manifest,
            domain: read(&opened, DOMAIN, LARGEST).ok().flatten(),
        })
    }

    fn out_of_reach(&self, folder: &Path) -> Result<(), String> {
        let me = rustix::process::geteuid().as_raw();
        for above in folder.ancestors().skip(1) {
            let stat = sys::stat_at(CWD, above.as_os_str(), AtFlags::empty()).map_err(words)?;
            let is_trusted = stat.stx_uid == 0 || stat.stx_uid == me;
            // In a sticky folder others may make names, and not take away ours.
            let is_open = stat.stx_mode & 0o022 != 0 && stat.stx_mode & 0o1000 == 0;
            if !is_trusted || is_open {
                return Err(format!(
                    "others can write to {} (user {}, mode {:04o})",
                    above.display(),
                    stat.stx_uid,
                    stat.stx_mode & 0o7777
                ));
            }
        }
        Ok(())
    }

    fn chosen(&self, folders: &[PathBuf]) -> Found {
        let mut found = Found::default();
        for folder in folders {
            let folder = real(folder);
            if let Some(one) = as_transactions(&folder, false) {
                found.folders.push(one);
            } else if folder.is_dir() {
                for below in [OUR_NAME, "quarantine"] {
                    look_into(&folder.join(below), false, &mut found);
                }
                each_below(&folder, false, &mut found);
            } else {
                found.passed.push((folder, "it is not a folder".into()));
            }
        }
        by_number(found)
    }

    fn has_key(&self) -> Result<bool, StorageError> {
        Ok(secret::read(&self.state_dir()?)?.is_some())
    }

    fn prove(&self, record: &[u8], manifest: &[u8]) -> Result<Vec<u8>, StorageError> {
        Ok(secret::read_or_make(&self.state_dir()?)?.prove(record, manifest))
    }

    fn seal(&self, folder: &Path, record: &[u8]) -> Result<(), StorageError> {
        let path = folder.join(MANIFEST);
        let manifest = sys::open_folder(folder)
            .map_err(words)
            .and_then(|folder| read(folder, MANIFEST, LARGEST))
            .map_err(|cause| StorageError::io("read", &path, std::io::Error::other(cause)))?;
        // A crash may have come before it; the record is what counts.
        let proof = self.prove(record, &manifest.unwrap_or_default())?;
        Unsynced::at_once(|unsynced| folders::write(&folder.join(PROOF), &proof, unsynced))
    }
}

impl LocalFiles {
    /// The state folder under its real path.
    fn state_dir(&self) -> Result<PathBuf, StorageError> {
        let state = self.quarantine.parent().unwrap_or(Path::new("/"));
        Ok(resolve::resolve(state)?.real)
    }

    /// Makes the key where there is none yet.
    ///
    /// # Errors
    /// As [`Quarantine::has_key`], and where nothing can be written.
    pub fn make_key(&self) -> Result<(), StorageError> {
        secret::read_or_make(&self.state_dir()?).map(|_| ())
    }

    /// A transaction's folder is about to be made: its root is written down first, so that it is
    /// known without the journal. That of the state folder needs no note.
    pub(super) fn remember_root_of(&self, folder: &Path) -> Result<(), StorageError> {
        match folder.parent() {
            Some(root) if named(folder).is_some() && root != real(&self.quarantine) => {
                roots::remember(&self.state_dir()?, root)
            }
            _ => Ok(()),
        }
    }
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Without symlinks; a path that cannot be looked up stays as it is, and is not there.
fn real(path: &Path) -> PathBuf {
    resolve::resolve(path).map_or_else(|_| path.to_owned(), |resolved| resolved.real)
}

/// Adds what lies in one root, if it is ours alone.
fn look_into(root: &Path, in_state: bool, found: &mut Found) {
    let looked = Entry::open_if_there(root).and_then(|entry| match entry {
        Some(entry) => entry.look(),
        None => Ok(None),
    });
    let judged = match looked {
        Ok(None) => return,
        Ok(Some(root)) => sys::stat(&root)
            .map_err(words)
            .and_then(|stat| owners_alone(&stat)),
        Err(error) => Err(error.to_string()),
    };
    match judged {
        Ok(()) => each_below(root, in_state, found),
        Err(cause) => found.passed.push((root.to_owned(), cause)),
    }
}

fn each_below(root: &Path, in_state: bool, found: &mut Found) {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) => {
            found.passed.push((root.to_owned(), error.to_string()));
            return;
        }
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    for path in paths {
        match as_transactions(&path, in_state) {
            Some(folder) => found.folders.push(folder),
            None if path.join(RECORD).symlink_metadata().is_ok() => found.renamed.push(path),
            None => {}
        }
    }
    found.renamed.sort();
}

fn by_number(mut found: Found) -> Found {
    let order = |folder: &Folder| (folder.id, folder.path.clone());
    found.folders.sort_by_key(order);
    found.folders.dedup();
    found
}

fn as_transactions(path: &Path, in_state: bool) -> Option<Folder> {
    let (id, uuid) = named(path)?;
    // Whatever has the name: what is not a folder is told as one that cannot be used.
    Some(Folder {
        path: path.to_owned(),
        id,
        uuid,
        in_state,
        has_proof: path.join(PROOF).symlink_metadata().is_ok(),
    })
}

/// `ID-UUID`.
fn named(folder: &Path) -> Option<(TransactionId, uuid::Uuid)> {
    let name = folder.file_name()?.to_str()?;
    let (id, uuid) = name.split_once('-')?;
    Some((
        TransactionId(id.parse().ok()?),
        uuid::Uuid::try_parse(uuid).ok()?,
    ))
}

/// A file of a transaction's folder, if it is ours alone and has one name: whoever can make a
/// second one chooses which of our files is read.
fn read(folder: impl AsFd, name: &str, largest: u64) -> Result<Option<Vec<u8>>, String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match sys::open_at(folder, name, flags) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(format!("{name}: {errno}")),
    };
    let stat = sys::stat(&file).map_err(words)?;
    owners_alone(&stat).map_err(|cause| format!("{name}: {cause}"))?;
    if FileType::from_raw_mode(stat.stx_mode.into()) != FileType::RegularFile {
        return Err(format!("{name}: it is not a file"));
    }
    if stat.stx_nlink != 1 {
        return Err(format!("{name}: it has {} names", stat.stx_nlink));
    }
    if stat.stx_size > largest {
        return Err(format!("{name}: it is too large"));
    }
    let mut bytes = Vec::new();
    File::from(file)
        .take(largest)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("{name}: {error}"))?;
    Ok(Some(bytes))
}

#[cfg(test)]
#[path = "manifests_tests.rs"]
mod tests;
