//! The files of a domain that stay, which nothing else of it may take away: of the disks that are
//! kept, and of images that have been detached.

use crate::model::{DiskFacts, DomainFacts, Fate, FileRef, User, UserKind};

use super::detached;

/// A file that stays, and as what the domain uses it: `kept disk vda`.
pub struct KeptFile<'a> {
    pub file: &'a FileRef,
    what: String,
}

/// The files of the disks that stay, so that nothing else of the domain takes them away.
pub fn files(facts: &DomainFacts, fates: impl Iterator<Item = Fate>) -> Vec<KeptFile<'_>> {
    facts
        .disks
        .iter()
        .zip(fates)
        .filter(|(_, fate)| *fate != Fate::Quarantine)
        .flat_map(|(disk, _)| of_disk(disk))
        .chain(of_detached(facts))
        .collect()
}

fn of_detached(facts: &DomainFacts) -> impl Iterator<Item = KeptFile<'_>> {
    facts.detached.iter().flat_map(|one| {
        let what = format!("{} in {}", one.target, one.remembered_by);
        detached::files(one).map(move |file| KeptFile {
            file,
            what: what.clone(),
        })
    })
}

/// Who of the domain's own kept disks uses this file.
pub fn users(facts: &DomainFacts, file: &FileRef, kept: &[KeptFile]) -> Vec<User> {
    kept.iter()
        .filter(|other| other.file.facts.identity.key() == file.facts.identity.key())
        .map(|other| User {
            kind: UserKind::Domain,
            name: facts.domain.name.clone(),
            how: format!("{} of", other.what),
        })
        .collect()
}

fn of_disk(disk: &DiskFacts) -> impl Iterator<Item = KeptFile<'_>> {
    let below = disk
        .chain
        .iter()
        .flat_map(|link| link.links.iter().chain([&link.file]));
    disk.file
        .iter()
        .chain(&disk.links)
        .chain(below)
        .map(|file| KeptFile {
            file,
            what: format!("kept disk {}", disk.target),
        })
}
