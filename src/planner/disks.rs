//! The disks of one domain together: rules first, then law 5 and 6 over whole chains.

use crate::model::{
    ChainFacts, ChainLink, DiskFacts, DiskPlan, DomainFacts, Fate, FileKind, FileMove, FileRef,
    FileRole, RUNNING_GUEST, Reason, Refusal, Removal,
};

use super::fate;
use super::kept::{self, KeptFile};
use super::obstacles::{all_users, misnamed, obstacle, undecided};

/// One disk with its fate, and the files that this fate moves.
pub struct Decided {
    pub plan: DiskPlan,
    pub moves: Vec<FileMove>,
}

impl Decided {
    pub fn moves(&self) -> bool {
        self.plan.fate == Fate::Quarantine
    }
}

pub fn decide(facts: &DomainFacts, removal: &Removal, refusals: &mut Vec<Refusal>) -> Vec<Decided> {
    let flags = &removal.storage;
    refusals.extend(misnamed(facts, flags));
    let fates: Vec<_> = facts
        .disks
        .iter()
        .map(|disk| fate::of(disk, facts.policy.default, flags))
        .collect();
    let kept = kept::files(facts, fates.iter().map(|(fate, _)| *fate));
    facts
        .disks
        .iter()
        .zip(fates)
        .map(|(disk, (fate, reason))| {
            let (fate, reason) = match fate {
                Fate::Quarantine => match obstacle(facts, removal, disk, &kept) {
                    Some((reason, refusal)) => {
                        refusals.push(refusal);
                        (Fate::Refuse, reason)
                    }
                    None => (fate, reason),
                },
                Fate::Refuse => {
                    refusals.push(undecided(disk));
                    (fate, reason)
                }
                Fate::Keep => (fate, reason),
            };
            decided(facts, disk, fate, reason, &kept)
        })
        .collect()
}

fn decided(
    facts: &DomainFacts,
    disk: &DiskFacts,
    fate: Fate,
    reason: Reason,
    kept: &[KeptFile],
) -> Decided {
    let mut moves = Vec::new();
    if fate == Fate::Quarantine {
        let target = || disk.target.clone();
        let links = disk
            .links
            .iter()
            .map(|link| moved(link, FileRole::Link { target: target() }));
        moves.extend(links);
        moves.extend(
            disk.file
                .iter()
                .map(|file| moved(file, FileRole::Disk { target: target() })),
        );
    }
    let mut above_goes = fate == Fate::Quarantine;
    let mut chain = Vec::new();
    for link in &disk.chain {
        if link.begins_branch {
            above_goes = fate == Fate::Quarantine;
        }
        let goes = above_goes && !stays(link, kept);
        // What a kept image depends on stays too. A data file has nothing below it, so it does not
        // decide for the images that follow.
        if !link.is_data_file {
            above_goes = goes;
        }
        chain.push(ChainLink {
            path: link.file.path.clone(),
            fate: if goes { Fate::Quarantine } else { Fate::Keep },
            facts: (fate == Fate::Quarantine && !goes).then(|| link.file.facts.clone()),
            used_by: match fate == Fate::Quarantine && !goes {
                true => all_users(facts, &link.file, kept),
                false => link.file.users.clone(),
            },
            reason: (!goes).then(|| link.unread.clone()).flatten(),
        });
        if goes {
            let target = disk.target.clone();
            moves.extend(link.links.iter().map(|link| {
                let target = target.clone();
                moved(link, FileRole::Link { target })
            }));
            moves.push(moved(
                &link.file,
                if link.is_data_file {
                    FileRole::DataFile { target }
                } else {
                    FileRole::Backing { target }
                },
            ));
        }
    }
    // Told where they are, though there is nothing to be done about them.
    if fate == Fate::Quarantine {
        let apart = disk.unreadable.iter().filter(|one| one.is_apart);
        chain.extend(apart.map(|one| ChainLink {
            path: one.path.clone(),
            fate: Fate::Keep,
            used_by: Vec::new(),
            facts: None,
            reason: Some(one.cause.clone()),
        }));
    }
    let path = disk
        .file
        .as_ref()
        .map(|file| file.path.clone())
        .or_else(|| disk.source.as_ref().map(Into::into));
    let used_by = match &disk.file {
        // A disk that is undecided counts as kept, but is no user of itself.
        Some(file) if reason == Reason::InUse => all_users(facts, file, kept),
        Some(file) => file.users.clone(),
        None => Vec::new(),
    };
    Decided {
        plan: DiskPlan {
            target: disk.target.clone(),
            spelled: disk
                .source
                .clone()
                .filter(|source| path.as_deref() != Some(std::path::Path::new(source))),
            path,
            pooled: disk.file.as_ref().and_then(|file| file.pooled.clone()),
            access: disk.access,
            fate,
            reason,
            size: disk.file.as_ref().map_or(0, |file| file.facts.size),
            allocated: disk.file.as_ref().map_or(0, |file| file.facts.allocated),
            chain,
            used_by,
            remembered_by: disk.live_only.then(|| RUNNING_GUEST.to_owned()),
        },
        moves,
    }
}

/// Below the top, a file that somebody uses, or that is not ours to touch, is left where it is;
/// the disk above it may still go.
fn stays(link: &ChainFacts, kept: &[KeptFile]) -> bool {
    let shared = |file: &FileRef| {
        !file.users.is_empty()
            || file.protected.is_some()
            || kept
                .iter()
                .any(|other| other.file.facts.identity.key() == file.facts.identity.key())
    };
    // What its header says was not found out, so nobody knows what it is part of.
    link.unread.is_some()
        || link.file.facts.kind != FileKind::Regular
        || shared(&link.file)
        || link.links.iter().any(shared)
}

pub fn moved(file: &FileRef, role: FileRole) -> FileMove {
    FileMove {
        role,
        path: file.path.clone(),
        pooled: file.pooled.clone(),
        facts: file.facts.clone(),
    }
}
