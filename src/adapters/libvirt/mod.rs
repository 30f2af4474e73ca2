//! libvirt behind [`crate::ports::Hypervisor`].
//!
//! Every call is made anew from a UUID: a handle that was kept would speak of a domain that has
//! been undefined and defined again in the meantime. Sources: libvirt's headers and API pages;
//! where a rule was found by running libvirt 11.3, the comment says so.

mod autostart;
mod cached_definitions;
mod chains;
mod connect;
mod definable;
mod definition;
mod domains;
mod durable;
mod errors;
mod event_loop;
mod events;
mod flags;
mod locality;
mod metadata;
mod names;
mod overlapped;
mod peer;
mod pools;
mod power;
mod sys;

pub use names::Names;

use cached_definitions::CachedDefinitions;
use overlapped::overlapped;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use uuid::Uuid;
use virt::connect::Connect;
use virt::domain::Domain;
use virt::storage_pool::StoragePool;

use super::survey_cache::SurveyCache;
use crate::journal::remembered::Daemon;
use crate::model::{
    Autostart, Checkpoint, Definition, DomainRef, SecretXml, Snapshot, UndefineCall,
};
use crate::ports::{
    BackingChain, Described, Examined, FilesAre, Hypervisor, HypervisorError, HypervisorView,
    Located, Pool, Refreshed, StateFolders, Status, Version, Volume,
};

/// One connection. Calls block; a server that stops answering is noticed after some 20 seconds.
pub struct Libvirt {
    connection: Connect,
    /// Canonical, without a password.
    uri: String,
    /// Who answers, and whether its files are ours.
    peer: peer::Peer,
    /// Of the server; see [`Libvirt::common_version`].
    server: Version,
    /// Of the library this process runs with.
    library: Version,
    unsynced: durable::Unsynced,
    /// Who answers, if it reads its definitions where this process sees them.
    daemon: Option<Daemon>,
    cached_definitions: Option<CachedDefinitions>,
    /// What QEMU says it is, asked once.
    emulator: OnceLock<Option<u32>>,
    /// By name, as they were found.
    known_pools: Mutex<HashMap<String, StoragePool>>,
}

impl Libvirt {
    /// Remembers what it has been told of domains, where that can be told to be so still.
    #[must_use]
    pub fn caching(mut self, cache: Arc<SurveyCache>) -> Self {
        let folder = locality::definitions(&self.uri, &locality::Surroundings::of_this_process());
        let daemon = self.daemon.take();
        let parts = daemon.zip(folder);
        self.cached_definitions =
            parts.and_then(|(daemon, folder)| CachedDefinitions::new(cache, daemon, folder));
        self
    }

    /// What both ends know. A new library offers calls that an old server refuses, and the other
    /// way round there is no call to make.
    fn common_version(&self) -> Version {
        self.server.min(self.library)
    }

    fn require(
        &self,
        what: &'static str,
        since: &'static str,
        version: Version,
    ) -> Result<(), HypervisorError> {
        if self.common_version() >= version {
            return Ok(());
        }
        Err(self.too_old(what, since))
    }

    fn too_old(&self, what: &'static str, since: &'static str) -> HypervisorError {
        let Version(have) = self.common_version();
        HypervisorError::TooOld {
            what,
            since,
            have: format!(
                "{}.{}.{}",
                have / 1_000_000,
                have / 1_000 % 1_000,
                have % 1_000
            ),
        }
    }

    fn name_of(&self, uuid: Uuid) -> Result<String, HypervisorError> {
        let domain = self.domain(uuid, "looking up the domain")?;
        Ok(self.reference(&domain)?.name)
    }

    fn domain(&self, uuid: Uuid, call: &'static str) -> Result<Domain, HypervisorError> {
        self.lookup(uuid, call)?
            .ok_or_else(|| HypervisorError::NoSuchDomain(uuid.to_string()))
    }
}

impl HypervisorView for Libvirt {
    fn uri(&self) -> &str {
        &self.uri
    }

    fn files(&self) -> FilesAre {
        self.locality()
    }

    fn version(&self) -> Version {
        self.server
    }

    fn emulator_version(&self) -> Option<Version> {
        let asked = || self.connection.hyp_version().ok();
        let version = *self.emulator.get_or_init(asked);
        version.map(|version| Version(version.into()))
    }

    fn state_folders(&self) -> Result<StateFolders, HypervisorError> {
        locality::state_folders(&self.uri, &locality::Surroundings::of_this_process())
    }

    fn find(&self, spec: &str) -> Result<DomainRef, HypervisorError> {
        self.find_domain(spec)
    }

    fn find_each(&self, specs: &[String]) -> Vec<Result<DomainRef, HypervisorError>> {
        overlapped(specs.iter().collect(), |spec: &String| {
            self.find_domain(spec)
        })
    }

    fn status(&self, uuid: Uuid) -> Result<Option<Status>, HypervisorError> {
        self.status_of(self.lookup(uuid, "looking up the domain")?)
    }

    fn which_are_there(&self, uuids: &[Uuid]) -> Result<HashSet<Uuid>, HypervisorError> {
        self.find_those_there(uuids)
    }

    fn status_by_name(&self, name: &str) -> Result<Option<Status>, HypervisorError> {
        self.status_of(self.lookup_name(name)?)
    }

