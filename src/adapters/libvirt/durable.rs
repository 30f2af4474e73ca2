//! libvirt's own files, made to last (law 3).
//!
//! libvirt syncs the XML it writes (`virFileRewrite`), but no folder: after a power cut an undefined
//! domain may be there again and a defined one gone. An effect is durable before its outcome is
//! written, so the folders are synced here after every call that adds or takes a name.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use super::{Libvirt, locality};
use crate::ports::{FilesAre, HypervisorError};

impl Libvirt {
    /// Syncs the folders in which the daemon keeps what it knows of the domain `name`. Those that are
    /// not there, or that this user may not open, are left out: an unprivileged client of the system's
    /// daemon has nothing to make this better with.
    pub(super) fn sync_folders_of(&self, name: &str) -> Result<(), HypervisorError> {
        if !matches!(self.locality(), FilesAre::Here | FilesAre::Unseen(_)) {
            return Ok(());
        }
        let surroundings = locality::Surroundings::of_this_process();
        for folder in locality::own_folders(&self.uri, &surroundings, name) {
            sync(&folder)?;
        }
        Ok(())
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
