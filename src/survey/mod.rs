//! Finding out: from libvirt and the files to [`DomainFacts`], the planner's input. Changes
//! nothing.

mod artefacts;
mod chain;
mod disks;
mod graph;
mod pools;

use thiserror::Error;
use uuid::Uuid;

use crate::model::{DomainFacts, DomainRef, FileFacts, FileRef, Policy, Refusal, RefusalCode};
use crate::ports::{FilesAre, Hypervisor, HypervisorError, Storage, StorageError};
use crate::xml::{DomainXml, XmlError, read_policy};

use graph::Graph;
use pools::Pools;

#[derive(Debug, Error)]
pub enum SurveyError {
    #[error(transparent)]
    Hypervisor(#[from] HypervisorError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What no plan could make good: the files are not on this host.
    #[error("{}", .0.message)]
    Refused(Box<Refusal>),
}

/// One look at the whole host, made once per command.
pub struct Survey<'a> {
    hypervisor: &'a dyn Hypervisor,
    storage: &'a dyn Storage,
    pools: Pools<'a>,
    graph: Graph,
}

impl<'a> Survey<'a> {
    /// # Errors
    /// libvirt does not answer, or the connection's files are on another host (`remote-files`).
    pub fn new(
        hypervisor: &'a dyn Hypervisor,
        storage: &'a dyn Storage,
    ) -> Result<Self, SurveyError> {
        if let FilesAre::Elsewhere(where_) = hypervisor.files() {
            let refusal = elsewhere(hypervisor.uri(), &where_);
            return Err(SurveyError::Refused(Box::new(refusal)));
        }
        let pools = Pools::new(hypervisor, storage)?;
        let graph = Graph::new(hypervisor, storage)?;
        Ok(Self {
            hypervisor,
            storage,
            pools,
            graph,
        })
    }

    /// Everything about one domain.
    ///
    /// # Errors
    /// libvirt does not answer, or its XML is not understood.
    pub fn domain(&self, domain: &DomainRef) -> Result<DomainFacts, SurveyError> {
        let status = self
            .hypervisor
            .status(domain.uuid)?
            .ok_or_else(|| HypervisorError::NoSuchDomain(domain.name.clone()))?;
        let definition = self.hypervisor.definition(domain.uuid)?;
        let xml = DomainXml::read(definition.xml.reveal())
            .map_err(|error| not_understood(&domain.name, &error))?;
        let mut unsupported = Vec::new();
        let (policy, policy_problems) = match read_policy(&xml) {
            Ok(policy) => (policy, Vec::new()),
            Err(problem) => (Policy::default(), vec![problem.to_string()]),
        };
        let disks = self.disks(domain.uuid, &xml, &policy)?;
        let artefacts = self.artefacts(domain, &xml, &definition, &mut unsupported)?;
        Ok(DomainFacts {
            domain: status.domain,
            title: xml.title.clone(),
            active: status.active,
            persistent: status.persistent,
            definition,
            disks,
            artefacts,
            policy,
            policy_problems,
            unsupported,
            unseen: self.graph.unseen().to_vec(),
        })
    }

    /// A file with all that decides whether it may be moved.
    fn file(&self, owner: Uuid, path: std::path::PathBuf, facts: FileFacts) -> FileRef {
        FileRef {
            pooled: self.pools.of(&path),
            users: self.graph.users(&facts.identity, owner),
            protected: self.storage.protected(&path, &facts),
            path,
            facts,
        }
    }
}

/// The refusal of a connection whose files are not on this host; `why` in words.
pub fn elsewhere(uri: &str, why: &str) -> Refusal {
    Refusal {
        code: RefusalCode::RemoteFiles,
        subject: uri.to_owned(),
        message: format!("the files of {uri} cannot be reached from here: {why}"),
        hint: "run virt-retire on the host that has the files".into(),
    }
}

pub(crate) fn not_understood(subject: &str, error: &XmlError) -> HypervisorError {
    HypervisorError::Xml {
        subject: subject.to_owned(),
        cause: error.to_string(),
    }
}
