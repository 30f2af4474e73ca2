//! libvirt in memory: definitions with what a power cut leaves of them, running guests that hold
//! their files, one pool.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;
use virt_retire::model::{
    Autostart, Checkpoint, Definition, DomainRef, SecretXml, Snapshot, UndefineCall,
};
use virt_retire::ports::{
    BackingChain, Described, FilesAre, Hypervisor, HypervisorError, HypervisorView, Located, Pool,
    Refreshed, StateFolders, Status, Version, Volume,
};
use virt_retire::xml::DomainXml;

use super::disk::{Inode, Luck};
use super::host::{self, Host, Shared};
use super::scenario::WEB;

pub const SAVES: &str = "/saves";
pub const IMAGES: &str = "/images";

/// A guest that runs, with the files that its QEMU holds.
#[derive(Debug, Clone)]
pub struct Running {
    pub domain: DomainRef,
    pub xml: SecretXml,
    pub held: Vec<Inode>,
}

#[derive(Debug, Clone, Default)]
pub struct Daemon {
    pub defined: BTreeMap<Uuid, (String, Definition)>,
    on_medium: BTreeMap<Uuid, (String, Definition)>,
    pub running: BTreeMap<Uuid, Running>,
    /// Volumes that it lists of its pool.
    pub volumes: BTreeSet<String>,
    /// A job runs in its pool.
    pub is_busy: bool,
}

pub fn definition(xml: &str) -> Definition {
    Definition {
        xml: SecretXml::new(xml.to_owned()),
        autostart: Autostart::default(),
        snapshots: Vec::new(),
        current_snapshot: None,
        checkpoints: Vec::new(),
    }
}

pub fn save_of(name: &str) -> PathBuf {
    Path::new(SAVES).join(format!("{name}.save"))
}

impl Daemon {
    /// As an administrator does it with virsh, who waits until it has lasted.
    pub fn define(&mut self, xml: &str) -> Option<Uuid> {
        let read = DomainXml::read(xml).unwrap();
        let others = self.defined.iter();
        let running = self
            .running
            .values()
            .map(|one| (&one.domain.uuid, &one.domain.name));
        let mut names = others.map(|(uuid, (name, _))| (uuid, name)).chain(running);
        if names.any(|(uuid, name)| *uuid != read.uuid && *name == read.name) {
            return None;
        }
        let old = self.defined.get(&read.uuid).map(|(_, old)| old.clone());
        let new = Definition {
            xml: SecretXml::new(xml.to_owned()),
            ..old.unwrap_or_else(|| definition(xml))
        };
        self.defined.insert(read.uuid, (read.name, new));
        Some(read.uuid)
    }

    pub fn sync(&mut self, uuid: Uuid) {
        match self.defined.get(&uuid) {
            Some(now) => drop(self.on_medium.insert(uuid, now.clone())),
            None => drop(self.on_medium.remove(&uuid)),
        }
    }

    pub fn sync_all(&mut self) {
        self.on_medium = self.defined.clone();
    }

    fn uuids(&self) -> BTreeSet<Uuid> {
        let uuids = self.defined.keys().chain(self.on_medium.keys());
        uuids.copied().collect()
    }

    pub fn in_doubt(&self) -> Vec<String> {
        let mut doubt = Vec::new();
        for uuid in self.uuids() {
            if self.defined.get(&uuid) != self.on_medium.get(&uuid) {
                doubt.push(format!("the definition of {uuid}"));
            }
        }
        doubt
    }

    pub fn lose_power(&mut self, luck: &mut Luck) {
        for uuid in self.uuids() {
            if self.defined.get(&uuid) != self.on_medium.get(&uuid) && luck.draw() {
                self.sync(uuid);
            }
        }
        self.defined = self.on_medium.clone();
        self.running.clear();
    }

    pub fn status(&self, uuid: Uuid) -> Option<Status> {
        let defined = self.defined.get(&uuid);
        let running = self.running.get(&uuid);
        let name = match (defined, running) {
            (Some((name, _)), _) => name.clone(),
            (None, Some(running)) => running.domain.name.clone(),
            (None, None) => return None,
        };
        Some(Status {
            domain: DomainRef { name, uuid },
            active: running.is_some(),
            paused: false,
            persistent: defined.is_some(),
        })
    }

    /// Its QEMU is gone. A domain that is not defined is no more, and its NVRAM goes with
    /// it: so does TPM state with the real libvirt 11.3, which leaves NVRAM to the next start.
    pub fn ends(&mut self, uuid: Uuid) -> Option<PathBuf> {
        let running = self.running.remove(&uuid)?;
        let read = DomainXml::read(running.xml.reveal()).unwrap();
        match self.defined.contains_key(&uuid) {
            true => None,
            false => read.firmware.nvram,
        }
    }

