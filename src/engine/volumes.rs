//! What libvirt says of the pool volumes among a domain's disks, for the record (law 7).

use std::path::PathBuf;

use crate::model::{Plan, Pooled, SavedVolume, Step};
use crate::ports::HypervisorError;

use super::World;
use super::error::EngineError;

/// Each volume once, whether it goes or stays; of one that libvirt does not tell of (its pool is
/// not started), why.
///
/// # Errors
/// libvirt went away.
pub(super) fn described(world: &World, plan: &Plan) -> Result<Vec<SavedVolume>, EngineError> {
    let mut volumes: Vec<SavedVolume> = Vec::new();
    for (pooled, path) in pooled(plan) {
        if volumes.iter().all(|one| one.pooled != pooled) {
            let xml = described_one(world, &pooled, &path)?;
            volumes.push(SavedVolume { pooled, path, xml });
        }
    }
    Ok(volumes)
}

fn pooled(plan: &Plan) -> impl Iterator<Item = (Pooled, PathBuf)> {
    let disks = plan
        .disks
        .iter()
        .filter_map(|disk| Some((disk.pooled.clone()?, disk.path.clone()?)));
    let moved = plan
        .steps
        .iter()
        .filter_map(Step::file)
        .filter_map(|file| Some((file.pooled.clone()?, file.path.clone())));
    disks.chain(moved)
}

/// libvirt reads the volume's header for its XML, and the file's access time would tell of that.
fn described_one(
    world: &World,
    pooled: &Pooled,
    path: &std::path::Path,
) -> Result<Result<String, String>, EngineError> {
    let storage = world.storage;
    let before = storage.accessed(path).ok().flatten();
    let xml = world.hypervisor.volume_xml(&pooled.pool, &pooled.volume);
    if let Some(before) = before
        && storage.accessed(path).ok().flatten() != Some(before)
        && let Ok(Some(now)) = storage.glance(path)
        // Who does not own the file may not set its times.
        && let Err(error) = storage.set_accessed(path, &now.identity, before)
    {
        tracing::debug!(%error, "access time not kept");
    }
    match xml {
        Ok(xml) => Ok(Ok(xml)),
        Err(error @ (HypervisorError::Lost { .. } | HypervisorError::Unreachable { .. })) => {
            Err(error.into())
        }
        Err(error) => Ok(Err(error.to_string())),
    }
}
