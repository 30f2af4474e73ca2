//! libvirt's own files, made to last (law 3).
//!
//! libvirt syncs the XML it writes (`virFileRewrite`), but no folder: after a power cut an
//! undefined domain may be there again and a defined one gone. An effect is durable before its
//! outcome is written, so the folders are synced here after the calls that add or take a name: once
//! for all of them, when the engine settles what it has done.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{Libvirt, locality};
use crate::ports::{FilesAre, HypervisorError};

/// Names of domains whose folders are still to be synced.
#[derive(Debug, Default)]
pub(super) struct Unsynced(Mutex<BTreeSet<String>>);

impl Unsynced {
    pub(super) fn add(&self, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.to_owned());
    }

    fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Libvirt {
    /// Syncs the folders in which the daemon keeps what it knows of the domains that were changed,
    /// each once. Those that are not there, or that this user may not open, are left out: an
    /// unprivileged client of the system's daemon has nothing to make this better with.
    pub(super) fn sync_folders(&self) -> Result<(), HypervisorError> {
        let names = self.unsynced.take();
        if names.is_empty() || !matches!(self.locality(), FilesAre::Here | FilesAre::Unseen(_)) {
            return Ok(());
        }
        let surroundings = locality::Surroundings::of_this_process();
        let folders = names
            .iter()
            .flat_map(|name| locality::own_folders(&self.uri, &surroundings, name));
        let folders: BTreeSet<PathBuf> = folders.collect();
        folders.iter().try_for_each(|folder| sync(folder))
    }
}

fn sync(folder: &Path) -> Result<(), HypervisorError> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Ok(()) => Ok(()),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::PermissionDenied
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(HypervisorError::Refused {
            call: "syncing its own folders",
            cause: format!("{}: {error}", folder.display()),
        }),
    }
}
