//! Several domains in one command: what leaves with them is nobody's user. A template and its
//! clones go together in any order of their names, the clones first; a base that several share goes
//! with the last of them. Each plan is the one that the domain would have after those before it are
//! gone.

use std::collections::HashSet;

use crate::model::{Artefact, DomainFacts, Fate, FileRef, Plan, Removal, Step, Taken, UserKind};

use super::plan;

/// Plans these domains, each with its flags. The answer is in the order in which they can be
/// retired, with each domain's index in `all`; those that are refused come last.
pub fn batch(all: &[(&DomainFacts, &Removal)]) -> Vec<(usize, Plan)> {
    let mut gone: Vec<Gone> = Vec::new();
    let mut planned: Vec<(usize, Plan)> = Vec::new();
    let mut left: Vec<usize> = (0..all.len()).collect();
    loop {
        let before = left.len();
        left.retain(|index| {
            let (facts, removal) = all[*index];
            let plan = plan(&without(facts, &gone), removal);
            if plan.is_executable() {
                gone.push(Gone::new(facts, &plan));
                planned.push((*index, plan));
                return false;
            }
            true
        });
        if left.len() == before {
            break;
        }
    }
    planned.extend(left.into_iter().map(|index| {
        let (facts, removal) = all[index];
        (index, plan(&without(facts, &gone), removal))
    }));
    planned
}

/// A domain that is retired before others of its batch.
struct Gone<'a> {
    name: &'a str,
    /// Inodes that it leaves behind or stands on with what it leaves: of these it remains a user.
    needs: HashSet<(u64, u64)>,
}

impl<'a> Gone<'a> {
    fn new(facts: &'a DomainFacts, plan: &Plan) -> Self {
        let mut needs = HashSet::new();
        let mut need = |file: &FileRef| {
            needs.insert(file.facts.identity.key());
        };
        // The disks of a plan are those of the facts, in their order.
        for (disk, planned) in facts.disks.iter().zip(&plan.disks) {
            if planned.fate != Fate::Quarantine {
                disk.file.iter().chain(&disk.links).for_each(&mut need);
                for link in &disk.chain {
                    link.links.iter().chain([&link.file]).for_each(&mut need);
                }
            }
        }
        for one in &facts.detached {
            need(&one.file);
            for link in &one.chain {
                link.links.iter().chain([&link.file]).for_each(&mut need);
            }
        }
        let moved: HashSet<_> = plan
            .steps
            .iter()
            .filter_map(Step::taken)
            .map(Taken::path)
            .collect();
        for artefact in &facts.artefacts {
            match artefact {
                Artefact::ManagedSave(file)
                | Artefact::Nvram(file)
                | Artefact::TpmState(file)
                | Artefact::SnapshotMemory { file, .. }
                    if !moved.contains(file.path.as_path()) =>
                {
                    need(file);
                }
                _ => {}
            }
        }
        Self {
            name: &facts.domain.name,
            needs,
        }
    }
}

/// The same facts as they will be then.
fn without(facts: &DomainFacts, gone: &[Gone]) -> DomainFacts {
    let mut facts = facts.clone();
    if gone.is_empty() {
        return facts;
    }
    let forget = |file: &mut FileRef| {
        let key = file.facts.identity.key();
        file.users.retain(|user| {
            user.kind != UserKind::Domain
                || !gone
                    .iter()
                    .any(|one| one.name == user.name && !one.needs.contains(&key))
        });
    };
    for disk in &mut facts.disks {
        disk.file.iter_mut().chain(&mut disk.links).for_each(forget);
        for link in &mut disk.chain {
            link.links
                .iter_mut()
                .chain([&mut link.file])
                .for_each(forget);
        }
    }
    for one in &mut facts.detached {
        forget(&mut one.file);
        for link in &mut one.chain {
            link.links
                .iter_mut()
                .chain([&mut link.file])
                .for_each(forget);
        }
    }
    for artefact in &mut facts.artefacts {
        match artefact {
            Artefact::ManagedSave(file)
            | Artefact::Nvram(file)
            | Artefact::TpmState(file)
            | Artefact::SnapshotMemory { file, .. } => forget(file),
            Artefact::NvramElsewhere(_) => {}
        }
    }
    facts
}
