//! The [`Context`] as what the application asks for.

use std::path::Path;
use std::time::Duration;

use crate::adapters::clock::SystemClock;
use crate::adapters::libvirt::Libvirt;
use crate::adapters::sled_journal::{self, Found};
use crate::adapters::watchlist::WatchFiles;
use crate::engine::{Finding, World};
use crate::journal::lines::Lines;
use crate::model::{DigestKind, DomainRef, Evidence};
use crate::ports::{
    Clock, Imported, Intake, Journal, JournalReader, LockedDomains, Log, Monitor, Outlook,
    Quarantine, StorageView,
};
use crate::retire::{Connected, Error, Site};
use crate::watch::{self, Expiring};

use super::context::{Context, Host};
use super::evidence;

impl Connected for Host {
    fn world(&self) -> World<'_> {
        self.world()
    }

    fn monitor(&self) -> &dyn Monitor {
        &self.hypervisor
    }
}

impl Site for Context {
    fn connect(&self) -> Result<Box<dyn Connected>, Error> {
        Ok(Box::new(self.host()?))
    }

    fn connect_to(&self, made_at: &str) -> Result<Box<dyn Connected>, Error> {
        Ok(Box::new(self.host_of(made_at)?))
    }

    fn connect_if_at(&self, made_at: &str) -> Result<Box<dyn Connected>, Error> {
        Ok(Box::new(self.host_if_at(made_at)?))
    }

    fn has_journal(&self) -> Result<bool, Error> {
        self.has_journal()
    }

    fn journal(&self, purpose: &str) -> Result<Box<dyn Journal>, Error> {
        Ok(Box::new(self.journal(purpose)?))
    }

    fn log(&self, purpose: &str) -> Result<Box<dyn Log>, Error> {
        Ok(Box::new(self.journal(purpose)?))
    }

    fn intake(&self, purpose: &str) -> Result<Box<dyn Intake>, Error> {
        Ok(Box::new(self.journal(purpose)?))
    }

    fn new_journal(&self, purpose: &str) -> Result<(Box<dyn Intake>, Option<String>), Error> {
        match self.rebuilding(purpose)? {
            Found::Lost(rebuilding, damage) => Ok((rebuilding, damage)),
            Found::Healthy {
                transactions,
                entries,
            } => Err(Error::JournalHealthy {
                transactions,
                entries,
            }),
        }
    }

    fn outlook(&self) -> Result<Option<Outlook>, Error> {
        let wait = self.settings.wait.value;
        Ok(sled_journal::outlook(self.state_dir(), wait)?)
    }

    fn import(&self, lines: &mut Lines) -> Result<Imported, Error> {
        let wait = self.settings.wait.value;
        Ok(sled_journal::import(self.state_dir(), wait, lines)?)
    }

    fn reader(&self, purpose: &str) -> Result<Box<dyn JournalReader>, Error> {
        Ok(Box::new(self.reader(purpose)?))
    }

    fn compare(&self, journal: &dyn JournalReader) -> Result<Vec<Finding>, Error> {
        self.compare(journal)
    }

    fn lock(
        &self,
        world: &World,
        domains: &[DomainRef],
        purpose: &str,
    ) -> Result<Box<dyn LockedDomains>, Error> {
        Ok(Box::new(self.lock(world, domains, purpose)?))
    }

    fn state_dir(&self) -> &Path {
        self.state_dir()
    }

    fn storage(&self) -> &dyn StorageView {
        self.files()
    }

    fn quarantine(&self) -> &dyn Quarantine {
        self.files()
    }

    fn clock(&self) -> &dyn Clock {
        &SystemClock
    }

    fn requires_reason(&self) -> bool {
        self.settings.require_reason.value
    }

    fn retention(&self) -> Option<Duration> {
        self.settings.retention.value.duration()
    }

    fn minimum_age(&self) -> Duration {
        self.settings.minimum_age.value.duration()
    }

    fn digest(&self) -> Option<DigestKind> {
        self.settings.digest.value
    }

    fn begin(&self) -> Result<(), Error> {
        self.begin()
    }

    fn evidence(&self, uri: &str, reason: Option<String>, unseen: Vec<String>) -> Evidence {
        evidence::gather(uri, reason, unseen)
    }
}

/// What libvirt may take to answer: a list of what is retired needs none of it.
const PATIENCE: Duration = Duration::from_secs(2);

impl Context {
    /// Domains that `watch` will retire. A libvirt that does not answer keeps nobody from reading
    /// the list.
    pub fn expiring(&self) -> Vec<Expiring> {
        let uri = self.settings.uri.value.clone();
        let (answer, answered) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let found = Libvirt::connect(uri.as_deref())
                .ok()
                .and_then(|libvirt| watch::expiring(&libvirt).ok());
            let _ = answer.send(found.unwrap_or_default());
        });
        answered.recv_timeout(PATIENCE).unwrap_or_default()
    }

    /// The guests that `watch` follows, from one run of it to the next.
    ///
    /// # Errors
    /// The state folder cannot be used.
    pub fn watchlist(&self) -> Result<WatchFiles<'_>, Error> {
        // Makes the state folder, or says what is wrong with it; nobody is kept waiting after this.
        drop(self.journal("watch")?);
        Ok(WatchFiles::open(self.files(), self.state_dir())?)
    }
}
