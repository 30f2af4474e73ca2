//! The policy that a domain has now, and what may be wrong with it.

use crate::cli::context::Host;
use crate::cli::error::CliError;
use crate::model::{DomainRef, Policy, Refusal, RefusalCode, Verdict, quoted};
use crate::ports::{HypervisorError, HypervisorView, Status};
use crate::xml::{DiskXml, DomainXml, read_policy};

/// A domain's policy, with the disks it may speak of.
pub(super) struct Found {
    pub(super) status: Status,
    pub(super) policy: Policy,
    pub(super) problems: Vec<String>,
    /// Every disk's target, and whether a default may speak of it.
    pub(super) targets: Vec<String>,
    pub(super) disks: Vec<DiskXml>,
}

impl Found {
    pub(super) fn look(host: &Host, domain: &DomainRef) -> Result<Self, CliError> {
        let status = host
            .hypervisor
            .status(domain.uuid)?
            .ok_or_else(|| HypervisorError::NoSuchDomain(domain.name.clone()))?;
        let definition = host.hypervisor.definition(domain.uuid)?;
        let xml =
            DomainXml::read(definition.xml.reveal()).map_err(|error| HypervisorError::Xml {
                subject: domain.name.clone(),
                cause: error.to_string(),
            })?;
        let mut disks = xml.disks.clone();
        // A disk that was attached to the running guest alone is the domain's too.
        if let Some(live) = host.hypervisor.live_xml(domain.uuid)? {
            let live = DomainXml::read(live.reveal()).map_err(|error| HypervisorError::Xml {
                subject: domain.name.clone(),
                cause: error.to_string(),
            })?;
            let is_new = |disk: &DiskXml| xml.disks.iter().all(|it| it.target != disk.target);
            disks.extend(live.disks.into_iter().filter(is_new));
        }
        let (policy, problems) = match read_policy(&xml) {
            Ok(policy) => (policy, Vec::new()),
            Err(problem) => (Policy::default(), vec![problem.to_string()]),
        };
        Ok(Self {
            status,
            policy,
            problems,
            targets: disks.iter().map(|disk| disk.target.clone()).collect(),
            disks,
        })
    }

    pub(super) fn strangers(&self) -> impl Iterator<Item = &(String, Verdict)> {
        self.policy
            .disks
            .iter()
            .filter(|(target, _)| !self.targets.contains(target))
    }

    /// Whether it is a disk of the domain, or one that the policy names.
    pub(super) fn speaks_of(&self, target: &str) -> bool {
        self.targets.iter().any(|known| known == target) || self.policy.of(target).is_some()
    }

    pub(super) fn no_such_disk(&self, target: &str) -> CliError {
        CliError::refused(&[Refusal {
            code: RefusalCode::NoSuchDisk,
            subject: target.to_owned(),
            message: format!(
                "domain {} has no disk with the target '{target}'",
                self.status.domain.name
            ),
            hint: format!("its targets are: {}", self.targets.join(", ")),
        }])
    }

    pub(super) fn refuse_unreadable(&self) -> Result<(), CliError> {
        let name = &self.status.domain.name;
        match self.problems.first() {
            None => Ok(()),
            Some(problem) => Err(CliError::refused(&[Refusal {
                code: RefusalCode::PolicyInvalid,
                subject: name.clone(),
                message: format!("the policy of domain {name} is not valid: {problem}"),
                hint: format!(
                    "write it anew: virt-retire policy clear {}, then policy set",
                    self.status.domain.typed()
                ),
            }])),
        }
    }

    pub(super) fn refuse_problems(&self) -> Result<(), CliError> {
        self.refuse_unreadable()?;
        let name = &self.status.domain.name;
        match self.strangers().next() {
            None => Ok(()),
            Some((target, _)) => Err(CliError::refused(&[Refusal {
                code: RefusalCode::PolicyInvalid,
                subject: target.clone(),
                message: format!(
                    "the policy of domain {name} names '{target}', which is not a disk of it"
                ),
                hint: format!(
                    "take that away: virt-retire policy clear {} {}",
                    self.status.domain.typed(),
                    quoted(target)
                ),
            }])),
        }
    }
}
