//! libvirt, as far as retiring a domain needs it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use uuid::Uuid;

use crate::model::{
    Autostart, Checkpoint, Definition, DomainRef, SecretXml, Snapshot, UndefineCall,
};

/// libvirt's version number: `major * 1_000_000 + minor * 1_000 + release`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (major, rest) = (self.0 / 1_000_000, self.0 % 1_000_000);
        write!(f, "{major}.{}.{}", rest / 1000, rest % 1000)
    }
}

/// Whether the paths in the domains' XML are paths on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesAre {
    Here,
    /// As far as can be seen; in words, what could not be looked at.
    Unseen(String),
    /// On another host; in words.
    Elsewhere(String),
    /// On this host, and under other paths or none: libvirt runs in a container or a chroot, or
    /// what answers is not libvirt.
    Apart {
        why: String,
        hint: String,
    },
    /// This is not QEMU's driver but the one of that name: whether its domains have files, and
    /// where, is not known here.
    OtherDriver(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub domain: DomainRef,
    pub active: bool,
    /// It is active, and its processors stand still. Of domains that are listed it is not asked.
    pub paused: bool,
    pub persistent: bool,
}

/// What libvirt says of a domain that is to be retired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    pub status: Status,
    pub definition: Definition,
    /// Why libvirt would not define it again.
    pub refusal: Option<String>,
}

/// A domain with its XML, for finding out who uses what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    pub status: Status,
    /// The inactive XML; for a transient domain the live one.
    pub xml: SecretXml,
    /// Of an active persistent domain, the live XML, which may differ.
    pub live_xml: Option<SecretXml>,
    /// What its snapshots say, each with the domain as it was.
    pub snapshots: Vec<SecretXml>,
    /// What its checkpoints say, the same way.
    pub checkpoints: Vec<SecretXml>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    pub name: String,
    /// `dir`, `fs`, `logical`, `rbd` …
    pub kind: String,
    pub active: bool,
    /// The folder its volumes are in, where it has one.
    pub target: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    pub pool: String,
    pub name: String,
    pub path: PathBuf,
    /// `file`, `block`, `dir`, `network`, `netdir`, `ploop`.
    pub kind: String,
    /// `raw`, `qcow2` …
    pub format: Option<String>,
    pub backing: Option<PathBuf>,
}

/// How libvirt looked at a pool's folder anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    Done,
    /// The pool is not active, or is no more: there is no list.
    NoList,
    /// libvirt stopped the pool over what it found there, and could start it again.
    Restarted {
        cause: String,
    },
    /// libvirt stopped the pool and does not start it again.
    Stopped {
        cause: String,
    },
}

/// What a volume's name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    pub path: PathBuf,
    /// As in [`Volume`].
    pub kind: String,
}

/// Folders in which the driver keeps what no XML names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolders {
    /// `NAME.save` files.
    pub managed_save: PathBuf,
    /// One folder per domain UUID.
    pub tpm: PathBuf,
    /// NVRAM that libvirt made from a template, `NAME_VARS.fd`.
    pub nvram: PathBuf,
    /// One folder per domain name, with its snapshots' XML.
    pub snapshots: PathBuf,
    /// The same of checkpoints.
    pub checkpoints: PathBuf,
    /// `NAME.xml`, a domain as it is defined.
    pub definitions: PathBuf,
    /// Links to the definitions of domains that start with the daemon.
    pub autostart: PathBuf,
    /// Where tools put images and what a domain is installed from, pool or not.
    pub images: Vec<PathBuf>,
}

/// One disk's images, from its own downwards, as libvirt follows the headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackingChain {
    pub domain: DomainRef,
    /// `vda` …
    pub target: String,
    pub images: Vec<PathBuf>,
}

