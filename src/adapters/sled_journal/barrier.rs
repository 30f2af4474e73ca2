//! The one place where records become durable.
//!
//! sled 0.34.7's `flush` calls `sync_file_range`, which writes neither metadata nor the disk's
//! cache (upstream issue 1452): after a power cut most acknowledged records were gone, and some
//! journals no longer opened. So every flush is followed by `fdatasync` of sled's files and, when
//! a name came or went, `fsync` of their folders. `tests/journal/power_cut.rs` proves both halves:
//! with this nothing is lost, without it something is.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::folder::make_owners_alone;
use super::sync::{sync_data, sync_folder};

pub(super) struct Barrier {
    folder: PathBuf,
    /// sled's log, the one file that is written in place again and again.
    log: Option<File>,
    /// The other files, each written once under a name of its own: synced once.
    synced: BTreeSet<PathBuf>,
}

impl Barrier {
    /// Over the folder that sled was opened in.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            log: None,
            synced: BTreeSet::new(),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes sled's files the owner's alone, and no more than that.
    pub(super) fn make_private(&self) -> Result<(), Fault> {
        self.look(&self.folder, &mut BTreeSet::new())
    }

    /// Returns when all that was written to `db` is on the medium.
    ///
    /// # Errors
    /// Any failure means: unknown whether it is. After a failed `fsync` the kernel may have dropped
    /// the pages, so there is no second try; the caller gives the store up.
    pub(super) fn pass(&mut self, db: &sled::Db) -> Result<(), Fault> {
        db.flush()?;
        let mut found = BTreeSet::new();
        self.look(&self.folder, &mut found)?;
        // Empty: `chunks.rs`. Synced all the same, should a page ever grow beyond sled's limit.
        self.look(&self.folder.join("blobs"), &mut found)?;
        // The log comes last, once.
        let log = self.folder.join("db");
        for path in found.difference(&self.synced).filter(|path| **path != log) {
            // Snapshots are replaced, and may be gone again: by a rename of what is synced itself.
            match File::open(path) {
                Ok(file) => sync_data(&file).map_err(|error| Fault::io(path, error))?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Fault::io(path, error)),
            }
        }
        self.sync_log()?;
        if self.synced != found {
            self.sync_folders()?;
            self.synced = found;
        }
        Ok(())
    }

    fn sync_log(&mut self) -> Result<(), Fault> {
        let path = self.folder.join("db");
        let log = match self.log.take() {
            Some(log) => log,
            None => File::open(&path).map_err(|error| Fault::io(&path, error))?,
        };
        sync_data(&log).map_err(|error| Fault::io(&path, error))?;
        self.log = Some(log);
        Ok(())
    }

    /// sled's own folders, then the two that lead to them.
    fn sync_folders(&self) -> Result<(), Fault> {
        let blobs = self.folder.join("blobs");
        let state = self.folder.parent();
        let folders = [
            Some(blobs.as_path()),
            Some(self.folder.as_path()),
            state,
            state.and_then(Path::parent),
        ];
        for folder in folders.into_iter().flatten().filter(|path| path.exists()) {
            sync_folder(folder).map_err(|error| Fault::io(folder, error))?;
        }
        Ok(())
    }

    /// Lists a folder's files. sled makes them by the umask; while at it, they become the owner's
    /// alone.
    fn look(&self, folder: &Path, into: &mut BTreeSet<PathBuf>) -> Result<(), Fault> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Fault::io(folder, error)),
        };
        for entry in entries {
            let path = entry.map_err(|error| Fault::io(folder, error))?.path();
            if self.synced.contains(&path) {
                into.insert(path);
                continue;
            }
            let Ok(found) = fs::symlink_metadata(&path) else {
                continue;
            };
            make_owners_alone(&path, &found).map_err(|error| Fault::io(&path, error))?;
            if found.is_file() {
                into.insert(path);
            }
        }
        Ok(())
    }
}
