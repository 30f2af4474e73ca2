//! From a file to the pool and the volume it is. libvirt can answer this for a path as it spells
//! it (`virStorageVolLookupByPath`); here the pool's folder is compared by device and inode.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::path::Path;

use crate::model::{FileKind, Pooled};
use crate::ports::{Hypervisor, Pool, Storage};

use super::SurveyError;

struct Known {
    pool: Pool,
    folder: (u64, u64),
    /// Asked for when the first file of the folder is looked up.
    volumes: OnceCell<HashSet<String>>,
}

pub(super) struct Pools<'a> {
    hypervisor: &'a dyn Hypervisor,
    storage: &'a dyn Storage,
    known: Vec<Known>,
}

impl<'a> Pools<'a> {
    pub(super) fn new(
        hypervisor: &'a dyn Hypervisor,
        storage: &'a dyn Storage,
    ) -> Result<Self, SurveyError> {
        let mut known = Vec::new();
        for pool in hypervisor.pools()?.into_iter().filter(|pool| pool.active) {
            let Some(target) = &pool.target else { continue };
            // A pool without a folder here (RBD's target is no path) holds no file of ours.
            let Ok(resolved) = storage.resolve(target) else {
                continue;
            };
            if let Ok(Some(facts)) = storage.facts(&resolved.real)
                && facts.kind == FileKind::Directory
            {
                known.push(Known {
                    folder: facts.identity.key(),
                    pool,
                    volumes: OnceCell::new(),
                });
            }
        }
        Ok(Self {
            hypervisor,
            storage,
            known,
        })
    }

    /// The volume libvirt lists under this file's name. A file in a pool's folder that libvirt has
    /// not seen yet (no refresh since) belongs to no pool, as for virsh.
    pub(super) fn of(&self, path: &Path) -> Option<Pooled> {
        let name = path.file_name()?.to_str()?;
        let folder = self.storage.facts(path.parent()?).ok()??.identity.key();
        let known = self.known.iter().find(|known| known.folder == folder)?;
        let volumes = known.volumes.get_or_init(|| {
            self.hypervisor
                .volumes(&known.pool.name)
                .map(|volumes| volumes.into_iter().map(|volume| volume.name).collect())
                .unwrap_or_default()
        });
        volumes.contains(name).then(|| Pooled {
            pool: known.pool.name.clone(),
            volume: name.to_owned(),
        })
    }
}