    fn definition(&self, uuid: Uuid) -> Result<Definition, HypervisorError> {
        self.read_definition(&self.domain(uuid, "looking up the domain")?)
    }

    fn examine(&self, domains: &[DomainRef]) -> Vec<Result<Examined, HypervisorError>> {
        overlapped(domains.iter().collect(), |domain| self.examine_one(domain))
    }

    fn live_xml(&self, uuid: Uuid) -> Result<Option<SecretXml>, HypervisorError> {
        self.read_live_xml(uuid)
    }

    fn domains(&self) -> Result<Vec<Described>, HypervisorError> {
        self.describe_all(&|_| true)
    }

    fn domains_remembered(
        &self,
        must_ask: &dyn Fn(&SecretXml) -> bool,
    ) -> Result<Vec<Described>, HypervisorError> {
        self.describe_all(must_ask)
    }

    fn pools(&self) -> Result<Vec<Pool>, HypervisorError> {
        self.list_pools()
    }

    fn volumes(&self, pool: &str) -> Result<Vec<Volume>, HypervisorError> {
        self.list_volumes(pool)
    }

    fn has_volume(&self, pool: &str, volume: &str) -> Result<bool, HypervisorError> {
        self.lists_volume(pool, volume)
    }

    fn volume(&self, pool: &str, volume: &str) -> Result<Located, HypervisorError> {
        self.find_volume(pool, volume)
    }

    fn refusal_to_define(&self, xml: &SecretXml) -> Result<Option<String>, HypervisorError> {
        self.would_refuse(xml)
    }

    fn autostart(&self, uuid: Uuid) -> Result<Autostart, HypervisorError> {
        self.read_autostart(&self.domain(uuid, "looking up the domain")?)
    }

    fn wait_inactive(&self, uuid: Uuid, timeout: Duration) -> Result<bool, HypervisorError> {
        self.wait_until_inactive(uuid, timeout)
    }

    fn metadata(&self, uuid: Uuid, namespace: &str) -> Result<Option<String>, HypervisorError> {
        self.read_metadata(uuid, namespace)
    }

    fn with_metadata(&self, namespace: &str) -> Result<Vec<(Status, String)>, HypervisorError> {
        self.all_with_metadata(namespace)
    }

    fn backup(&self, uuid: Uuid) -> Result<Option<String>, HypervisorError> {
        self.read_backup(uuid)
    }

    fn backing_chains(&self) -> Result<Vec<BackingChain>, HypervisorError> {
        self.read_backing_chains()
    }
}

impl Hypervisor for Libvirt {
    fn volume_xml(&self, pool: &str, volume: &str) -> Result<String, HypervisorError> {
        self.describe_volume(pool, volume)
    }

    fn refresh_pool(&self, pool: &str) -> Result<Refreshed, HypervisorError> {
        self.refresh(pool)
    }

    fn forget_volume(&self, pool: &str, volume: &str) -> Result<(), HypervisorError> {
        self.forget(pool, volume)
    }

    fn make_durable(&self, name: &str) -> Result<(), HypervisorError> {
        self.unsynced.add(name);
        Ok(())
    }

    fn settle(&self) -> Result<(), HypervisorError> {
        self.sync_folders()
    }

    fn undefine(&self, uuid: Uuid, call: UndefineCall) -> Result<(), HypervisorError> {
        let name = self.undefine_domain(uuid, call)?;
        self.make_durable(&name)
    }

    fn define(&self, xml: &SecretXml) -> Result<DomainRef, HypervisorError> {
        let domain = self.define_domain(xml)?;
        self.make_durable(&domain.name)?;
        Ok(domain)
    }

    fn set_autostart(&self, uuid: Uuid, autostart: Autostart) -> Result<(), HypervisorError> {
        let domain = self.domain(uuid, "looking up the domain")?;
        self.write_autostart(&domain, autostart)?;
        self.make_durable(&self.reference(&domain)?.name)
    }

    fn redefine_snapshot(
        &self,
        uuid: Uuid,
        snapshot: &Snapshot,
        current: bool,
    ) -> Result<(), HypervisorError> {
        self.put_snapshot(uuid, snapshot, current)?;
        self.make_durable(&self.name_of(uuid)?)
    }

    fn redefine_checkpoint(
        &self,
        uuid: Uuid,
        checkpoint: &Checkpoint,
    ) -> Result<(), HypervisorError> {
        self.put_checkpoint(uuid, checkpoint)?;
        self.make_durable(&self.name_of(uuid)?)
    }

    fn start(&self, uuid: Uuid) -> Result<(), HypervisorError> {
        self.start_domain(uuid)
    }

    fn create(&self, xml: &SecretXml, paused: bool) -> Result<DomainRef, HypervisorError> {
        self.create_transient(xml, paused)
    }

    fn shutdown(&self, uuid: Uuid) -> Result<(), HypervisorError> {
        self.ask_to_stop(uuid)
    }

    fn destroy(&self, uuid: Uuid) -> Result<(), HypervisorError> {
        self.stop_at_once(uuid)
    }

    fn set_metadata(
        &self,
        uuid: Uuid,
        namespace: &str,
        prefix: &str,
        xml: Option<&str>,
        live: bool,
        config: bool,
    ) -> Result<(), HypervisorError> {
        self.write_metadata(uuid, namespace, prefix, xml, flags::impact(live, config))?;
        self.make_durable(&self.name_of(uuid)?)?;
        self.settle()
    }
}