    fn all(&self) -> BTreeSet<Uuid> {
        let uuids = self.defined.keys().chain(self.running.keys());
        uuids.copied().collect()
    }

    pub fn by_name(&self, name: &str) -> Option<Status> {
        let mut all = self.all().into_iter().filter_map(|uuid| self.status(uuid));
        all.find(|status| status.domain.name == name)
    }
}

impl Host {
    /// A guest is started: from its managed save, where it has one, which is used up by that.
    pub fn start(&mut self, uuid: Uuid) -> bool {
        let Some((name, definition)) = self.libvirt.defined.get(&uuid).cloned() else {
            return false;
        };
        if self.libvirt.running.contains_key(&uuid) {
            return false;
        }
        let read = DomainXml::read(definition.xml.reveal()).unwrap();
        let mut held = Vec::new();
        for disk in &read.disks {
            let virt_retire::xml::Source::File(path) = &disk.source else {
                continue;
            };
            let mut next = Some(path.clone());
            while let Some(path) = next {
                let Some(inode) = self.disk.inode(&path) else {
                    return false;
                };
                held.push(inode);
                let content = self.disk.content(inode);
                next = content.and_then(|content| content.backing.clone());
            }
        }
        held.extend(read.firmware.nvram.and_then(|path| self.disk.inode(&path)));
        let save = save_of(&name);
        self.disk.remove(&save);
        self.disk.sync_folder(Path::new(SAVES));
        let running = Running {
            domain: DomainRef { name, uuid },
            xml: definition.xml,
            held,
        };
        self.libvirt.running.insert(uuid, running);
        true
    }

    pub fn end(&mut self, uuid: Uuid) -> bool {
        let is_running = self.libvirt.running.contains_key(&uuid);
        if let Some(nvram) = self.libvirt.ends(uuid) {
            self.disk.remove(&nvram);
            self.disk.sync_folder(nvram.parent().unwrap());
        }
        is_running
    }

    fn refresh(&mut self) {
        let below = self.disk.below(Path::new(IMAGES));
        self.libvirt.volumes = below
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
    }

    pub fn with_pool(mut self) -> Self {
        self.refresh();
        self
    }
}

pub struct Libvirt {
    shared: Shared,
    /// What this process has changed, and has not settled.
    unsynced: RefCell<BTreeSet<Uuid>>,
    /// What an earlier one may have.
    all_unsynced: Cell<bool>,
}

type Result<T> = std::result::Result<T, HypervisorError>;

fn refused<T>(call: &'static str, cause: impl Into<String>) -> Result<T> {
    Err(HypervisorError::Refused {
        call,
        cause: cause.into(),
    })
}

impl Libvirt {
    pub fn new(shared: &Shared) -> Self {
        Self {
            shared: shared.clone(),
            unsynced: RefCell::default(),
            all_unsynced: Cell::default(),
        }
    }

    fn look(&self, call: &'static str) -> Result<()> {
        self.shared.look(call, "").map_err(host::hypervisor(call))
    }

    fn change(&self, call: &'static str) -> Result<()> {
        self.shared
            .change(call, "")
            .map_err(host::hypervisor(call))?;
        self.shared.edit().must_be_intended(call, Path::new(""));
        Ok(())
    }

    /// The folders of a domain are to be synced: its definition's, and the one of managed saves.
    fn take_up(&self, uuid: Uuid) {
        self.unsynced.borrow_mut().insert(uuid);
    }

    fn edit(
        &self,
        uuid: Uuid,
        call: &'static str,
        edit: impl FnOnce(&mut Definition),
    ) -> Result<()> {
        self.change(call)?;
        match self.shared.edit().libvirt.defined.get_mut(&uuid) {
            Some((_, definition)) => edit(definition),
            None => return refused(call, "no such domain"),
        }
        self.take_up(uuid);
        Ok(())
    }
}

impl HypervisorView for Libvirt {
    fn uri(&self) -> &str {
        "qemu:///system"
    }

    fn files(&self) -> FilesAre {
        FilesAre::Here
    }

    fn version(&self) -> Version {
        Version(11_003_000)
    }

    fn emulator_version(&self) -> Option<Version> {
        Some(Version(10_000_002))
    }

    fn state_folders(&self) -> Result<StateFolders> {
        Ok(StateFolders {
            managed_save: SAVES.into(),
            tpm: "/tpm".into(),
            nvram: "/nvram".into(),
            snapshots: "/snapshots".into(),
            checkpoints: "/checkpoints".into(),
            definitions: "/definitions".into(),
            autostart: "/autostart".into(),
            images: Vec::new(),
        })
    }

