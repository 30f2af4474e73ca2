//! The disks of one domain together: rules first, then law 5 and 6 over whole chains.

use crate::model::{
    ChainFacts, ChainLink, DiskFacts, DiskPlan, DomainFacts, Fate, FileKind, FileMove, FileRef,
    FileRole, Reason, Refusal, RefusalCode, SourceKind, StorageFlags, User,
};

use super::fate;
use super::kept::{self, KeptFile};

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

pub fn decide(
    facts: &DomainFacts,
    flags: &StorageFlags,
    refusals: &mut Vec<Refusal>,
) -> Vec<Decided> {
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
                Fate::Quarantine => match obstacle(facts, disk, &kept) {
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

fn misnamed(facts: &DomainFacts, flags: &StorageFlags) -> Vec<Refusal> {
    let targets: Vec<&str> = facts
        .disks
        .iter()
        .map(|disk| disk.target.as_str())
        .collect();
    flags
        .named
        .iter()
        .flatten()
        .filter(|word| !facts.disks.iter().any(|disk| disk.is_named(word)))
        .map(|word| Refusal {
            code: RefusalCode::NoSuchDisk,
            subject: word.clone(),
            message: format!(
                "domain '{}' has no disk with the target or source '{word}'",
                facts.domain.name
            ),
            hint: format!("its targets are: {}", targets.join(", ")),
        })
        .collect()
}

fn undecided(disk: &DiskFacts) -> Refusal {
    Refusal {
        code: RefusalCode::UndecidedDisk,
        subject: disk.target.clone(),
        message: format!(
            "disk {} ({}) is read-write, and nothing says whether to remove it",
            disk.target,
            disk.source.as_deref().unwrap_or("no source"),
        ),
        hint: format!(
            "remove it with --remove-all-storage or --storage {}, or leave it with --keep-storage",
            disk.target
        ),
    }
}

/// Why a disk that the rules would remove must not be (law 5 and 6).
fn obstacle(facts: &DomainFacts, disk: &DiskFacts, kept: &[KeptFile]) -> Option<(Reason, Refusal)> {
    let refuse = |reason, code, message: String, hint: &str| {
        let subject = disk.target.clone();
        Some((
            reason,
            Refusal {
                code,
                subject,
                message,
                hint: hint.to_owned(),
            },
        ))
    };
    let leave_out = "leave it out: name the disks to remove with --storage, or use --keep-storage";
    match &disk.kind {
        SourceKind::Network(protocol) => {
            return refuse(
                Reason::Unsupported,
                RefusalCode::RemoteFiles,
                format!("disk {} is on the network ({protocol})", disk.target),
                leave_out,
            );
        }
        SourceKind::Block | SourceKind::Foreign(_) => {
            let what = match &disk.kind {
                SourceKind::Foreign(what) => what.as_str(),
                _ => "a block device",
            };
            return refuse(
                Reason::Unsupported,
                RefusalCode::Unsupported,
                format!(
                    "disk {} is {what}, which cannot be moved into quarantine yet",
                    disk.target
                ),
                leave_out,
            );
        }
        SourceKind::Empty | SourceKind::File | SourceKind::Volume | SourceKind::Dir => {}
    }
    // Before anything is said of its chain: what must not be touched is not a matter of headers.
    if let Some(file) = &disk.file {
        let expected = match disk.kind {
            SourceKind::Dir => FileKind::Directory,
            _ => FileKind::Regular,
        };
        if file.facts.kind != expected {
            return refuse(
                Reason::Protected,
                RefusalCode::ProtectedPath,
                format!(
                    "disk {} is {}, which is not a {}",
                    disk.target,
                    file.path.display(),
                    match expected {
                        FileKind::Directory => "folder",
                        _ => "regular file",
                    }
                ),
                leave_out,
            );
        }
        if let Some((path, why)) = disk
            .links
            .iter()
            .chain([file])
            .find_map(|file| Some((&file.path, file.protected.as_ref()?)))
        {
            return refuse(
                Reason::Protected,
                RefusalCode::ProtectedPath,
                format!("disk {} is {}: {why}", disk.target, path.display()),
                leave_out,
            );
        }
    }
    if let Some(unreadable) = &disk.unreadable {
        return refuse(
            Reason::Unreadable,
            RefusalCode::UnreadableChain,
            format!(
                "the chain of disk {} cannot be read to its end: {}: {}",
                disk.target,
                unreadable.path.display(),
                unreadable.cause
            ),
            "make it readable (is a file system not mounted?), or leave the disk out with \
             --storage or --keep-storage",
        );
    }
    let file = disk.file.as_ref()?;
    // A symlink to the image goes with it, so whoever uses the link stands in the way too.
    let mut users: Vec<User> = disk
        .links
        .iter()
        .chain([file])
        .flat_map(|file| all_users(facts, file, kept))
        .collect();
    users.sort();
    users.dedup();
    if !users.is_empty() {
        return refuse(
            Reason::InUse,
            RefusalCode::InUse,
            format!(
                "disk {} ({}) is in use: {}",
                disk.target,
                file.path.display(),
                names_of(&users)
            ),
            "no flag overrides this: leave it out with --storage or --keep-storage, or end that \
             use first",
        );
    }
    None
}

fn all_users(facts: &DomainFacts, file: &FileRef, kept: &[KeptFile]) -> Vec<User> {
    let mut users = file.users.clone();
    users.extend(kept::users(facts, file, kept));
    users
}

/// Users as a sentence lists them.
pub fn names_of(users: &[User]) -> String {
    let phrases: Vec<String> = users.iter().map(User::phrase).collect();
    phrases.join(", ")
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
            used_by: match fate == Fate::Quarantine && !goes {
                true => all_users(facts, &link.file, kept),
                false => link.file.users.clone(),
            },
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
            chain,
            used_by,
            remembered_by: None,
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
    link.file.facts.kind != FileKind::Regular || shared(&link.file) || link.links.iter().any(shared)
}

pub fn moved(file: &FileRef, role: FileRole) -> FileMove {
    FileMove {
        role,
        path: file.path.clone(),
        pooled: file.pooled.clone(),
        facts: file.facts.clone(),
    }
}
