//! What each domain uses: by its inactive and its live XML, its snapshots, and the files that
//! libvirt keeps for it without naming them anywhere.

use std::path::Path;

use crate::image;
use crate::model::{FileKind, User, UserKind};
use crate::ports::{Described, StateFolders, StorageView};
use crate::xml::{
    CheckpointXml, DiskXml, DomainXml, EmbeddedDomain, FileUse, FirmwareXml, QemuXml, SnapshotXml,
    Source,
};

use super::super::cached::CachedStorage;
use super::super::chain::{self, Hides, Start};
use super::super::pools::Pools;
use super::Graph;
use super::missing::Missing;

/// What one state of a domain names.
struct State<'a> {
    uses: &'a [FileUse],
    disks: &'a [DiskXml],
    firmware: &'a FirmwareXml,
    qemu: &'a QemuXml,
}

impl<'a> State<'a> {
    fn of(xml: &'a DomainXml) -> Self {
        Self {
            uses: xml.uses(),
            disks: &xml.disks,
            firmware: &xml.firmware,
            qemu: xml.qemu(),
        }
    }

    fn embedded(xml: &'a EmbeddedDomain) -> Self {
        Self {
            uses: xml.uses(),
            disks: &xml.disks,
            firmware: &xml.firmware,
            qemu: xml.qemu(),
        }
    }
}

impl Graph {
    pub(in crate::survey) fn add_domain(
        &mut self,
        storage: &CachedStorage,
        pools: &Pools,
        folders: &StateFolders,
        domain: &Described,
    ) {
        let reference = &domain.status.domain;
        if domain.status.active {
            self.active.insert(reference.uuid);
        }
        let mut one = One {
            graph: self,
            storage,
            pools,
            domain,
            when: String::new(),
        };
        for xml in [Some(&domain.xml), domain.live_xml.as_ref()]
            .into_iter()
            .flatten()
        {
            match DomainXml::read(xml.reveal()) {
                Ok(xml) => one.state(&State::of(&xml)),
                Err(error) => one.not_understood(&error.to_string()),
            }
        }
        for xml in &domain.snapshots {
            match SnapshotXml::read(xml.reveal()) {
                Ok(snapshot) => one.snapshot(&snapshot),
                Err(error) => one.not_understood(&error.to_string()),
            }
        }
        for xml in &domain.checkpoints {
            match CheckpointXml::read(xml.reveal()) {
                Ok(checkpoint) => one.checkpoint(&checkpoint),
                Err(error) => one.not_understood(&error.to_string()),
            }
        }
        let save = folders
            .managed_save
            .join(format!("{}.save", reference.name));
        // What it resumes with, which may be other disks than those of its definition. What could
        // not be read is noted already.
        if let Ok(Some(xml)) = storage.saved_xml(&save) {
            one.when = " in the managed save".to_owned();
            match DomainXml::read(xml.reveal()) {
                Ok(xml) => one.state(&State::of(&xml)),
                Err(error) => one.not_understood(&error.to_string()),
            }
        }
        one.when.clear();
        one.file("managed save", &save);
        one.file("TPM state", &folders.tpm.join(reference.uuid.to_string()));
        // A transient domain's one XML is the live one.
        if domain.status.active {
            let live = domain.live_xml.as_ref().unwrap_or(&domain.xml);
            self.running.insert(reference.uuid, live.clone());
        }
    }
}

/// One domain on its way into the graph.
struct One<'a> {
    graph: &'a mut Graph,
    storage: &'a CachedStorage<'a>,
    pools: &'a Pools<'a>,
    domain: &'a Described,
    /// ` in snapshot NAME`, while one is read.
    when: String,
}

