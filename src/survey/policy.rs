//! The policy that a domain has now, and the disks it may speak of.

use crate::model::{DomainRef, Policy, SecretXml, Verdict};
use crate::ports::{HypervisorError, HypervisorView, Status};
use crate::xml::{DiskXml, DomainXml, read_policy};

/// A domain's policy, with the disks it may speak of.
pub struct PolicyFound {
    pub status: Status,
    pub policy: Policy,
    /// Why it cannot be read, in words; then `policy` is empty.
    pub problems: Vec<String>,
    pub disks: Vec<DiskXml>,
}

impl PolicyFound {
    /// # Errors
    /// The domain is gone, or libvirt does not answer.
    pub fn look(
        hypervisor: &dyn HypervisorView,
        domain: &DomainRef,
    ) -> Result<Self, HypervisorError> {
        let status = hypervisor
            .status(domain.uuid)?
            .ok_or_else(|| HypervisorError::NoSuchDomain(domain.name.clone()))?;
        let read = |xml: &SecretXml| {
            DomainXml::read(xml.reveal()).map_err(|error| HypervisorError::Xml {
                subject: domain.name.clone(),
                cause: error.to_string(),
            })
        };
        let xml = read(&hypervisor.definition(domain.uuid)?.xml)?;
        let mut disks = xml.disks.clone();
        // A disk that was attached to the running guest alone is the domain's too.
        if let Some(live) = hypervisor.live_xml(domain.uuid)? {
            let is_new = |disk: &DiskXml| xml.disks.iter().all(|it| it.target != disk.target);
            disks.extend(read(&live)?.disks.into_iter().filter(is_new));
        }
        let (policy, problems) = match read_policy(&xml) {
            Ok(policy) => (policy, Vec::new()),
            Err(problem) => (Policy::default(), vec![problem.to_string()]),
        };
        Ok(Self {
            status,
            policy,
            problems,
            disks,
        })
    }

    pub fn targets(&self) -> Vec<&str> {
        self.disks.iter().map(|disk| disk.target.as_str()).collect()
    }

    pub fn has_disk(&self, target: &str) -> bool {
        self.disks.iter().any(|disk| disk.target == target)
    }

    /// What it says of targets that no disk has.
    pub fn strangers(&self) -> impl Iterator<Item = &(String, Verdict)> {
        let all = self.policy.disks.iter();
        all.filter(|(target, _)| !self.has_disk(target))
    }
}
