//! The quarantine folders with manifest and XML: written first, removed last.

use std::path::{Path, PathBuf};

use crate::journal::manifest;
use crate::model::{EventKind, Transaction};
use crate::ports::Moved;

use super::super::World;
use super::super::error::Failure;
use super::Effect;

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

/// The folders and what was written there. What somebody else put there is his, and stays.
pub(super) fn drop(world: &World, transaction: &Transaction) -> Result<Effect, Failure> {
    let names = names(transaction)?;
    let mut events = Vec::new();
    for folder in transaction.folders() {
        let strange = world.storage.remove_folder(&folder, &names)?;
        events.extend(strange.iter().map(|path| EventKind::Noted {
            text: not_ours(path),
        }));
    }
    Ok(Effect::telling(Moved::Now, events))
}

/// The files of a transaction's record, as they are called in each of its folders.
pub(in crate::engine) fn names(transaction: &Transaction) -> Result<Vec<PathBuf>, Failure> {
    let files = manifest::files_for(transaction)
        .map_err(|error| Failure::Unfit(format!("the manifest's names: {error}")))?;
    let mut names: Vec<PathBuf> = files.into_iter().map(|(name, _)| name).collect();
    names.push(manifest::PROOF.into());
    Ok(names)
}

pub(in crate::engine) fn not_ours(path: &Path) -> String {
    format!(
        "{} is not of this transaction, and was not touched",
        path.display()
    )
}
