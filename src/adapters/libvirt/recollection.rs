//! What libvirt says of inactive domains, remembered as long as its own file of each is the same.
//!
//! libvirt replaces that file (a new inode, by a rename) whenever it changes a definition, while it
//! holds the domain's lock, so that whoever asks after the file was looked at hears what is in it
//! or something newer (`virDomainDefSave`; what changes a definition and what does not was tried
//! with 11.3). A file that an editor has changed says something else than the daemon, and the
//! daemon is asked once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::super::files;
use super::super::memory::{self, Memory};
use crate::journal::remembered::{Daemon, Stamp};
use crate::model::{DomainRef, SecretXml};

pub(super) struct Recollection {
    memory: Arc<Memory>,
    daemon: Daemon,
    /// Where the daemon has its definitions.
    folder: PathBuf,
}

/// libvirt's own file of one domain, as it is before libvirt is asked.
pub(super) struct DefinitionFile<'a> {
    owner: &'a Recollection,
    domain: Uuid,
    path: PathBuf,
    stamp: Stamp,
    then: Option<Duration>,
}

impl Recollection {
    /// `None` where the folder's times are not to be relied on.
    pub(super) fn new(memory: Arc<Memory>, daemon: Daemon, folder: PathBuf) -> Option<Self> {
        files::keeps_times(&folder).then_some(Self {
            memory,
            daemon,
            folder,
        })
    }

    /// `None` where it is not to be seen.
    pub(super) fn file_of(&self, domain: &DomainRef) -> Option<DefinitionFile<'_>> {
        // libvirt takes no name with a slash.
        let name = Some(&domain.name).filter(|name| !name.contains('/'))?;
        let path = self.folder.join(format!("{name}.xml"));
        let then = memory::now();
        Some(DefinitionFile {
            owner: self,
            domain: domain.uuid,
            stamp: look(&path)?,
            path,
            then,
        })
    }
}

impl DefinitionFile<'_> {
    pub(super) fn remembered(&self) -> Option<SecretXml> {
        let Recollection { memory, daemon, .. } = self.owner;
        memory
            .definition(daemon, self.domain, &self.stamp)
            .map(SecretXml::new)
    }

    /// This is what libvirt says, asked since the file was looked at.
    pub(super) fn remember(&self, xml: &SecretXml) {
        let Recollection { memory, daemon, .. } = self.owner;
        if look(&self.path) == Some(self.stamp) {
            let moment = (self.stamp, self.then);
            memory.note_definition(daemon, self.domain, moment, xml.reveal());
        }
    }
}

fn look(path: &Path) -> Option<Stamp> {
    files::stamp_of(path)
}