#[derive(Debug, Error)]
pub enum HypervisorError {
    #[error("cannot connect to libvirt at {uri}: {cause}")]
    Unreachable { uri: String, cause: String },
    #[error("no domain is called '{0}', by name, UUID or id")]
    NoSuchDomain(String),
    /// virsh would take one of them without a word.
    #[error(
        "'{spec}' is the {taken_as} of domain {} ({}) and the name of another one ({})",
        taken.name, taken.uuid, named.uuid
    )]
    Ambiguous {
        spec: String,
        /// `id` or `UUID`.
        taken_as: &'static str,
        taken: Box<DomainRef>,
        named: Box<DomainRef>,
    },
    #[error("no volume {volume} in pool {pool}: {cause}")]
    NoSuchVolume {
        pool: String,
        volume: String,
        cause: String,
    },
    /// The connection broke or does not answer any more.
    #[error("libvirt went away during {call}: {cause}")]
    Lost { call: &'static str, cause: String },
    /// libvirt answered, and the answer was no.
    #[error("libvirt refused {call}: {cause}")]
    Refused { call: &'static str, cause: String },
    #[error("{what} needs libvirt {since} or newer; the connected one is {have}")]
    TooOld {
        what: &'static str,
        since: &'static str,
        have: String,
    },
    #[error("libvirt's XML of {subject} is not understood: {cause}")]
    Xml { subject: String, cause: String },
}

/// What libvirt can be asked. Nothing here changes anything of it, so that whoever has this alone
/// (the survey) changes nothing.
pub trait HypervisorView {
    /// The URI as libvirt canonicalises it, without a password.
    fn uri(&self) -> &str;
    fn files(&self) -> FilesAre;
    fn version(&self) -> Version;
    /// Of the emulator that libvirt runs its domains with, as far as it tells.
    fn emulator_version(&self) -> Option<Version>;
    fn state_folders(&self) -> Result<StateFolders, HypervisorError>;

    /// By name, UUID or id.
    ///
    /// # Errors
    /// Nobody has it; [`HypervisorError::Ambiguous`] where one domain's name is another one's id or
    /// UUID.
    fn find(&self, spec: &str) -> Result<DomainRef, HypervisorError>;
    /// The same of several, in their order. The questions need not wait for one another.
    fn find_each(&self, specs: &[String]) -> Vec<Result<DomainRef, HypervisorError>> {
        specs.iter().map(|spec| self.find(spec)).collect()
    }
    fn status(&self, uuid: Uuid) -> Result<Option<Status>, HypervisorError>;
    /// Which of these libvirt has, defined or running.
    fn which_are_there(&self, uuids: &[Uuid]) -> Result<HashSet<Uuid>, HypervisorError> {
        let is_there = |uuid: &Uuid| Ok(self.status(*uuid)?.map(|_| *uuid));
        uuids
            .iter()
            .map(is_there)
            .filter_map(Result::transpose)
            .collect()
    }
    fn status_by_name(&self, name: &str) -> Result<Option<Status>, HypervisorError>;
    /// Everything to define the domain again, secrets included.
    fn definition(&self, uuid: Uuid) -> Result<Definition, HypervisorError>;
    /// [`HypervisorView::status`], [`HypervisorView::definition`] and, of that,
    /// [`HypervisorView::refusal_to_define`] of several domains, in their order. The questions of
    /// one need not wait for another's.
    fn examine(&self, domains: &[DomainRef]) -> Vec<Result<Examined, HypervisorError>> {
        let one = |domain: &DomainRef| {
            let gone = || HypervisorError::NoSuchDomain(domain.name.clone());
            let status = self.status(domain.uuid)?.ok_or_else(gone)?;
            let definition = self.definition(domain.uuid)?;
            let refusal = self.refusal_to_define(&definition.xml)?;
            Ok(Examined {
                status,
                definition,
                refusal,
            })
        };
        domains.iter().map(one).collect()
    }
    /// What a running domain that has a definition besides runs with, without secrets.
    fn live_xml(&self, uuid: Uuid) -> Result<Option<SecretXml>, HypervisorError>;
    /// Every domain of the connection, active or not.
    fn domains(&self) -> Result<Vec<Described>, HypervisorError>;
    /// The same; an inactive domain may be described from memory if nothing has changed since, and
    /// if `must_ask` does not say of what is remembered that it is too near to what is at stake.
    fn domains_remembered(
        &self,
        must_ask: &dyn Fn(&SecretXml) -> bool,
    ) -> Result<Vec<Described>, HypervisorError> {
        let _ = must_ask;
        self.domains()
    }

    /// Every pool, active or not.
    fn pools(&self) -> Result<Vec<Pool>, HypervisorError>;
    /// The volumes libvirt lists for an active pool.
    fn volumes(&self, pool: &str) -> Result<Vec<Volume>, HypervisorError>;
    /// Whether libvirt lists a volume of that name.
    fn has_volume(&self, pool: &str, volume: &str) -> Result<bool, HypervisorError>;
    /// Where a volume is. Its file is not read for that: libvirt reads the header for every XML
    /// that it gives of a volume, and the file's access time would tell of it.
    fn volume(&self, pool: &str, volume: &str) -> Result<Located, HypervisorError>;
    /// Why libvirt would not define this XML, in its own words; `None` where it would. Changes
    /// nothing, whether a domain of that name or UUID is defined or not.
    fn refusal_to_define(&self, xml: &SecretXml) -> Result<Option<String>, HypervisorError>;
    fn autostart(&self, uuid: Uuid) -> Result<Autostart, HypervisorError>;
    /// Waits until the domain is not running, or is no more (a transient one); false after
    /// `timeout`.
    fn wait_inactive(&self, uuid: Uuid, timeout: Duration) -> Result<bool, HypervisorError>;

    /// The domain's metadata element of that namespace; of a persistent domain, the one it will
    /// start with next time.
    fn metadata(&self, uuid: Uuid, namespace: &str) -> Result<Option<String>, HypervisorError>;

    /// Every domain that has a metadata element of that namespace, with it.
    fn with_metadata(&self, namespace: &str) -> Result<Vec<(Status, String)>, HypervisorError>;

    /// The XML of the backup job that runs; `None` where there is none.
    fn backup(&self, uuid: Uuid) -> Result<Option<String>, HypervisorError>;

    /// The backing chains of every domain's disks in one call. Only a running domain's are whole:
    /// of an inactive one libvirt tells the disk's own image and what `<backingStore>` in its XML
    /// names (seen with 11.3), and for an inactive `<disk type='volume'>` nothing. Never the proof
    /// that an image is unused.
    fn backing_chains(&self) -> Result<Vec<BackingChain>, HypervisorError>;
}

/// What an effect may ask libvirt to do.
pub trait Hypervisor: HypervisorView {
    /// libvirt's XML of a volume, for the record. It reads the file's header for that.
    ///
    /// # Errors
    /// [`HypervisorError::NoSuchVolume`]: it is not listed, or the pool is not started.
    fn volume_xml(&self, pool: &str, volume: &str) -> Result<String, HypervisorError>;
    /// Makes the list of an active pool anew.
    ///
    /// # Errors
    /// Refused while a job runs in the pool (a volume is being built or cloned).
    fn refresh_pool(&self, pool: &str) -> Result<Refreshed, HypervisorError>;
    /// Takes a volume off its pool's list; one that is not on it is off it. libvirt removes the
    /// file under that name, if there is one: only for names whose file is gone. It works while a
    /// job runs in the pool, and reads no other file.
    fn forget_volume(&self, pool: &str, volume: &str) -> Result<(), HypervisorError>;

    /// Takes up what an earlier run may have changed of the domain of that name, and was cut off
    /// before it was durable. What the calls below change of a definition is taken up by itself.
    fn make_durable(&self, name: &str) -> Result<(), HypervisorError>;
    /// Makes durable what was taken up since it was last called; before that a power cut may take
    /// it back.
    ///
    /// # Errors
    /// Nobody knows then what of it will last.
    fn settle(&self) -> Result<(), HypervisorError>;
    fn undefine(&self, uuid: Uuid, call: UndefineCall) -> Result<(), HypervisorError>;
    fn define(&self, xml: &SecretXml) -> Result<DomainRef, HypervisorError>;
    fn set_autostart(&self, uuid: Uuid, autostart: Autostart) -> Result<(), HypervisorError>;
    /// Defines metadata of a snapshot that is in the files already; one of that name that exists
    /// is replaced.
    fn redefine_snapshot(
        &self,
        uuid: Uuid,
        snapshot: &Snapshot,
        current: bool,
    ) -> Result<(), HypervisorError>;
    /// The same for a checkpoint; the last one in the order of the saved list becomes the current.
    fn redefine_checkpoint(
        &self,
        uuid: Uuid,
        checkpoint: &Checkpoint,
    ) -> Result<(), HypervisorError>;

    /// Starts a defined domain; from its managed save, where it has one.
    fn start(&self, uuid: Uuid) -> Result<(), HypervisorError>;
    /// Starts a transient domain, its processors stopped if `paused`.
    fn create(&self, xml: &SecretXml, paused: bool) -> Result<DomainRef, HypervisorError>;
    /// Asks the guest to switch itself off (ACPI power button) and returns at once. A domain that
    /// is not running has done so.
    fn shutdown(&self, uuid: Uuid) -> Result<(), HypervisorError>;
    /// Ends the guest at once, as if its plug were pulled. A domain that is not running has ended.
    fn destroy(&self, uuid: Uuid) -> Result<(), HypervisorError>;
    /// Puts one element, or takes it away with `None`. `prefix` is how the XML abbreviates the
    /// namespace. `live` and `config` say which state to change; neither means the one the domain
    /// is in.
    fn set_metadata(
        &self,
        uuid: Uuid,
        namespace: &str,
        prefix: &str,
        xml: Option<&str>,
        live: bool,
        config: bool,
    ) -> Result<(), HypervisorError>;
}
