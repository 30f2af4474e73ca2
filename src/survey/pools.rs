//! From a file to the pool and the volume it is. libvirt can answer this for a path as it spells
//! it (`virStorageVolLookupByPath`); here the pool's folder is compared by device and inode.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::model::{FileFacts, FileKind, Pooled, quoted};
use crate::ports::{HypervisorError, HypervisorView, Located, Pool, StorageView};

use crate::xml::Source;

use super::SurveyError;

/// Pools whose volumes are the entries of a folder.
const FOLDERS: [&str; 4] = ["dir", "fs", "netfs", "vstorage"];
/// Pools whose volumes are no files of this host.
const NETWORK: [&str; 4] = ["rbd", "sheepdog", "gluster", "iscsi-direct"];

/// Whether a pool's volumes are the entries of a folder.
pub fn is_of_files(pool: &Pool) -> bool {
    FOLDERS.contains(&pool.kind.as_str())
}

struct Known {
    pool: Pool,
    folder: (u64, u64),
    /// By name, whether libvirt lists it. Asked one by one: a list of thousands costs more than
    /// the few files of the domains in question.
    volumes: RefCell<HashMap<String, bool>>,
}

impl Known {
    fn is_there(&self) -> bool {
        self.pool.active || self.pool.kind == "dir"
    }
}

pub(super) struct Pools<'a> {
    hypervisor: &'a dyn HypervisorView,
    storage: &'a dyn StorageView,
    known: Vec<Known>,
    /// Active pools that are no folders, and have their volumes here nevertheless.
    devices: Vec<Pool>,
    names: HashSet<String>,
    /// Pools whose volumes may be images and cannot be looked at, in words.
    hidden: Vec<String>,
    /// Volumes of these, once asked for.
    asked: RefCell<HashMap<(String, String), Option<PathBuf>>>,
}

impl<'a> Pools<'a> {
    pub(super) fn new(
        hypervisor: &'a dyn HypervisorView,
        storage: &'a dyn StorageView,
    ) -> Result<Self, SurveyError> {
        let mut pools = Self {
            hypervisor,
            storage,
            known: Vec::new(),
            devices: Vec::new(),
            names: HashSet::new(),
            hidden: Vec::new(),
            asked: RefCell::default(),
        };
        for pool in hypervisor.pools()? {
            pools.names.insert(pool.name.clone());
            if is_of_files(&pool) {
                pools.add_folder(pool);
            } else if NETWORK.contains(&pool.kind.as_str()) {
                continue;
            } else if pool.active {
                pools.devices.push(pool);
            } else {
                pools.hide(&pool, "which is not started");
            }
        }
        Ok(pools)
    }

    /// A pool that is not started serves no volumes; what lies in its folder is used all the same.
    fn add_folder(&mut self, pool: Pool) {
        let Some(target) = &pool.target else { return };
        // What may not be looked up is noted already.
        let Ok(resolved) = self.storage.resolve(target) else {
            return;
        };
        let facts = match self.storage.glance(&resolved.real) {
            Ok(Some(facts)) if facts.kind == FileKind::Directory => facts,
            Ok(_) => {
                self.hide(
                    &pool,
                    &format!("whose folder {} is not there", target.display()),
                );
                return;
            }
            Err(_) => return,
        };
        let unmounted = self.storage.unmounted();
        let place = unmounted.iter().find(|it| resolved.real.starts_with(it));
        if let Some(place) = place {
            let why = format!(
                "whose folder is at {}: nothing is mounted there",
                place.display()
            );
            self.hide(&pool, &why);
        }
        // To start one of these is to mount it: what lies in its folder before that is not its own.
        // So does it after somebody has unmounted it under a pool that libvirt takes for started.
        if place.is_none() && pool.kind != "dir" && !self.is_mounted(&resolved.real, &facts) {
            let why = match pool.active {
                true => format!("at whose folder {} nothing is mounted", target.display()),
                false => "which is not started".to_owned(),
            };
            self.hide(&pool, &why);
        }
        self.known.push(Known {
            folder: facts.identity.key(),
            pool,
            volumes: RefCell::default(),
        });
    }

    /// Whether another file system begins at the folder, as far as devices tell.
    fn is_mounted(&self, folder: &Path, facts: &FileFacts) -> bool {
        let above = folder.parent().map(|above| self.storage.glance(above));
        let device = |facts: &FileFacts| facts.identity.key().0;
        matches!(above, Some(Ok(Some(above))) if device(&above) != device(facts))
    }