    fn find(&self, spec: &str) -> Result<DomainRef> {
        let found = self.shared.get().libvirt.by_name(spec);
        let found = found.ok_or_else(|| HypervisorError::NoSuchDomain(spec.to_owned()))?;
        Ok(found.domain)
    }

    fn status(&self, uuid: Uuid) -> Result<Option<Status>> {
        // Whoever asks of another domain has not heard of this one.
        self.look(match uuid {
            WEB => "status",
            _ => "status of another",
        })?;
        Ok(self.shared.get().libvirt.status(uuid))
    }

    fn status_by_name(&self, name: &str) -> Result<Option<Status>> {
        self.look("status by name")?;
        Ok(self.shared.get().libvirt.by_name(name))
    }

    fn definition(&self, uuid: Uuid) -> Result<Definition> {
        self.look("definition")?;
        let host = self.shared.get();
        if let Some((_, definition)) = host.libvirt.defined.get(&uuid) {
            return Ok(definition.clone());
        }
        match host.libvirt.running.get(&uuid) {
            Some(running) => Ok(definition(running.xml.reveal())),
            None => Err(HypervisorError::NoSuchDomain(uuid.to_string())),
        }
    }

    fn live_xml(&self, uuid: Uuid) -> Result<Option<SecretXml>> {
        self.look("definition")?;
        let host = self.shared.get();
        let running = host.libvirt.running.get(&uuid);
        Ok(running.map(|one| one.xml.clone()))
    }

    fn domains(&self) -> Result<Vec<Described>> {
        self.look("domains")?;
        let host = self.shared.get();
        let all = host.libvirt.all().into_iter();
        let described = all.filter_map(|uuid| {
            let status = host.libvirt.status(uuid)?;
            let defined = host.libvirt.defined.get(&uuid);
            let running = host.libvirt.running.get(&uuid).map(|one| one.xml.clone());
            let defined = defined.map(|(_, definition)| definition.xml.clone());
            Some(Described {
                status,
                live_xml: running.clone().filter(|_| defined.is_some()),
                xml: defined.or(running)?,
                snapshots: Vec::new(),
                checkpoints: Vec::new(),
            })
        });
        Ok(described.collect())
    }

    fn pools(&self) -> Result<Vec<Pool>> {
        Ok(vec![Pool {
            name: "images".into(),
            kind: "dir".into(),
            active: true,
            target: Some(IMAGES.into()),
        }])
    }

    fn volumes(&self, pool: &str) -> Result<Vec<Volume>> {
        self.look("volumes")?;
        let host = self.shared.get();
        let volumes = host.libvirt.volumes.iter().map(|name| Volume {
            pool: pool.to_owned(),
            name: name.clone(),
            path: Path::new(IMAGES).join(name),
            kind: "file".into(),
            format: None,
            backing: None,
        });
        Ok(volumes.collect())
    }

    fn has_volume(&self, _: &str, volume: &str) -> Result<bool> {
        Ok(self.shared.get().libvirt.volumes.contains(volume))
    }

    fn volume(&self, _: &str, volume: &str) -> Result<Located> {
        Ok(Located {
            path: Path::new(IMAGES).join(volume),
            kind: "file".into(),
        })
    }

    fn refusal_to_define(&self, _: &SecretXml) -> Result<Option<String>> {
        Ok(None)
    }

    fn autostart(&self, uuid: Uuid) -> Result<Autostart> {
        Ok(self.definition(uuid)?.autostart)
    }

    fn wait_inactive(&self, uuid: Uuid, _: Duration) -> Result<bool> {
        self.look("wait")?;
        Ok(!self.shared.get().libvirt.running.contains_key(&uuid))
    }

    fn metadata(&self, _: Uuid, _: &str) -> Result<Option<String>> {
        Ok(None)
    }

    fn with_metadata(&self, _: &str) -> Result<Vec<(Status, String)>> {
        Ok(Vec::new())
    }

    fn backup(&self, _: Uuid) -> Result<Option<String>> {
        Ok(None)
    }

    fn backing_chains(&self) -> Result<Vec<BackingChain>> {
        Ok(Vec::new())
    }
}

impl Hypervisor for Libvirt {
    fn volume_xml(&self, _: &str, volume: &str) -> Result<String> {
        self.look("the XML of a volume")?;
        Ok(format!("<volume><name>{volume}</name></volume>"))
    }

    fn refresh_pool(&self, _: &str) -> Result<Refreshed> {
        self.change("refresh the pool")?;
        if self.shared.get().libvirt.is_busy {
            return refused("refresh the pool", "pool has asynchronous jobs running");
        }
        self.shared.edit().refresh();
        Ok(Refreshed::Done)
    }

