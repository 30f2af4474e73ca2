//! Every domain's backing chains in one call.

use std::path::PathBuf;

use uuid::Uuid;

use super::{Libvirt, sys};
use crate::model::DomainRef;
use crate::ports::{BackingChain, HypervisorError};

impl Libvirt {
    pub(super) fn read_backing_chains(&self) -> Result<Vec<BackingChain>, HypervisorError> {
        let records = sys::block_statistics(&self.connection)
            .map_err(self.failed("reading the backing chains"))?;
        Ok(records.into_iter().flat_map(chains).collect())
    }
}

/// `block.N.name` is the target, `block.N.path` the image's path where it has one; N runs on from
/// a disk to its backing images and to the next disk (virConnectGetAllDomainStats' page).
fn chains(record: sys::Record) -> Vec<BackingChain> {
    let domain = DomainRef {
        name: record.name,
        uuid: Uuid::from_bytes(record.uuid),
    };
    let mut chains: Vec<BackingChain> = Vec::new();
    for (field, value) in record.texts {
        let mut words = field.splitn(3, '.').skip(2);
        match words.next() {
            Some("name") if chains.last().is_none_or(|chain| chain.target != value) => {
                chains.push(BackingChain {
                    domain: domain.clone(),
                    target: value,
                    images: Vec::new(),
                });
            }
            Some("path") => {
                if let Some(chain) = chains.last_mut() {
                    chain.images.push(PathBuf::from(value));
                }
            }
            _ => {}
        }
    }
    chains
}
