//! Files that libvirt keeps for a domain in folders of its own, and whose domain is no more.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::model::{FileKind, FileTime};
use crate::ports::Entry;
use crate::xml::DomainXml;

use super::super::graph::Depth;
use super::super::{ANYBODY, Survey, SurveyError};

/// One file or folder of libvirt's own without a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownerless {
    pub kind: StateKind,
    pub path: PathBuf,
    /// The domain's, as the file or its name tells.
    pub name: Option<String>,
    pub uuid: Option<Uuid>,
    /// Allocated, with all below a folder.
    pub bytes: u64,
    pub modified: FileTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateKind {
    Nvram,
    Tpm,
    ManagedSave,
    Snapshots,
    Checkpoints,
    /// A link to a definition that is not there.
    Autostart,
    /// A definition's file that libvirt has not loaded.
    Definition,
}

type Names<'a> = HashMap<&'a str, Uuid>;

impl Survey<'_> {
    pub(super) fn ownerless(&self, names: &Names) -> Result<Vec<Ownerless>, SurveyError> {
        let folders = self.hypervisor.state_folders()?;
        let mut found = Vec::new();
        for entry in self.entries(&folders.managed_save) {
            found.extend(self.managed_save(&entry));
        }
        for entry in self.entries(&folders.nvram) {
            found.extend(self.nvram(&entry, names));
        }
        for entry in self.entries(&folders.tpm) {
            found.extend(self.tpm(&entry, names));
        }
        for (kind, folder) in [
            (StateKind::Snapshots, &folders.snapshots),
            (StateKind::Checkpoints, &folders.checkpoints),
        ] {
            for entry in self.entries(folder) {
                let name = file_name(&entry.path);
                if entry.kind == FileKind::Directory && !names.contains_key(name.as_str()) {
                    found.extend(self.found(kind, &entry.path, Some(name), None));
                }
            }
        }
        for entry in self.entries(&folders.autostart) {
            let leads = self.storage.resolve(&entry.path);
            let is_dangling = entry.kind == FileKind::Symlink
                && leads.is_ok_and(|it| matches!(self.storage.glance(&it.real), Ok(None)));
            if is_dangling {
                let name = stem(&entry.path, ".xml");
                found.extend(self.found(StateKind::Autostart, &entry.path, name, None));
            }
        }
        for entry in self.entries(&folders.definitions) {
            let name = stem(&entry.path, ".xml").filter(|_| entry.kind == FileKind::Regular);
            if let Some(name) = name.filter(|name| !names.contains_key(name.as_str())) {
                found.extend(self.found(StateKind::Definition, &entry.path, Some(name), None));
            }
        }
        // What an ownerless saved state names is used by that alone.
        let graph = &mut self.graph.borrow_mut();
        graph.add_folder(self.cached, &self.pools, &folders.managed_save, Depth::Flat);
        Ok(found)
    }

    /// In the order of their names. What may not be looked into is noted.
    pub(super) fn entries(&self, folder: &Path) -> Vec<Entry> {
        let Ok(resolved) = self.storage.resolve(folder) else {
            return Vec::new();
        };
        let mut entries = self.storage.list(&resolved.real).unwrap_or_default();
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        entries
    }

    fn managed_save(&self, entry: &Entry) -> Option<Ownerless> {
        if entry.kind != FileKind::Regular || self.has_user(entry) {
            return None;
        }
        let saved = self.storage.saved_xml(&entry.path).ok().flatten();
        let xml = saved.and_then(|xml| DomainXml::read(xml.reveal()).ok());
        let (name, uuid) = match xml {
            Some(xml) => (Some(xml.name), Some(xml.uuid)),
            None => (stem(&entry.path, ".save"), None),
        };
        self.found(StateKind::ManagedSave, &entry.path, name, uuid)
    }

    /// The file that a domain's next start will take has its name, whether its definition tells so
    /// yet or not; one that was renamed since names the file that it had.
    fn nvram(&self, entry: &Entry, names: &Names) -> Option<Ownerless> {
        let file = file_name(&entry.path);
        let name = file.rsplit_once("_VARS").map(|(name, _)| name.to_owned());
        let is_next = name.as_deref().is_some_and(|name| names.contains_key(name));
        if entry.kind != FileKind::Regular || is_next || self.has_user(entry) {
            return None;
        }
        self.found(StateKind::Nvram, &entry.path, name, None)
    }

    fn tpm(&self, entry: &Entry, names: &Names) -> Option<Ownerless> {
        let uuid = Uuid::try_parse(&file_name(&entry.path)).ok()?;
        let has_domain = names.values().any(|known| *known == uuid);
        if entry.kind != FileKind::Directory || has_domain || self.has_user(entry) {
            return None;
        }
        self.found(StateKind::Tpm, &entry.path, None, Some(uuid))
    }

    fn has_user(&self, entry: &Entry) -> bool {
        !self
            .graph
            .borrow()
            .users(entry.identity.key(), ANYBODY)
            .is_empty()
    }

    fn found(
        &self,
        kind: StateKind,
        path: &Path,
        name: Option<String>,
        uuid: Option<Uuid>,
    ) -> Option<Ownerless> {
        let facts = self.storage.facts(path).ok()??;
        Some(Ownerless {
            kind,
            path: path.to_owned(),
            name,
            uuid,
            bytes: facts.allocated,
            modified: facts.modified,
        })
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn stem(path: &Path, suffix: &str) -> Option<String> {
    file_name(path).strip_suffix(suffix).map(str::to_owned)
}