    fn forget_volume(&self, _: &str, volume: &str) -> Result<()> {
        self.change("delete a volume")?;
        let mut host = self.shared.edit();
        let place = Path::new(IMAGES).join(volume);
        // `virFileRemove`: a folder goes by rmdir, anything else by unlink.
        if !host.disk.below(&place).is_empty() {
            return refused("delete a volume", "Directory not empty");
        }
        host.libvirt.volumes.remove(volume);
        host.disk.remove(&place);
        Ok(())
    }

    fn make_durable(&self, _: &str) -> Result<()> {
        self.all_unsynced.set(true);
        Ok(())
    }

    fn settle(&self) -> Result<()> {
        let (uuids, all) = (self.unsynced.take(), self.all_unsynced.take());
        if uuids.is_empty() && !all {
            return Ok(());
        }
        self.change("sync libvirt's folders")?;
        let mut host = self.shared.edit();
        match all {
            true => host.libvirt.sync_all(),
            false => uuids.iter().for_each(|uuid| host.libvirt.sync(*uuid)),
        }
        host.disk.sync_folder(Path::new(SAVES));
        Ok(())
    }

    fn undefine(&self, uuid: Uuid, call: UndefineCall) -> Result<()> {
        self.change("undefine")?;
        {
            let mut host = self.shared.edit();
            let Some((name, definition)) = host.libvirt.defined.get(&uuid).cloned() else {
                return refused("undefine", "no such domain");
            };
            let save = save_of(&name);
            if host.disk.inode(&save).is_some() && !call.managed_save {
                return refused("undefine", "managed save exists");
            }
            if !definition.snapshots.is_empty() && !call.snapshots_metadata {
                return refused("undefine", "snapshots exist");
            }
            host.disk.remove(&save);
            host.libvirt.defined.remove(&uuid);
        }
        self.take_up(uuid);
        Ok(())
    }

    fn define(&self, xml: &SecretXml) -> Result<DomainRef> {
        self.change("define")?;
        let defined = self.shared.edit().libvirt.define(xml.reveal());
        let Some(uuid) = defined else {
            return refused("define", "the name is taken");
        };
        self.take_up(uuid);
        let status = self.shared.get().libvirt.status(uuid);
        status.map_or_else(|| refused("define", "it is gone again"), |it| Ok(it.domain))
    }

    fn set_autostart(&self, uuid: Uuid, autostart: Autostart) -> Result<()> {
        self.edit(uuid, "set autostart", |definition| {
            definition.autostart = autostart;
        })
    }

    fn redefine_snapshot(&self, uuid: Uuid, snapshot: &Snapshot, current: bool) -> Result<()> {
        self.edit(uuid, "redefine a snapshot", |definition| {
            definition.snapshots.retain(|one| one.name != snapshot.name);
            definition.snapshots.push(snapshot.clone());
            if current {
                definition.current_snapshot = Some(snapshot.name.clone());
            }
        })
    }

    fn redefine_checkpoint(&self, uuid: Uuid, checkpoint: &Checkpoint) -> Result<()> {
        self.edit(uuid, "redefine a checkpoint", |definition| {
            definition
                .checkpoints
                .retain(|one| one.name != checkpoint.name);
            definition.checkpoints.push(checkpoint.clone());
        })
    }

    fn start(&self, uuid: Uuid) -> Result<()> {
        self.change("start")?;
        match self.shared.edit().start(uuid) {
            true => Ok(()),
            false => refused("start", "it cannot be started"),
        }
    }

    fn create(&self, _: &SecretXml, _: bool) -> Result<DomainRef> {
        refused("create", "nobody makes transient guests here")
    }

    fn shutdown(&self, uuid: Uuid) -> Result<()> {
        self.destroy(uuid)
    }

    fn destroy(&self, uuid: Uuid) -> Result<()> {
        self.change("destroy")?;
        let mut host = self.shared.edit();
        let asked = host.last.get("status").copied().unwrap_or(0);
        if host.libvirt.running.contains_key(&uuid)
            && !host.libvirt.defined.contains_key(&uuid)
            && host.acted.is_none_or(|at| at <= asked)
        {
            let text = "law 2: it ends a guest that will take its NVRAM along";
            host.breaches.push(text.into());
        }
        host.end(uuid);
        Ok(())
    }

    fn set_metadata(
        &self,
        _: Uuid,
        _: &str,
        _: &str,
        _: Option<&str>,
        _: bool,
        _: bool,
    ) -> Result<()> {
        refused("set metadata", "nobody edits policies here")
    }
}
