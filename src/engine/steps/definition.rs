//! The quarantine folders with manifest and XML: written first, removed last.

use std::path::{Path, PathBuf};

use crate::journal::manifest;
use crate::model::Transaction;
use crate::ports::Moved;

use super::super::World;
use super::super::error::Failure;

pub(super) const SNAPSHOTS: &str = "snapshots";
pub(super) const CHECKPOINTS: &str = "checkpoints";

pub(super) fn save(world: &World, transaction: &Transaction) -> Result<Moved, Failure> {
    for folder in transaction.folders() {
        world.storage.make_folder(&folder)?;
    }
    write(world, transaction, None)
}

/// Writes the manifest's files of one sub-folder, or those at the top, into every folder of the
/// transaction: whoever finds one of them can restore from it.
pub(super) fn write(
    world: &World,
    transaction: &Transaction,
    below: Option<&str>,
) -> Result<Moved, Failure> {
    let mut files = manifest::files_for(transaction)
        .map_err(|error| Failure::Unfit(format!("cannot write the manifest: {error}")))?;
    if below.is_none() {
        let proof = proof(world, &files)?;
        // First: a record is never without it.
        files.insert(0, (manifest::PROOF.into(), proof));
    }
    for folder in transaction.folders() {
        if let Some(below) = below {
            world.storage.make_folder(&folder.join(below))?;
        }
        for (name, bytes) in &files {
            if name.parent().filter(|parent| *parent != Path::new("")) == below.map(Path::new) {
                world.storage.write(&folder.join(name), bytes)?;
            }
        }
    }
    Ok(Moved::Now)
}

/// What proves the record and the manifest ours.
fn proof(world: &World, files: &[(PathBuf, Vec<u8>)]) -> Result<Vec<u8>, Failure> {
    let named = |wanted: &str| {
        let file = files.iter().find(|(name, _)| name == Path::new(wanted));
        file.map_or(&[][..], |(_, bytes)| bytes)
    };
    let (record, manifest) = (named(manifest::RECORD), named(manifest::MANIFEST));
    Ok(world.quarantine.prove(record, manifest)?)
}

pub(super) fn drop(world: &World, transaction: &Transaction) -> Result<Moved, Failure> {
    for folder in transaction.folders() {
        world.storage.remove_folder(&folder)?;
    }
    Ok(Moved::Now)
}
