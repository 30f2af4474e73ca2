//! Finding out: from libvirt and the files to [`DomainFacts`], the planner's input. Changes
//! nothing.

mod artefacts;
mod branches;
mod cached;
mod chain;
mod detached;
mod disks;
mod graph;
mod jobs;
mod leftovers;
mod named;
mod pieces;
mod policy;
mod pools;
mod recheck;
mod redefinable;
mod users;

use thiserror::Error;
use uuid::Uuid;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crate::model::{
    Definition, DomainFacts, DomainRef, FileFacts, FileKind, FileRef, Policy, Refusal, RefusalCode,
    User, UserKind,
};
use crate::ports::{
    Census, Examined, FilesAre, HypervisorError, HypervisorView, Status, StorageError, StorageView,
    Version,
};
use crate::xml::{DomainXml, XmlError, read_policy};

use graph::Graph;
use jobs::Jobs;
use pools::Pools;
use users::Names;

pub use cached::CachedStorage;
pub use leftovers::{Away, Gone, Leftovers, Nature, Ownerless, Part, StateKind, Unused};
pub use pieces::{Piece, Role};
pub use policy::PolicyFound;
pub use pools::is_of_files;
pub use recheck::{As, Leaving, newcomers};

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
    hypervisor: &'a dyn HypervisorView,
    storage: &'a dyn StorageView,
    /// The same; it also knows what it could not look at.
    cached: &'a CachedStorage<'a>,
    census: &'a dyn Census,
    pools: Pools<'a>,
    graph: RefCell<Graph>,
    protect: &'a [glob::Pattern],
}

impl<'a> Survey<'a> {
    /// # Errors
    /// libvirt does not answer, or the connection's files are on another host (`remote-files`).
    pub fn new(
        hypervisor: &'a dyn HypervisorView,
        storage: &'a CachedStorage<'a>,
        census: &'a dyn Census,
    ) -> Result<Self, SurveyError> {
        let files = hypervisor.files();
        if let Some(refusal) = out_of_reach(hypervisor.uri(), &files) {
            return Err(SurveyError::Refused(Box::new(refusal)));
        }
        let pools = Pools::new(hypervisor, storage)?;
        let mut graph = users::everyone(hypervisor, storage, &pools, &[], &Names::default(), [])?;
        graph.set_outside(census.look());
        if let FilesAre::Unseen(what) = files {
            graph.add_unseen(what);
        }
        Ok(Self {
            hypervisor,
            storage,
            cached: storage,
            census,
            pools,
            graph: RefCell::new(graph),
            protect: &[],
        })
    }

    /// The same on a host whose configuration protects domains of these names.
    pub fn protecting_names(mut self, globs: &'a [glob::Pattern]) -> Self {
        self.protect = globs;
        self
    }

    fn protecting(&self, name: &str) -> Option<String> {
        let mut globs = self.protect.iter();
        globs
            .find(|glob| glob.matches(name))
            .map(|glob| glob.as_str().to_owned())
    }

    /// Everything about one domain.
    ///
    /// # Errors
    /// As from [`Survey::domains`].
    pub fn domain(&self, domain: &DomainRef) -> Result<DomainFacts, SurveyError> {
        let found = self.domains(std::slice::from_ref(domain))?.pop();
        found.ok_or_else(|| HypervisorError::NoSuchDomain(domain.name.clone()).into())
    }

    /// Everything about these domains, in their order.
    ///
    /// # Errors
    /// libvirt does not answer, or the XML of one is not understood.
    pub fn domains(&self, domains: &[DomainRef]) -> Result<Vec<DomainFacts>, SurveyError> {
        let examined = self.hypervisor.examine(domains);
        let facts = |examined: Result<Examined, HypervisorError>| self.facts(examined?);
        examined.into_iter().map(facts).collect()
    }

    /// A transient domain that is no more, from what was kept of it, with its files as they are.
    ///
    /// # Errors
    /// libvirt does not answer, or the kept XML is not understood.
    pub fn departed(
        &self,
        domain: &DomainRef,
        definition: Definition,
    ) -> Result<DomainFacts, SurveyError> {
        let status = Status {
            domain: domain.clone(),
            active: false,
            paused: false,
            persistent: false,
        };
        let refusal = self.hypervisor.refusal_to_define(&definition.xml)?;
        self.facts(Examined {
            status,
            definition,
            refusal,
        })
    }

