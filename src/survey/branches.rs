//! Images that only the snapshots' metadata names: overlays of branches that the guest was reverted
//! away from. They stand on the same bases as the disk and are of no use without them, so they go
//! and come back with it. What shares nothing with the disk's chain (an image that has been detached
//! since) is left where it is, and told: see [`super::detached`].

use std::collections::HashSet;
use std::path::PathBuf;

use uuid::Uuid;

use crate::model::{Definition, DiskFacts};
use crate::xml::{EmbeddedDomain, SnapshotDisk, SnapshotKind, SnapshotXml};

use super::chain::{self, Start};
use super::{Survey, SurveyError, not_understood};

impl Survey<'_> {
    /// Adds to each disk's chain the branches that the snapshots name.
    pub(super) fn branches(
        &self,
        owner: Uuid,
        definition: &Definition,
        disks: &mut [DiskFacts],
    ) -> Result<(), SurveyError> {
        for snapshot in &definition.snapshots {
            let read = SnapshotXml::read(snapshot.xml.reveal())
                .map_err(|error| not_understood(&snapshot.name, &error))?;
            for disk in disks.iter_mut() {
                for (path, format) in named(&read, &disk.target) {
                    self.branch(owner, disk, &path, &format);
                }
            }
        }
        Ok(())
    }

    fn branch(&self, owner: Uuid, disk: &mut DiskFacts, path: &std::path::Path, format: &str) {
        let known: HashSet<(u64, u64)> = disk
            .file
            .iter()
            .chain(disk.chain.iter().map(|link| &link.file))
            .map(|file| file.facts.identity.key())
            .collect();
        let walk = chain::walk(self.storage, Start::of(path, Some(format)));
        let stranger = |layer: &chain::Layer| !known.contains(&layer.facts.identity.key());
        let mut layers = walk.layers;
        let own = layers.iter().take_while(|layer| stranger(layer)).count();
        // It must end at an image of the disk's own chain, which a walk that failed may not reach.
        if own == layers.len() {
            return;
        }
        layers.truncate(own);
        let branch = layers
            .into_iter()
            .enumerate()
            .map(|(depth, layer)| self.below(owner, layer, depth == 0));
        disk.chain.extend(branch);
    }
}

/// The images that a snapshot names for a disk, with their formats: its overlays, and what the guest
/// had there then.
fn named(snapshot: &SnapshotXml, target: &str) -> Vec<(PathBuf, String)> {
    let overlays = (snapshot.disks.iter().chain(&snapshot.revert_disks))
        .filter(|disk: &&SnapshotDisk| disk.target == target && disk.kind == SnapshotKind::External)
        .filter_map(|disk| Some((disk.source.path()?.to_owned(), "qcow2".to_owned())));
    let domains = snapshot.domain.iter().chain(&snapshot.inactive_domain);
    let states = domains
        .flat_map(|domain: &EmbeddedDomain| &domain.disks)
        .filter(|disk| disk.target == target)
        .filter_map(|disk| {
            let format = disk.format.clone().unwrap_or_else(|| "raw".to_owned());
            Some((disk.source.path()?.to_owned(), format))
        });
    overlays.chain(states).collect()
}
