//! What each domain uses: by its inactive and its live XML, its snapshots, and the files that
//! libvirt keeps for it without naming them anywhere.

use std::path::{Path, PathBuf};

use crate::model::{User, UserKind};
use crate::ports::{Described, StateFolders};
use crate::xml::{DiskXml, DomainXml, FileUse, SnapshotXml, Source};

use super::super::chain;
use super::super::memo::Memo;
use super::super::pools::Pools;
use super::Graph;
use crate::ports::Storage;

impl Graph {
    pub(in crate::survey) fn add_domain(
        &mut self,
        storage: &Memo,
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
                Ok(xml) => one.state(xml.uses(), &xml.disks),
                Err(error) => one.not_understood(&error.to_string()),
            }
        }
        for xml in &domain.snapshots {
            match SnapshotXml::read(xml.reveal()) {
                Ok(snapshot) => one.snapshot(&snapshot),
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
                Ok(xml) => one.state(xml.uses(), &xml.disks),
                Err(error) => one.not_understood(&error.to_string()),
            }
        }
        one.when.clear();
        one.file("managed save", &save);
        one.file("TPM state", &folders.tpm.join(reference.uuid.to_string()));
        if let Some(live) = &domain.live_xml {
            self.live.insert(reference.uuid, live.clone());
        }
    }
}

/// One domain on its way into the graph.
struct One<'a> {
    graph: &'a mut Graph,
    storage: &'a Memo<'a>,
    pools: &'a Pools<'a>,
    domain: &'a Described,
    /// ` in snapshot NAME`, while one is read.
    when: String,
}

impl One<'_> {
    fn not_understood(&mut self, cause: &str) {
        let name = &self.domain.status.domain.name;
        self.graph.unseen.insert(format!(
            "domain '{name}', whose XML is not understood: {cause}"
        ));
    }

    fn state(&mut self, uses: &[FileUse], disks: &[DiskXml]) {
        for found in uses {
            self.file(&found.how, &found.path);
        }
        for disk in disks {
            let format = disk.format.as_deref().unwrap_or("raw");
            self.image(&format!("disk {}", disk.target), &disk.source, Some(format));
            // What the XML spells out may go on where the headers say that it ends. Both count.
            for layer in &disk.backing {
                let how = format!("backing file of disk {}", disk.target);
                self.image(&how, &layer.source, layer.format.as_deref());
            }
            if let Some(mirror) = &disk.mirror {
                let how = format!("block job target of disk {}", disk.target);
                self.image(&how, &mirror.source, mirror.format.as_deref());
            }
        }
    }

    fn snapshot(&mut self, snapshot: &SnapshotXml) {
        self.when = format!(" in snapshot {}", snapshot.name);
        if let Some(memory) = &snapshot.memory_file {
            self.file("memory", memory);
        }
        for disk in snapshot.disks.iter().chain(&snapshot.revert_disks) {
            self.image(
                &format!("overlay of disk {}", disk.target),
                &disk.source,
                None,
            );
        }
        for domain in [&snapshot.domain, &snapshot.inactive_domain]
            .into_iter()
            .flatten()
        {
            self.state(domain.uses(), &domain.disks);
        }
    }

    fn image(&mut self, how: &str, source: &Source, format: Option<&str>) {
        let path: PathBuf = match source {
            Source::File(path) | Source::Block(path) => path.clone(),
            Source::Volume { pool, volume } => match self.pools.path_of(pool, volume) {
                Some(path) => path,
                // The pool is not active or the volume is gone: there is no file to share.
                None => return,
            },
            Source::None | Source::Dir(_) | Source::Network { .. } | Source::Other(_) => return,
        };
        let walk = chain::walk(self.storage, &path, format);
        for (depth, layer) in walk.layers.iter().enumerate() {
            let part = match (depth, layer.is_data_file) {
                (0, _) => "",
                (_, true) => "data file of ",
                (_, false) => "backing file of ",
            };
            self.add(layer.facts.identity.key(), &format!("{part}{how}"));
            for (_, link) in &layer.links {
                self.add(link.identity.key(), &format!("name of {part}{how}"));
            }
        }
    }

    fn file(&mut self, how: &str, path: &Path) {
        // What is not there is used by nobody, and what could not be looked at is noted already.
        let Ok(resolved) = self.storage.resolve(path) else {
            return;
        };
        if let Ok(Some(facts)) = self.storage.glance(&resolved.real) {
            self.add(facts.identity.key(), how);
        }
        for link in &resolved.links {
            if let Ok(Some(facts)) = self.storage.glance(link) {
                self.add(facts.identity.key(), &format!("name of {how}"));
            }
        }
    }

    fn add(&mut self, key: (u64, u64), how: &str) {
        let domain = &self.domain.status.domain;
        let user = User {
            kind: UserKind::Domain,
            name: domain.name.clone(),
            how: format!("{how}{} of", self.when),
        };
        self.graph.add(key, Some(domain.uuid), user);
    }
}
