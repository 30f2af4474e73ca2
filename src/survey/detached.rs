//! Images of disks that have been detached since: no disk of the domain has them, and the metadata
//! of a snapshot or a checkpoint still names them.

use std::collections::HashSet;

use uuid::Uuid;

use crate::model::{Access, Definition, DetachedFacts, Device, DiskFacts, FileRef, Reason};
use crate::xml::{CheckpointXml, DiskXml, SnapshotKind, SnapshotXml, Source};

use super::chain::{self, Start};
use super::{Survey, SurveyError, not_understood};

/// One image as a snapshot or a checkpoint names it.
struct Named {
    target: String,
    remembered_by: String,
    access: Access,
    source: Source,
    format: String,
}

impl Survey<'_> {
    /// After [`Survey::branches`]: what is part of a disk's tree is not looked for here.
    pub(super) fn detached(
        &self,
        owner: Uuid,
        definition: &Definition,
        disks: &[DiskFacts],
    ) -> Result<Vec<DetachedFacts>, SurveyError> {
        let mut known: HashSet<(u64, u64)> = disks
            .iter()
            .flat_map(files)
            .map(|file| file.facts.identity.key())
            .collect();
        let mut found = Vec::new();
        for named in remembered(definition)? {
            let Some(path) = self.pools.file(&named.source) else {
                continue;
            };
            let walk = chain::walk(self.storage, Start::of(&path, Some(&named.format)));
            let mut layers = walk.layers.into_iter();
            // What is not there any more needs no word.
            let Some(top) = layers.next() else { continue };
            if !known.insert(top.facts.identity.key()) {
                continue;
            }
            found.push(DetachedFacts {
                target: named.target,
                remembered_by: named.remembered_by,
                reason: Reason::Detached,
                access: named.access,
                file: self.reached(owner, top.path, top.facts, top.planted),
                chain: layers
                    .map(|layer| self.below(owner, layer, false))
                    .collect(),
            });
        }
        Ok(found)
    }
}

fn files(disk: &DiskFacts) -> impl Iterator<Item = &FileRef> {
    let chain = disk.chain.iter().map(|link| &link.file);
    disk.file.iter().chain(chain)
}

/// Every image that the metadata names, removable media excepted: those are nobody's but the
/// host's.
fn remembered(definition: &Definition) -> Result<Vec<Named>, SurveyError> {
    let mut all = Vec::new();
    for snapshot in &definition.snapshots {
        let read = SnapshotXml::read(snapshot.xml.reveal())
            .map_err(|error| not_understood(&snapshot.name, &error))?;
        let by = format!("snapshot {}", snapshot.name);
        let domains = read.domain.iter().chain(&read.inactive_domain);
        all.extend(domains.flat_map(|domain| as_disks(&domain.disks, &by)));
        let overlays = read.disks.iter().chain(&read.revert_disks);
        all.extend(
            overlays
                .filter(|disk| disk.kind == SnapshotKind::External)
                .map(|disk| Named {
                    target: disk.target.clone(),
                    remembered_by: by.clone(),
                    access: Access::ReadWrite,
                    source: disk.source.clone(),
                    format: "qcow2".to_owned(),
                }),
        );
    }
    for checkpoint in &definition.checkpoints {
        let read = CheckpointXml::read(checkpoint.xml.reveal())
            .map_err(|error| not_understood(&checkpoint.name, &error))?;
        let by = format!("checkpoint {}", checkpoint.name);
        let domains = read.domain.iter();
        all.extend(domains.flat_map(|domain| as_disks(&domain.disks, &by)));
    }
    Ok(all)
}

fn as_disks<'a>(disks: &'a [DiskXml], by: &'a str) -> impl Iterator<Item = Named> + 'a {
    disks
        .iter()
        .filter(|disk| !matches!(disk.device, Device::Cdrom | Device::Floppy))
        .map(|disk| Named {
            target: disk.target.clone(),
            remembered_by: by.to_owned(),
            access: Access::of(disk.readonly, disk.shareable),
            source: disk.source.clone(),
            format: disk.format.clone().unwrap_or_else(|| "raw".to_owned()),
        })
}
