//! The order of effects: save everything, undefine, look again that nobody started the domain,
//! move files, make the pools' lists true.
//!
//! Undefine comes before the moves because nobody can start a domain that is not defined; the
//! other order would let them start it on half its disks.

use std::collections::HashSet;

use crate::model::{DomainFacts, FileMove, Removal, Step, StorageItem, UndefineCall};

use super::{artefacts, disks};

pub fn list(
    facts: &DomainFacts,
    removal: &Removal,
    disks: &[disks::Decided],
    artefacts: &artefacts::Decided,
) -> Vec<Step> {
    let definition = &facts.definition;
    let runs_on = facts.active && !removal.stop_first;
    let mut steps = vec![Step::SaveDefinition {
        bytes: definition.xml.reveal().len() as u64,
    }];
    if definition.autostart.always || definition.autostart.once {
        steps.push(Step::SaveAutostart {
            always: definition.autostart.always,
            once: definition.autostart.once,
        });
    }
    if !definition.snapshots.is_empty() {
        steps.push(Step::SaveSnapshots {
            names: definition
                .snapshots
                .iter()
                .map(|snapshot| snapshot.name.clone())
                .collect(),
            bytes: definition
                .snapshots
                .iter()
                .map(|snapshot| snapshot.xml.reveal().len() as u64)
                .sum(),
        });
    }
    if !definition.checkpoints.is_empty() {
        steps.push(Step::SaveCheckpoints {
            names: definition
                .checkpoints
                .iter()
                .map(|checkpoint| checkpoint.name.clone())
                .collect(),
            bytes: definition
                .checkpoints
                .iter()
                .map(|checkpoint| checkpoint.xml.reveal().len() as u64)
                .sum(),
        });
    }
    steps.extend(artefacts.managed_save.clone().map(Step::LinkManagedSave));
    steps.extend(artefacts.copies.iter().cloned().map(Step::CopyState));
    if facts.active && removal.stop_first {
        if !facts.persistent {
            steps.push(Step::MakePersistent);
        }
        steps.push(Step::Stop {
            graceful: removal.graceful,
        });
    }
    steps.push(Step::Undefine(UndefineCall {
        managed_save: artefacts.managed_save.is_some(),
        snapshots_metadata: !definition.snapshots.is_empty() && !runs_on,
        checkpoints_metadata: !definition.checkpoints.is_empty() && !runs_on,
        keep_nvram: true,
        keep_tpm: true,
    }));
    if !runs_on {
        steps.push(Step::ConfirmInactive);
    }

    let mut seen = HashSet::new();
    let mut pools = Vec::new();
    let moves = artefacts
        .moves
        .iter()
        .chain(disks.iter().flat_map(|disk| &disk.moves));
    for file in moves {
        // Two disks may share a private base; it moves once. Paths, not inodes: of a file with two
        // names, both names go.
        if seen.insert(file.path.clone()) {
            remember_pool(file, &mut pools);
            steps.push(Step::Quarantine(StorageItem::File(file.clone())));
        }
    }
    for (pool, other) in &facts.pools_beside {
        if pools.contains(pool) && !pools.contains(other) {
            pools.push(other.clone());
        }
    }
    pools.retain(|pool| !facts.pools_stopped.contains(pool));
    steps.extend(pools.into_iter().map(|pool| Step::RefreshPool { pool }));
    steps
}

fn remember_pool(file: &FileMove, pools: &mut Vec<String>) {
    if let Some(pooled) = &file.pooled
        && !pools.contains(&pooled.pool)
    {
        pools.push(pooled.pool.clone());
    }
}