impl One<'_> {
    fn not_understood(&mut self, cause: &str) {
        let name = &self.domain.status.domain.name;
        self.graph.unseen.insert(format!(
            "domain {name}, whose XML is not understood: {cause}"
        ));
    }

    /// Something of the domain that may be a file which stays hidden.
    fn hidden(&mut self, how: &str, cause: &str) {
        let name = &self.domain.status.domain.name;
        let when = &self.when;
        self.graph
            .unseen
            .insert(format!("{how}{when} of domain {name}: {cause}"));
    }

    fn state(&mut self, state: &State<'_>) {
        for found in state.uses {
            self.file(&found.how, &found.path);
        }
        for disk in state.disks {
            let format = disk.format.as_deref().unwrap_or("raw");
            let how = format!("disk {}", disk.target);
            self.source(&how, &disk.source, Some(format), disk.offset);
            if disk.transient {
                self.transient(&disk.source);
            }
            // What the XML spells out may go on where the headers say that it ends. Both count.
            for layer in &disk.backing {
                let how = format!("backing file of disk {}", disk.target);
                self.source(&how, &layer.source, layer.format.as_deref(), layer.offset);
                if let Some(data) = &layer.data_store {
                    let how = format!("data file of disk {}", disk.target);
                    self.source(&how, data, Some("raw"), 0);
                }
            }
            if let Some(data) = &disk.data_store {
                let how = format!("data file of disk {}", disk.target);
                self.source(&how, &data.source, Some("raw"), data.offset);
            }
            if let Some(mirror) = &disk.mirror {
                let how = format!("block job target of disk {}", disk.target);
                self.source(
                    &how,
                    &mirror.source,
                    mirror.format.as_deref(),
                    mirror.offset,
                );
            }
        }
        for (how, path, format) in &state.firmware.images {
            self.image(how, Start::of(path, Some(format)));
        }
        self.qemu(state.qemu);
    }

    /// What the domain hands to QEMU behind libvirt's back.
    fn qemu(&mut self, qemu: &QemuXml) {
        const HOW: &str = "QEMU command line";
        let found = image::arguments(&qemu.arguments);
        for (path, format, offset) in found.files() {
            let start = Start {
                path,
                format,
                offset,
            };
            self.image(HOW, start);
        }
        if let Some(doubt) = &found.named.doubt {
            self.hidden(HOW, doubt);
        }
        let values = qemu.values.iter().flat_map(|value| image::words(value));
        for path in found.paths().chain(values.map(Into::into)) {
            // Most words name nothing.
            if path != Path::new("/") && self.is_there(&path) {
                self.image(HOW, Start::of(&path, None));
            }
        }
    }

    fn is_there(&self, path: &Path) -> bool {
        let real = self.storage.resolve(path).map(|resolved| resolved.real);
        real.is_ok_and(|real| matches!(self.storage.glance(&real), Ok(Some(_))))
    }

    fn snapshot(&mut self, snapshot: &SnapshotXml) {
        self.when = format!(" in snapshot {}", snapshot.name);
        if let Some(memory) = &snapshot.memory_file {
            self.file("memory", memory);
        }
        for disk in snapshot.disks.iter().chain(&snapshot.revert_disks) {
            let how = format!("overlay of disk {}", disk.target);
            self.source(&how, &disk.source, disk.format.as_deref(), 0);
        }
        for domain in [&snapshot.domain, &snapshot.inactive_domain]
            .into_iter()
            .flatten()
        {
            self.state(&State::embedded(domain));
        }
    }

    fn checkpoint(&mut self, checkpoint: &CheckpointXml) {
        self.when = format!(" in checkpoint {}", checkpoint.name);
        if let Some(domain) = &checkpoint.domain {
            self.state(&State::embedded(domain));
        }
    }

    fn source(&mut self, how: &str, source: &Source, format: Option<&str>, offset: u64) {
        if let Source::Volume { pool, .. } = source
            && !self.pools.has(pool)
        {
            let cause = format!("libvirt has no pool {pool} that would tell where it is");
            return self.hidden(how, &cause);
        }
        if let Some(path) = self.pools.file(source) {
            let format = match source {
                Source::Dir(_) => Some(image::FOLDER),
                _ => format,
            };
            let start = Start {
                path: &path,
                format,
                offset,
            };
            self.image(how, start);
        }
    }

    fn image(&mut self, how: &str, start: Start<'_>) {
        let walk = chain::walk(self.storage, start);
        for (depth, layer) in walk.layers.iter().enumerate() {
            let part = match (depth, layer.is_data_file) {
                (0, _) => "",
                (_, true) => "data file of ",
                (_, false) => "backing file of ",
            };
            for key in self.storage.faces(&layer.path, &layer.facts) {
                self.add(key, &format!("{part}{how}"));
            }
            for (_, link) in &layer.links {
                self.add(link.identity.key(), &format!("name of {part}{how}"));
            }
            if layer.facts.kind == FileKind::Regular
                && let Some(folder) = layer.path.parent()
            {
                self.graph.folders.insert(folder.to_owned());
            }
            let user = self.user(&format!("in the folder of {part}{how}"));
            let owner = Some(self.domain.status.domain.uuid);
            self.graph.add_below(self.storage, layer, |graph, key| {
                graph.add(key, owner, user.clone());
            });
        }
        for obstacle in &walk.obstacles {
            // A raw image stands on nothing, wherever it is.
            let is_raw = walk.layers.is_empty() && start.format == Some("raw");
            let domain = &self.domain.status.domain;
            let (name, when) = (&domain.name, &self.when);
            let what = format!("{how}{when} of domain {name}: {}", obstacle.what);
            match obstacle.hides {
                Hides::Nothing => {}
                Hides::Missing if is_raw => {}
                Hides::More => {
                    self.graph.unseen_of.insert((domain.uuid, what));
                }
                Hides::Missing => self.graph.missing.push(Missing {
                    owner: domain.uuid,
                    path: obstacle.what.path.clone(),
                    what,
                }),
            }
        }
    }

    fn transient(&mut self, source: &Source) {
        let Some(path) = self.pools.file(source) else {
            return;
        };
        let found = self
            .storage
            .resolve(&path)
            .and_then(|resolved| self.storage.glance(&resolved.real));
        if let Ok(Some(facts)) = found {
            let domain = self.domain.status.domain.clone();
            let key = facts.identity.key();
            self.graph.transient.entry(key).or_default().push(domain);
        }
    }

    fn file(&mut self, how: &str, path: &Path) {
        // What is not there is used by nobody, and what could not be looked at is noted already.
        let Ok(resolved) = self.storage.resolve(path) else {
            return;
        };
        if let Ok(Some(facts)) = self.storage.glance(&resolved.real) {
            for key in self.storage.faces(&resolved.real, &facts) {
                self.add(key, how);
            }
        }
        for link in &resolved.links {
            if let Ok(Some(facts)) = self.storage.glance(link) {
                self.add(facts.identity.key(), &format!("name of {how}"));
            }
        }
    }

    fn user(&self, how: &str) -> User {
        User {
            kind: UserKind::Domain,
            name: self.domain.status.domain.name.clone(),
            how: format!("{how}{} of", self.when),
        }
    }

    fn add(&mut self, key: (u64, u64), how: &str) {
        let owner = Some(self.domain.status.domain.uuid);
        let user = self.user(how);
        self.graph.add(key, owner, user);
    }
}
