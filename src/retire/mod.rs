//! The application: from domains and flags to retired domains. It knows the world through the ports
//! alone; whoever calls it parses a command before and prints the answer afterwards.
//!
//! The survey, the plans and the refusals are here. That all are prepared before the first is
//! committed, that one more look is taken before anything is decided, and that all are put back
//! where one fails, is the engine's affair ([`Engine::retire`]), so that nobody can leave it out.

mod awaited;
mod bounded;
mod changed;
mod decide;
mod differences;
mod error;
mod history;
mod holds;
mod journal;
mod overrides;
mod passing;
mod policy;
mod purge;
mod rebuild;
mod recover;
mod saved;
mod site;
mod undefine;
mod users;
mod verify;

use std::time::Duration;

pub use bounded::read_at_most;
pub use changed::Changed;
pub use decide::{Decided, Decision, commit, listed, may_commit, may_roll_back, rollback};
use differences::differences;
pub use error::Error;
pub use history::{Listing, Whole, listing, whole};
pub use holds::{Which, hold, release};
pub use journal::{JournalInfo, Upgrade, export, import, journal_info, upgrade};
pub use passing::Refused;
pub use policy::{PolicyChange, PolicyEdit, policy_decides, policy_of, refuse_invalid_policy};
pub use purge::{Purge, PurgeRequest, Purged, Shortfall};
pub use rebuild::{Rebuild, Rebuilt, TakenIn};
pub use recover::{LeftOpen, RecoveryReport, left_open, refuse_open};
pub use saved::{Proposal, Saved, load as load_plan};
pub use site::{Connected, Site};
pub use undefine::{Failed, Request, Retired, Undefine};
pub use users::{FileFound, Open, Volumes, open_with, retired_domain, users, volumes};
pub use verify::{Proved, Read, Verified, prove, verify};

use crate::engine::{Batch, Engine, Retirement, World};
use crate::model::{
    DigestKind, DomainFacts, DomainRef, Evidence, Plan, Refusal, RefusalCode, Removal, Summary,
    Transaction, quoted,
};
use crate::planner;
use crate::survey::{CachedStorage, Survey, SurveyError};

/// A plan with the facts it was made from.
pub struct Planned {
    pub facts: DomainFacts,
    pub plan: Plan,
    /// What was asked for, its disks by the names that they have.
    pub removal: Removal,
    /// As which of the domains it was named, from 0.
    pub position: usize,
}

/// Plans each domain once, however often it was named. In the order in which they can be retired:
/// whoever stands on another's file comes before it.
///
/// # Errors
/// A domain is not there, or libvirt does not answer.
pub fn plan(
    world: &World,
    domains: &[String],
    removal: &Removal,
) -> Result<Vec<Planned>, SurveyError> {
    let cached = CachedStorage::new(world.storage);
    let survey = Survey::new(world.hypervisor, &cached, world.census)?;
    let survey = survey.protecting_names(world.protect);
    let mut found: Vec<(DomainFacts, Removal)> = Vec::new();
    for facts in survey.domains(&named(world, domains)?)? {
        let meant = survey.meant(removal, &facts.disks);
        found.push((facts, meant));
    }
    let all: Vec<_> = found.iter().map(|(facts, meant)| (facts, meant)).collect();
    let plans = planner::batch(&all);
    let mut found: Vec<_> = found.into_iter().map(Some).collect();
    Ok(plans
        .into_iter()
        .filter_map(|(index, plan)| {
            let (facts, removal) = found.get_mut(index)?.take()?;
            Some(Planned {
                facts,
                plan,
                removal,
                position: index,
            })
        })
        .collect())
}

/// The domains that these words mean, each once.
///
/// # Errors
/// A domain is not there, or libvirt does not answer.
fn named(world: &World, words: &[String]) -> Result<Vec<DomainRef>, SurveyError> {
    let mut found: Vec<DomainRef> = Vec::new();
    for domain in world.hypervisor.find_each(words) {
        let domain = domain?;
        if found.iter().all(|one| one.uuid != domain.uuid) {
            found.push(domain);
        }
    }
    Ok(found)
}

/// # Errors
/// One of these plans is refused.
pub fn refuse(planned: &[Planned]) -> Result<(), Error> {
    match planned.iter().all(|one| one.plan.is_executable()) {
        true => Ok(()),
        false => Err(Error::Refused(Box::new(Refused::new(planned)))),
    }
}

/// The refusal of what is not as it was when its plan was made; `how` in words, as far as that is
/// known.
pub fn changed(domain: &DomainRef, how: &[String]) -> Refusal {
    let how = match how.is_empty() {
        true => String::new(),
        false => format!(": {}", how.join("; ")),
    };
    Refusal {
        code: RefusalCode::ChangedSincePlan,
        subject: domain.name.clone(),
        message: format!(
            "domain {}, its disks or their users have changed since the plan was made{how}",
            quoted(&domain.name)
        ),
        hint: format!(
            "look at it again: virt-retire plan {} with the same flags",
            domain.typed()
        ),
    }
}

/// Whether the plans that were shown are those that would be executed now; if not, the first that
/// has changed, and how.
fn first_changed<'a>(
    shown: &[Planned],
    now: &'a [Planned],
) -> Option<(&'a DomainRef, Vec<String>)> {
    let of = |now: &Planned| {
        let mut shown = shown.iter();
        shown.find(|shown| shown.plan.domain.uuid == now.plan.domain.uuid)
    };
    let mut changed = now.iter().filter_map(|now| {
        let domain = &now.plan.domain;
        let Some(shown) = of(now) else {
            return Some((domain, Vec::new()));
        };
        let definition_is_same = shown.facts.definition == now.facts.definition;
        if shown.plan.is_same_as(&now.plan) && definition_is_same {
            return None;
        }
        Some((
            domain,
            differences(&shown.plan, &now.plan, definition_is_same),
        ))
    });
    changed.next()
}

/// Runs the plans as one batch. `evidence` says who does it and why, of what could not be looked at
/// and was accepted; `retention` is how long each is kept, `None` for ever; with `digest` all that
/// is moved is read.
pub fn carry_out(
    engine: &mut Engine,
    planned: Vec<Planned>,
    removal: &Removal,
    prepare: bool,
    retention: Option<Duration>,
    digest: Option<DigestKind>,
    evidence: &dyn Fn(Vec<String>) -> Evidence,
) -> Batch {
    let retirements = planned.into_iter().map(|planned| {
        let mut evidence = evidence(match removal.accept_unseen {
            true => planned.facts.unseen.clone(),
            false => Vec::new(),
        });
        evidence.overrides = overrides::of(&planned, removal, evidence.reason.as_deref());
        Retirement {
            evidence,
            plan: planned.plan,
            definition: planned.facts.definition,
            removal: removal.clone(),
            commit_at_once: !prepare,
            retention,
            digest,
        }
    });
    engine.retire(retirements.collect())
}

/// The transactions that there are now because of a batch, whichever way it went, and how it ended.
///
/// # Errors
/// [`Error::NotRetired`].
pub fn settled(batch: Batch) -> (Vec<Summary>, Result<(), Error>) {
    let mut touched: Vec<Summary> = batch.retired.iter().map(Transaction::summary).collect();
    let Some(failed) = batch.failed else {
        return (touched, Ok(()));
    };
    touched.extend(failed.touched().map(Transaction::summary));
    (touched, Err(Error::NotRetired(Box::new(failed))))
}
