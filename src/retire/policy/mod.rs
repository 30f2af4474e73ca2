//! `policy`: the domain's own word on each of its disks. It lives in the domain's metadata; the
//! journal is held while it changes, and its log says who changed it, when and to what.

mod edit;

use crate::engine::{Engine, EngineError};
use crate::model::{
    Access, DomainRef, POLICY_NAMESPACE, POLICY_PREFIX, Policy, Refusal, RefusalCode, Topic,
    Verdict,
};
use crate::planner;
use crate::ports::{HypervisorError, Status};
use crate::survey::PolicyFound;
use crate::xml::{DiskXml, write_policy};

use super::site::notice;
use super::{Connected, Error, Site};

pub use edit::PolicyEdit;

/// The policy of a domain; with a target, only if it is a disk of it or one that the policy names.
///
/// # Errors
/// The domain or the target is not there.
pub fn policy_of(
    site: &dyn Site,
    domain: &str,
    target: Option<&str>,
) -> Result<PolicyFound, Error> {
    let host = site.connect()?;
    let hypervisor = host.world().hypervisor;
    let found = PolicyFound::look(hypervisor, &hypervisor.find(domain)?)?;
    let is_known = |target: &&str| found.has_disk(target) || found.policy.of(target).is_some();
    if let Some(target) = target.filter(|target| !is_known(target)) {
        refuse_unreadable(&found)?;
        return Err(no_such_disk(&found, target).into());
    }
    Ok(found)
}

/// # Errors
/// It cannot be read, or names a disk that is not there.
pub fn refuse_invalid_policy(found: &PolicyFound) -> Result<(), Error> {
    refuse_unreadable(found)?;
    match found.strangers().next() {
        None => Ok(()),
        Some((target, _)) => {
            Err(planner::policy_of_stranger(&found.status.domain, target, &found.targets()).into())
        }
    }
}

/// What the policy alone decides of a disk.
pub fn policy_decides(found: &PolicyFound, disk: &DiskXml) -> Option<Verdict> {
    let access = Access::of(disk.readonly, disk.shareable);
    planner::by_policy_alone(&found.policy, &disk.target, disk.device, access)
}

fn refuse_unreadable(found: &PolicyFound) -> Result<(), Error> {
    match found.problems.first() {
        None => Ok(()),
        Some(problem) => Err(planner::policy_unreadable(&found.status.domain, problem).into()),
    }
}

fn no_such_disk(found: &PolicyFound, target: &str) -> Refusal {
    Refusal {
        code: RefusalCode::NoSuchDisk,
        subject: target.to_owned(),
        message: format!(
            "domain {} has no disk with the target '{target}'",
            found.status.domain.name
        ),
        hint: format!("its targets are: {}", found.targets().join(", ")),
    }
}

/// A change that has not begun.
pub struct PolicyChange<'a> {
    site: &'a dyn Site,
    host: Box<dyn Connected>,
    domain: DomainRef,
    edit: PolicyEdit,
}

impl<'a> PolicyChange<'a> {
    /// # Errors
    /// Whatever is wrong with it, so that nobody is asked about it.
    pub fn new(site: &'a dyn Site, domain: &str, edit: PolicyEdit) -> Result<Self, Error> {
        let host = site.connect()?;
        let hypervisor = host.world().hypervisor;
        let domain = hypervisor.find(domain)?;
        edit.apply(&PolicyFound::look(hypervisor, &domain)?)?;
        Ok(Self {
            site,
            host,
            domain,
            edit,
        })
    }

    pub fn domain(&self) -> &DomainRef {
        &self.domain
    }

    pub fn edit(&self) -> &PolicyEdit {
        &self.edit
    }

    /// Gives what the domain has then.
    ///
    /// # Errors
    /// A transaction has the domain, or libvirt does not take the change: nothing was changed.
    /// [`Error::PolicyNotKept`].
    pub fn carry_out(self) -> Result<PolicyFound, Error> {
        let Self {
            site,
            host,
            domain,
            edit,
        } = self;
        let world = host.world();
        // Held, so that no transaction saves the definition while it changes.
        let purpose = format!("policy of {}", domain.name);
        let mut journal = site.journal(&purpose)?;
        let _locks = site.lock(&world, std::slice::from_ref(&domain), &purpose)?;
        if let Some((by, state)) = Engine::new(world, &mut *journal).claimed_by(&domain)? {
            return Err(EngineError::Claimed {
                subject: format!("domain {}", domain.name),
                by,
                state,
            }
            .into());
        }
        let found = PolicyFound::look(world.hypervisor, &domain)?;
        let policy = edit.apply(&found)?;
        // Before the change, like every other evidence.
        let text = edit.told();
        let note = |text: String| notice(site, Topic::Policy, text, Some(&domain));
        journal.notice(note(text.clone()))?;
        if let Err(error) = store(&*host, &found.status, &policy) {
            journal.notice(note(format!("not changed after all ({text}): {error}")))?;
            return Err(error.into());
        }
        let now = PolicyFound::look(world.hypervisor, &domain)?;
        match now.policy == policy && now.problems.is_empty() {
            true => Ok(now),
            false => Err(Error::PolicyNotKept(domain)),
        }
    }
}

/// Live too, or a running guest's policy would change only at its next start.
fn store(host: &dyn Connected, status: &Status, policy: &Policy) -> Result<(), HypervisorError> {
    let written = (!policy.is_empty()).then(|| write_policy(policy));
    host.world().hypervisor.set_metadata(
        status.domain.uuid,
        POLICY_NAMESPACE,
        POLICY_PREFIX,
        written.as_deref(),
        status.active,
        status.persistent,
    )
}
