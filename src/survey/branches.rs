//! Images that stand on a disk's own and that no disk names: overlays of branches that the guest
//! was reverted away from, which the snapshots' metadata names, and those that a crash has left of
//! a `<transient/>` disk. They stand on the same bases as the disk and are of no use without them,
//! so they go and come back with it. What shares nothing with the disk's chain (an image that has
//! been detached since) is left where it is, and told: see [`super::detached`].

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::model::{Definition, DiskFacts, DomainRef, User, UserKind};
use crate::xml::{
    DomainXml, EmbeddedDomain, SnapshotDisk, SnapshotKind, SnapshotXml, overlay_names,
};

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

    /// An overlay that a crash has left of a `<transient/>` disk: libvirt does not start the guest
    /// again before it is gone, and it is of no use without the disk. While the guest runs it is
    /// libvirt's, which deletes it at the guest's end.
    pub(super) fn left_overlays(
        &self,
        domain: &DomainRef,
        xml: &DomainXml,
        disks: &mut [DiskFacts],
    ) {
        for (read, disk) in xml.disks.iter().zip(disks) {
            let Some(path) = self.pools.file(&read.source).filter(|_| read.transient) else {
                continue;
            };
            for overlay in overlay_names(&path, &domain.name) {
                if let Some(real) = self.branch(domain.uuid, disk, &overlay, "qcow2") {
                    let is_it = |user: &User| {
                        user.kind == UserKind::Image && user.name == real.display().to_string()
                    };
                    let below = disk.chain.iter_mut().map(|link| &mut link.file);
                    for file in disk.file.iter_mut().chain(below) {
                        file.users.retain(|user| !is_it(user));
                    }
                }
            }
        }
    }

    /// The answer is the real path of the branch's top, if there is a branch.
    fn branch(
        &self,
        owner: Uuid,
        disk: &mut DiskFacts,
        path: &Path,
        format: &str,
    ) -> Option<PathBuf> {
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
            return None;
        }
        let top = layers.first().filter(|_| own > 0)?.path.clone();
        layers.truncate(own);
        let branch = layers
            .into_iter()
            .enumerate()
            .map(|(depth, layer)| self.below(owner, layer, depth == 0));
        disk.chain.extend(branch);
        Some(top)
    }
}

/// The images that a snapshot names for a disk, with their formats: its overlays, and what the
/// guest had there then.
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
