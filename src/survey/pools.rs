//! From a file to the pool and the volume it is. libvirt can answer this for a path as it spells
//! it (`virStorageVolLookupByPath`); here the pool's folder is compared by device and inode.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::model::{FileKind, Pooled};
use crate::ports::{Hypervisor, Pool, Storage};

use super::SurveyError;

/// Pools whose volumes are the entries of a folder.
const FOLDERS: [&str; 4] = ["dir", "fs", "netfs", "vstorage"];
/// Pools whose volumes are no files of this host.
const NETWORK: [&str; 4] = ["rbd", "sheepdog", "gluster", "iscsi-direct"];

struct Known {
    pool: Pool,
    folder: (u64, u64),
    /// By name, whether libvirt lists it. Asked one by one: a list of thousands costs more than
    /// the few files of the domains in question.
    volumes: RefCell<HashMap<String, bool>>,
}

pub(super) struct Pools<'a> {
    hypervisor: &'a dyn Hypervisor,
    storage: &'a dyn Storage,
    known: Vec<Known>,
    /// Active pools that are no folders, and have their volumes here nevertheless.
    devices: Vec<Pool>,
    /// Volumes of these, once asked for.
    asked: RefCell<HashMap<(String, String), Option<PathBuf>>>,
}

impl<'a> Pools<'a> {
    pub(super) fn new(
        hypervisor: &'a dyn Hypervisor,
        storage: &'a dyn Storage,
    ) -> Result<Self, SurveyError> {
        let mut known = Vec::new();
        let mut devices = Vec::new();
        for pool in hypervisor.pools()?.into_iter().filter(|pool| pool.active) {
            if !FOLDERS.contains(&pool.kind.as_str()) {
                if !NETWORK.contains(&pool.kind.as_str()) {
                    devices.push(pool);
                }
                continue;
            }
            let Some(target) = &pool.target else { continue };
            let Ok(resolved) = storage.resolve(target) else {
                continue;
            };
            if let Ok(Some(facts)) = storage.glance(&resolved.real)
                && facts.kind == FileKind::Directory
            {
                known.push(Known {
                    folder: facts.identity.key(),
                    pool,
                    volumes: RefCell::default(),
                });
            }
        }
        Ok(Self {
            hypervisor,
            storage,
            known,
            devices,
            asked: RefCell::default(),
        })
    }

    /// The folders of active pools.
    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.known
            .iter()
            .filter_map(|known| known.pool.target.as_deref())
    }

    /// Active pools that share a folder, each with each.
    pub(super) fn beside(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for one in &self.known {
            for other in &self.known {
                if one.folder == other.folder && one.pool.name != other.pool.name {
                    pairs.push((one.pool.name.clone(), other.pool.name.clone()));
                }
            }
        }
        pairs
    }

    /// Active pools whose volumes are devices.
    pub(super) fn devices(&self) -> &[Pool] {
        &self.devices
    }

    /// The volume libvirt lists under this file's name. A file in a pool's folder that libvirt has
    /// not seen yet (no refresh since) belongs to no pool, as for virsh.
    pub(super) fn of(&self, path: &Path) -> Option<Pooled> {
        let name = path.file_name()?.to_str()?;
        let folder = self.storage.glance(path.parent()?).ok()??.identity.key();
        let known = self
            .known
            .iter()
            .find(|known| known.folder == folder && self.lists(known, name))?;
        Some(Pooled {
            pool: known.pool.name.clone(),
            volume: name.to_owned(),
        })
    }

    /// Where a volume is or would be; of a folder's pool libvirt need not be asked.
    pub(super) fn path_of(&self, pool: &str, volume: &str) -> Option<PathBuf> {
        if let Some(known) = self.known.iter().find(|known| known.pool.name == pool) {
            return Some(known.pool.target.as_ref()?.join(volume));
        }
        let key = (pool.to_owned(), volume.to_owned());
        self.asked
            .borrow_mut()
            .entry(key)
            .or_insert_with(|| {
                let found = self.hypervisor.volume(pool, volume).ok()?;
                matches!(found.kind.as_str(), "file" | "block" | "dir").then_some(found.path)
            })
            .clone()
    }

    fn lists(&self, known: &Known, name: &str) -> bool {
        if let Some(is_listed) = known.volumes.borrow().get(name) {
            return *is_listed;
        }
        let is_listed = self
            .hypervisor
            .has_volume(&known.pool.name, name)
            .unwrap_or(false);
        known
            .volumes
            .borrow_mut()
            .insert(name.to_owned(), is_listed);
        is_listed
    }
}