    fn facts(&self, examined: Examined) -> Result<DomainFacts, SurveyError> {
        let Examined {
            status,
            definition,
            refusal,
        } = examined;
        let domain = &status.domain;
        let xml = DomainXml::read(definition.xml.reveal())
            .map_err(|error| not_understood(&domain.name, &error))?;
        let mut unsupported: Vec<String> = too_old(self.hypervisor.version()).into_iter().collect();
        let (policy, policy_problems) = match read_policy(&xml) {
            Ok(policy) => (policy, Vec::new()),
            Err(problem) => (Policy::default(), vec![problem.to_string()]),
        };
        let mut disks = self.disks(domain.uuid, &xml, &policy)?;
        let running = match status.active {
            true => self.running(domain)?,
            false => None,
        };
        let live = running.as_ref().filter(|_| status.persistent);
        if let Some(live) = live {
            let more = self.live_disks(domain.uuid, live, &policy, &disks)?;
            disks.extend(more);
        }
        if !status.active {
            self.left_overlays(domain, &xml, &mut disks);
        }
        self.branches(domain.uuid, &definition, &mut disks)?;
        let mut detached = self.detached(domain.uuid, &definition, &disks)?;
        let jobs = match &running {
            Some(running) => self.jobs(domain, running, &mut disks)?,
            None => Jobs::default(),
        };
        detached.extend(jobs.targets);
        let states: Vec<&DomainXml> = [&xml].into_iter().chain(live).collect();
        let artefacts = self.artefacts(domain, &states, &definition, &mut unsupported)?;
        let not_redefinable = self.not_redefinable(refusal, &definition)?;
        Ok(DomainFacts {
            domain: domain.clone(),
            title: xml.title.clone(),
            active: status.active,
            paused: status.paused,
            persistent: status.persistent,
            definition,
            disks,
            detached,
            jobs: jobs.running,
            artefacts,
            policy,
            policy_problems,
            pools_beside: self.pools.beside(),
            pools_stopped: self.pools.stopped(),
            unsupported,
            not_redefinable,
            unseen: self.unseen_by(domain.uuid),
            seen_by_root: self.graph.borrow().is_seen_by_root(),
            protected_by_host: self.protecting(&domain.name),
        })
    }

    /// What the guest runs with.
    fn running(&self, domain: &DomainRef) -> Result<Option<DomainXml>, SurveyError> {
        let Some(live) = self.graph.borrow().running_xml(domain.uuid).cloned() else {
            return Ok(None);
        };
        let read = DomainXml::read(live.reveal());
        Ok(Some(
            read.map_err(|error| not_understood(&domain.name, &error))?,
        ))
    }

    /// What could not be looked at when users were counted, in words.
    pub fn unseen(&self) -> Vec<String> {
        self.unseen_by(ANYBODY)
    }

    fn unseen_by(&self, owner: Uuid) -> Vec<String> {
        let mut unseen: Vec<String> = self.graph.borrow().unseen(owner).cloned().collect();
        unseen.extend(self.cached.unseen());
        unseen.sort();
        unseen.dedup();
        unseen
    }

    /// [`Survey::file`], of one that a path led to, on which a user may have put a symlink.
    fn reached(
        &self,
        owner: Uuid,
        path: PathBuf,
        facts: FileFacts,
        planted: Option<String>,
    ) -> FileRef {
        let mut file = self.file(owner, path, facts);
        file.protected = file.protected.or(planted);
        file
    }

    /// A file with all that decides whether it may be moved.
    fn file(&self, owner: Uuid, path: PathBuf, mut facts: FileFacts) -> FileRef {
        let protected = self.storage.protected(&path, &facts);
        let protected = protected.or_else(|| self.of_libvirt(&path));
        if protected.is_none() {
            match facts.kind {
                // Its size is that of all below it, which is asked of nobody's root folder.
                FileKind::Directory => {
                    if let Ok(Some(whole)) = self.storage.facts(&path) {
                        facts = whole;
                    }
                }
                FileKind::Regular => {
                    if let Some(folder) = path.parent() {
                        let graph = &mut self.graph.borrow_mut();
                        users::beside(graph, self.cached, &self.pools, folder);
                    }
                }
                _ => {}
            }
        }
        FileRef {
            pooled: self.pools.of(&path),
            users: self.users(owner, &path, &facts, protected.is_some()),
            protected,
            path,
            facts,
        }
    }

    /// In the folders in which libvirt has its own records of domains: they are no image of
    /// anybody's, whatever a domain says, and what they tell of is lost with them.
    fn of_libvirt(&self, path: &Path) -> Option<String> {
        let folders = self.hypervisor.state_folders().ok()?;
        // Beside the definitions of a session lie its guests' NVRAM and saved states.
        let (directly, anywhere) = (true, false);
        let all = [
            (folders.snapshots, anywhere),
            (folders.checkpoints, anywhere),
            (folders.definitions, directly),
            (folders.autostart, directly),
        ];
        let (found, _) = all.iter().find(|(folder, is_directly)| {
            let Ok(resolved) = self.storage.resolve(folder) else {
                return false;
            };
            let real = resolved.real.as_path();
            let is_in = match is_directly {
                true => path.parent() == Some(real),
                false => path.starts_with(real),
            };
            is_in || real.starts_with(path)
        })?;
        Some(format!(
            "it is in {}: libvirt's own records of domains",
            found.display()
        ))
    }

