//! Storage pools and volumes, as libvirt lists them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{MutexGuard, PoisonError};

use virt::error::{Error, ErrorNumber};
use virt::storage_pool::StoragePool;

use super::{Libvirt, errors};
use crate::ports::{HypervisorError, Located, Pool, Refreshed, Volume};
use crate::xml::{PoolXml, VolumeXml};

impl Libvirt {
    /// A host without libvirt's storage driver has no pools.
    pub(super) fn list_pools(&self) -> Result<Vec<Pool>, HypervisorError> {
        let call = "listing the pools";
        let found = match self.connection.list_all_storage_pools(0) {
            Ok(found) => found,
            Err(error) if errors::is(&error, ErrorNumber::NoSupport) => return Ok(Vec::new()),
            Err(error) => return Err(self.classify(call, &error)),
        };
        let mut pools = Vec::with_capacity(found.len());
        for pool in found {
            let facts = pool
                .is_active()
                .and_then(|active| Ok((active, pool.xml_desc(0)?)));
            let (active, xml) = match facts {
                Ok(facts) => facts,
                // Gone since it was listed.
                Err(error) if errors::is(&error, ErrorNumber::NoStoragePool) => continue,
                Err(error) => return Err(self.classify(call, &error)),
            };
            let read = PoolXml::read(&xml).map_err(errors::xml("a pool"))?;
            pools.push(Pool {
                name: read.name,
                kind: read.kind,
                active,
                target: read.target,
            });
        }
        Ok(pools)
    }

    /// One list, and one call for each volume's XML.
    pub(super) fn list_volumes(&self, name: &str) -> Result<Vec<Volume>, HypervisorError> {
        let call = "listing a pool's volumes";
        let failed = self.failed(call);
        let mut volumes = Vec::new();
        let listed = self.in_pool(name, |pool| pool.list_all_volumes(0));
        for volume in listed.map_err(&failed)? {
            match volume.xml_desc(0) {
                Ok(xml) => volumes.push(describe(name, &xml)?),
                // Gone since it was listed.
                Err(error) if errors::is(&error, ErrorNumber::NoStorageVolume) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(volumes)
    }

    /// One look-up and no XML.
    pub(super) fn lists_volume(&self, pool: &str, volume: &str) -> Result<bool, HypervisorError> {
        match self.in_pool(pool, |found| found.lookup_storage_vol_by_name(volume)) {
            Ok(_) => Ok(true),
            Err(error)
                if errors::is(&error, ErrorNumber::NoStoragePool)
                    || errors::is(&error, ErrorNumber::NoStorageVolume) =>
            {
                Ok(false)
            }
            Err(error) => Err(self.classify("looking up a volume", &error)),
        }
    }

    pub(super) fn find_volume(&self, pool: &str, volume: &str) -> Result<Located, HypervisorError> {
        let missing = |error| self.no_such_volume(pool, volume, &error);
        let found = self
            .in_pool(pool, |found| found.lookup_storage_vol_by_name(volume))
            .map_err(missing)?;
        let path = PathBuf::from(found.path().map_err(missing)?);
        let kind = if path.is_absolute() && path.is_file() {
            "file".into()
        } else {
            // No file of this host, or a kind of libvirt's own (ploop): nothing that has a header
            // to be read.
            describe(pool, &found.xml_desc(0).map_err(missing)?)?.kind
        };
        Ok(Located { path, kind })
    }

    pub(super) fn describe_volume(
        &self,
        pool: &str,
        volume: &str,
    ) -> Result<String, HypervisorError> {
        self.in_pool(pool, |found| found.lookup_storage_vol_by_name(volume))
            .and_then(|found| found.xml_desc(0))
            .map_err(|error| self.no_such_volume(pool, volume, &error))
    }

    /// Asks a pool that was looked up before, and looks it up anew where that one has gone: another
    /// may have its name by now.
    fn in_pool<T>(
        &self,
        name: &str,
        ask: impl Fn(&StoragePool) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let known = self.known_pools().get(name).cloned();
        if let Some(pool) = known {
            match ask(&pool) {
                Err(error) if errors::is(&error, ErrorNumber::NoStoragePool) => {}
                answer => return answer,
            }
        }
        let pool = self.connection.lookup_storage_pool_by_name(name)?;
        let answer = ask(&pool);
        self.known_pools().insert(name.to_owned(), pool);
        answer
    }

    fn known_pools(&self) -> MutexGuard<'_, HashMap<String, StoragePool>> {
        self.known_pools
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn no_such_volume(&self, pool: &str, volume: &str, error: &Error) -> HypervisorError {
        match self.classify("looking up a volume", error) {
            HypervisorError::Refused { cause, .. } => HypervisorError::NoSuchVolume {
                pool: pool.to_owned(),
                volume: volume.to_owned(),
                cause,
            },
            other => other,
        }
    }

    /// Where libvirt cannot read what it finds, it leaves the pool stopped, and every guest with a
    /// volume in it would fail to start: then it is started again.
    pub(super) fn refresh(&self, name: &str) -> Result<Refreshed, HypervisorError> {
        let failed = self.failed("refreshing a pool");
        let pool = match self.connection.lookup_storage_pool_by_name(name) {
            Ok(pool) => pool,
            Err(error) if errors::is(&error, ErrorNumber::NoStoragePool) => {
                return Ok(Refreshed::NoList);
            }
            Err(error) => return Err(failed(error)),
        };
        let Err(error) = pool.refresh(0) else {
            return Ok(Refreshed::Done);
        };
        // Asked afterwards: somebody may have stopped it a moment ago, which is not ours to undo,
        // and then libvirt says that the operation is not valid.
        if !has_no_list(&pool) {
            return Err(failed(error));
        }
        if is_not_active(&error) {
            return Ok(Refreshed::NoList);
        }
        let cause = error.message().to_owned();
        Ok(match pool.create(0) {
            Ok(()) => Refreshed::Restarted { cause },
            // Somebody was quicker.
            Err(_) if !has_no_list(&pool) => Refreshed::Restarted { cause },
            Err(_) => Refreshed::Stopped { cause },
        })
    }

    pub(super) fn forget(&self, pool: &str, volume: &str) -> Result<(), HypervisorError> {
        let found = self.in_pool(pool, |found| found.lookup_storage_vol_by_name(volume));
        match found.and_then(|found| found.delete(0)) {
            Ok(()) => Ok(()),
            Err(error)
                if errors::is(&error, ErrorNumber::NoStoragePool)
                    || errors::is(&error, ErrorNumber::NoStorageVolume) =>
            {
                Ok(())
            }
            Err(error) => Err(self.classify("taking a volume off its pool's list", &error)),
        }
    }
}

fn has_no_list(pool: &StoragePool) -> bool {
    match pool.is_active() {
        Ok(active) => !active,
        Err(error) => errors::is(&error, ErrorNumber::NoStoragePool),
    }
}

fn is_not_active(error: &Error) -> bool {
    errors::is(error, ErrorNumber::OperationInvalid)
        || errors::is(error, ErrorNumber::NoStoragePool)
}

fn describe(pool: &str, xml: &str) -> Result<Volume, HypervisorError> {
    let read = VolumeXml::read(xml).map_err(errors::xml(format!("a volume of pool {pool}")))?;
    Ok(Volume {
        pool: pool.to_owned(),
        name: read.name,
        path: read.path,
        kind: read.kind,
        format: read.format,
        backing: read.backing,
    })
}