    fn hide(&mut self, pool: &Pool, why: &str) {
        let name = &pool.name;
        let name = quoted(name);
        let first = match pool.active {
            true => format!("virsh pool-destroy {name}, then "),
            false => String::new(),
        };
        self.hidden.push(format!(
            "images in pool {}, {why} ({first}virsh pool-start {name}, or pool-undefine)",
            pool.name
        ));
    }

    /// Pools whose volumes could not be looked at, in words.
    pub(super) fn hidden(&self) -> &[String] {
        &self.hidden
    }

    /// The pools' folders, of those too that are not started.
    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.known
            .iter()
            .filter_map(|known| known.pool.target.as_deref())
    }

    /// Whether what is at a pool's place now is the pool's own: it is started, or needs no mount
    /// for it.
    pub(super) fn is_there(&self, pool: &str) -> bool {
        self.folder_of(pool).is_some_and(Known::is_there)
            || self.devices.iter().any(|device| device.name == pool)
    }

    /// Pools whose volumes are the files of a folder that is there.
    pub(super) fn of_files(&self) -> impl Iterator<Item = &Pool> {
        let there = self.known.iter().filter(|known| known.is_there());
        there.map(|known| &known.pool)
    }

    /// Active pools that share a folder, each with each.
    pub(super) fn beside(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let active = || self.known.iter().filter(|known| known.pool.active);
        for one in active() {
            for other in active() {
                if one.folder == other.folder && one.pool.name != other.pool.name {
                    pairs.push((one.pool.name.clone(), other.pool.name.clone()));
                }
            }
        }
        pairs
    }

    /// Pools with a folder that are not started.
    pub(super) fn stopped(&self) -> Vec<String> {
        let stopped = self.known.iter().filter(|known| !known.pool.active);
        stopped.map(|known| known.pool.name.clone()).collect()
    }

    /// Active pools whose volumes are devices.
    pub(super) fn devices(&self) -> &[Pool] {
        &self.devices
    }

    /// Whether libvirt has a pool of that name.
    pub(super) fn has(&self, pool: &str) -> bool {
        self.names.contains(pool)
    }

    /// The volume libvirt lists under this file's name. A file in a pool's folder that libvirt has
    /// not seen yet (no refresh since) belongs to no pool, as for virsh; of a pool that is not
    /// started libvirt has no list, and what it would list is its volume.
    pub(super) fn of(&self, path: &Path) -> Option<Pooled> {
        let name = path.file_name()?.to_str()?;
        let folder = self.storage.glance(path.parent()?).ok()??.identity.key();
        let all = || self.known.iter().filter(|known| known.folder == folder);
        let known = all()
            .find(|known| known.pool.active && self.lists(known, name))
            .or_else(|| all().find(|known| !known.pool.active))?;
        Some(Pooled {
            pool: known.pool.name.clone(),
            volume: name.to_owned(),
        })
    }

    /// Where a volume is or would be; of a folder's pool libvirt need not be asked.
    pub(super) fn path_of(&self, pool: &str, volume: &str) -> Option<PathBuf> {
        if let Some(known) = self.folder_of(pool) {
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

    /// The file of this host behind a source.
    pub(super) fn file(&self, source: &Source) -> Option<PathBuf> {
        match source {
            Source::File(path) | Source::Block(path) | Source::Dir(path) => Some(path.clone()),
            Source::Volume { pool, volume } => self.path_of(pool, volume),
            Source::None | Source::Network { .. } | Source::Other(_) => None,
        }
    }

    /// Where a volume is, for a domain's own disk.
    ///
    /// # Errors
    /// There is no such volume, or libvirt does not answer.
    pub(super) fn locate(&self, pool: &str, volume: &str) -> Result<Located, HypervisorError> {
        let stopped = self
            .folder_of(pool)
            .filter(|known| !known.pool.active && !volume.contains('/'));
        let Some(known) = stopped else {
            return self.hypervisor.volume(pool, volume);
        };
        let path = known.pool.target.as_ref().map(|folder| folder.join(volume));
        let found = path.and_then(|path| {
            let real = self.storage.resolve(&path).ok()?.real;
            let kind = match self.storage.glance(&real).ok()??.kind {
                FileKind::Directory => "dir",
                FileKind::BlockDevice => "block",
                _ => "file",
            };
            Some((path, kind.to_owned()))
        });
        match found {
            Some((path, kind)) => Ok(Located { path, kind }),
            None => Err(HypervisorError::NoSuchVolume {
                pool: pool.to_owned(),
                volume: volume.to_owned(),
                cause: format!(
                    "the pool is not started, and its folder holds no such file (virsh pool-start \
                     {})",
                    quoted(pool)
                ),
            }),
        }
    }

    fn folder_of(&self, pool: &str) -> Option<&Known> {
        self.known.iter().find(|known| known.pool.name == pool)
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