    fn users(&self, owner: Uuid, path: &Path, facts: &FileFacts, protected: bool) -> Vec<User> {
        let graph = self.graph.borrow();
        let mut users = graph.users_of(self.cached, path, facts, owner);
        if protected {
            return users;
        }
        if owner == ANYBODY {
            // What /proc does not show is told by the kernel here too.
            if facts.kind == FileKind::Regular && !graph.is_open(&facts.identity) {
                let asked = self.census.holders(path, facts);
                users.extend(asked.holders.into_iter().map(|one| one.user));
                // A lease is also refused for what the look at the host has told already.
                users.sort();
                users.dedup();
            }
            return users;
        }
        if facts.kind == FileKind::Directory {
            self.users_below(&graph, owner, path, MOST_BELOW, &mut users);
        }
        let by_process = |user: &User| user.kind == UserKind::Process;
        let is_known = users.iter().any(by_process);
        let is_blind = graph.is_blind();
        // The kernel knows of those that /proc does not show.
        if is_known || is_blind || users.is_empty() && !graph.is_active(owner) {
            let asked = self.census.holders(path, facts);
            if is_known {
                // Whoever had it open for a moment, to read a header, is no user.
                users.retain(|user| {
                    !by_process(user) || asked.holders.iter().any(|one| one.user == *user)
                });
            } else if users.is_empty() && !graph.is_active(owner) {
                users.extend(asked.holders.into_iter().map(|one| one.user));
            }
            drop(graph);
            if is_blind && !asked.is_certain {
                self.graph.borrow_mut().add_unseen(format!(
                    "whether a process that shows nobody what it has open uses {}",
                    path.display()
                ));
            }
        }
        users.sort();
        users.dedup();
        users
    }

    fn users_below(
        &self,
        graph: &Graph,
        owner: Uuid,
        folder: &Path,
        most: usize,
        users: &mut Vec<User>,
    ) {
        let mut left = most;
        let mut pending = vec![folder.to_owned()];
        while let Some(folder) = pending.pop() {
            for entry in self.storage.list(&folder).unwrap_or_default() {
                if left == 0 {
                    return;
                }
                left -= 1;
                users.extend(graph.users(entry.identity.key(), owner));
                if entry.kind == FileKind::Directory {
                    pending.push(entry.path);
                }
            }
        }
    }
}

/// The owner in whose eyes nobody's use is his own.
const ANYBODY: Uuid = Uuid::nil();

/// Entries of a folder that are looked at one by one.
const MOST_BELOW: usize = 100_000;

/// The refusal of a connection whose files are not on this host, or none that is known.
pub fn out_of_reach(uri: &str, files: &FilesAre) -> Option<Refusal> {
    let (why, hint) = match files {
        FilesAre::Here | FilesAre::Unseen(_) => return None,
        FilesAre::Elsewhere(why) => (
            why.clone(),
            "run virt-retire on the host that has the files".to_owned(),
        ),
        FilesAre::Apart { why, hint } => (why.clone(), hint.clone()),
        FilesAre::OtherDriver(driver) => (
            format!("its driver is '{driver}', and virt-retire knows QEMU's alone"),
            "name a connection of QEMU's: --connect qemu:///system or qemu:///session".to_owned(),
        ),
    };
    Some(Refusal {
        code: RefusalCode::RemoteFiles,
        subject: uri.to_owned(),
        message: format!("the files of {uri} cannot be reached from here: {why}"),
        hint,
    })
}

/// The oldest libvirt that this program was written for: Debian 12's. Older ones lack flags without
/// which an undefine deletes what it should keep (`VIR_DOMAIN_UNDEFINE_KEEP_TPM` is of 8.9).
const OLDEST: Version = Version(9_000_000);

/// Why this libvirt's domains are not retired, in words.
pub fn too_old(Version(have): Version) -> Option<String> {
    (Version(have) < OLDEST).then(|| {
        let (major, minor) = (have / 1_000_000, have / 1_000 % 1_000);
        format!(
            "its libvirt is {major}.{minor}, and 9.0 is the oldest whose undefine is known to keep \
             everything"
        )
    })
}

pub(crate) fn not_understood(subject: &str, error: &XmlError) -> HypervisorError {
    HypervisorError::Xml {
        subject: subject.to_owned(),
        cause: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_libvirt_is_refused_before_anything_is_changed() {
        let said = too_old(Version(8_009_000)).expect("8.9 is too old");
        assert!(said.contains("8.9"), "{said}");
        assert_eq!(too_old(Version(9_000_000)), None);
        assert_eq!(too_old(Version(11_003_000)), None);
    }
}
