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
use super::super::survey_cache::{self, SurveyCache};
use crate::journal::remembered::{Daemon, Stamp};
use crate::model::{DomainRef, SecretXml};

pub(super) struct CachedDefinitions {
    cache: Arc<SurveyCache>,
    daemon: Daemon,
    /// Where the daemon has its definitions.
    folder: PathBuf,
}

/// libvirt's own file of one domain, as it is before libvirt is asked.
pub(super) struct DefinitionFile<'a> {
    owner: &'a CachedDefinitions,
    domain: Uuid,
    path: PathBuf,
    stamp: Stamp,
    then: Option<Duration>,
}

impl CachedDefinitions {
    /// `None` where the folder's times are not to be relied on.
    pub(super) fn new(cache: Arc<SurveyCache>, daemon: Daemon, folder: PathBuf) -> Option<Self> {
        files::keeps_times(&folder).then_some(Self {
            cache,
            daemon,
            folder,
        })
    }

    /// `None` where it is not to be seen.
    pub(super) fn file_of(&self, domain: &DomainRef) -> Option<DefinitionFile<'_>> {
        // libvirt takes no name with a slash.
        let name = Some(&domain.name).filter(|name| !name.contains('/'))?;
        let path = self.folder.join(format!("{name}.xml"));
        let then = survey_cache::now();
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
        let CachedDefinitions { cache, daemon, .. } = self.owner;
        cache
            .definition(daemon, self.domain, &self.stamp)
            .map(SecretXml::new)
    }

    /// This is what libvirt says, asked since the file was looked at.
    pub(super) fn remember(&self, xml: &SecretXml) {
        let CachedDefinitions { cache, daemon, .. } = self.owner;
        if look(&self.path) == Some(self.stamp) {
            let moment = (self.stamp, self.then);
            cache.note_definition(daemon, self.domain, moment, xml.reveal());
        }
    }
}

fn look(path: &Path) -> Option<Stamp> {
    files::stamp_of(path)
}
