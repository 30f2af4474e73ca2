//! Images that only a snapshot or a checkpoint remembers, and those that a job of the running guest
//! writes. They stay, whatever the flags, and are told.
//!
//! `--remove-all-storage` is every disk of the domain, and this is none: somebody took it away from
//! the domain and left the image, which may be the very copy that is to outlive it. Rule 3 and 4
//! have nothing to say of it, so it is not guessed at (law 6). What an operator does not want to
//! keep can be removed by hand, since the plan and the transaction name it. Until it is, what it
//! stands on stays as well (law 5).

use crate::model::{ChainLink, DetachedFacts, DiskPlan, DomainFacts, Fate, FileRef};

pub fn told(facts: &DomainFacts) -> impl Iterator<Item = DiskPlan> + '_ {
    facts.detached.iter().map(|detached| DiskPlan {
        target: detached.target.clone(),
        path: Some(detached.file.path.clone()),
        spelled: None,
        pooled: detached.file.pooled.clone(),
        access: detached.access,
        fate: Fate::Keep,
        reason: detached.reason.clone(),
        size: detached.file.facts.size,
        allocated: detached.file.facts.allocated,
        chain: (detached.chain.iter())
            .map(|link| ChainLink {
                path: link.file.path.clone(),
                fate: Fate::Keep,
                used_by: link.file.users.clone(),
                facts: None,
                reason: None,
            })
            .collect(),
        used_by: detached.file.users.clone(),
        remembered_by: Some(detached.remembered_by.clone()),
    })
}

/// Every file that a detached image consists of.
pub fn files(detached: &DetachedFacts) -> impl Iterator<Item = &FileRef> {
    let chain = detached.chain.iter();
    let below = chain.flat_map(|link| link.links.iter().chain([&link.file]));
    [&detached.file].into_iter().chain(below)
}
