//! What a survey of the host found out about one domain: the planner's whole input besides the
//! operator's flags.

use std::path::PathBuf;

use super::{Access, Definition, Device, DomainRef, FileFacts, Policy, Reason, User};

/// The pool and the volume that libvirt knows a file as.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pooled {
    pub pool: String,
    pub volume: String,
}

/// One file a domain uses, reached under its real path (no symlink in any component).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRef {
    pub path: PathBuf,
    pub facts: FileFacts,
    pub pooled: Option<Pooled>,
    /// Everyone but the domain itself, and but the domain's own use of it as this very disk.
    pub users: Vec<User>,
    /// Why it must not be touched whoever asks: a system folder, a mount's root.
    pub protected: Option<String>,
}

/// `<disk type='…'>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// A drive with no medium.
    Empty,
    File,
    /// `type='volume'`; the pool answered with a local file.
    Volume,
    Block,
    Dir,
    /// A protocol's name: rbd, nbd, iscsi, https …
    Network(String),
    /// vhostuser, vhostvdpa, nvme, a volume that is not a file …, by name.
    Foreign(String),
}

/// Why a disk or its chain cannot be told to the end. `path` is the file the reading stopped at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub path: PathBuf,
    pub cause: String,
    /// `path` names something that was not reached, and so is none of the chain's images: a file
    /// that is not there, an image on the network.
    pub is_apart: bool,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.cause)
    }
}

/// One image below the top of a disk's chain, or a qcow2 image's external data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainFacts {
    pub file: FileRef,
    /// Symlinks by which the image above names this one: things of their own.
    pub links: Vec<FileRef>,
    /// An external data file belongs to the image before it, and has nothing below it.
    pub is_data_file: bool,
    /// The top of a branch that only a snapshot's metadata names: it stands beside the images
    /// before it, not below them.
    pub begins_branch: bool,
    /// Why its header could not be read, if so.
    pub unread: Option<String>,
}

/// One `<disk>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskFacts {
    pub target: String,
    pub device: Device,
    pub access: Access,
    pub kind: SourceKind,
    /// The source as the XML spells it: what `--storage` may name.
    pub source: Option<String>,
    /// The disk's own image; `None` where there is none or it cannot be reached.
    pub file: Option<FileRef>,
    /// Symlinks between the source as spelled and the image.
    pub links: Vec<FileRef>,
    /// From the image below the top downwards.
    pub chain: Vec<ChainFacts>,
    /// Where the image or the chain could not be read to its end.
    pub unreadable: Vec<Unreadable>,
    /// What the domain's own policy says of this target by name.
    pub policy: Option<super::Verdict>,
    /// The running guest has it, and the definition has not: neither that target with another
    /// medium or image, nor at all.
    pub live_only: bool,
}

impl DiskFacts {
    /// Whether both are one disk: a running guest has most of those of its definition.
    pub fn is_same(&self, other: &Self) -> bool {
        let key = |disk: &Self| disk.file.as_ref().map(|file| file.facts.identity.key());
        let is_one_source = match (key(self), key(other)) {
            (None, None) => self.source == other.source && self.kind == other.kind,
            (one, other) => one == other,
        };
        self.target == other.target && is_one_source && self.access == other.access
    }

    /// Whether a word of `--storage` is a name of this disk: its target, or its source under any
    /// name that leads from the XML to the image.
    pub fn is_named(&self, word: &str) -> bool {
        let path = std::path::Path::new(word);
        word == self.target
            || self.source.as_deref() == Some(word)
            || self.file.as_ref().is_some_and(|file| file.path == path)
            || self.links.iter().any(|link| link.path == path)
    }
}

/// An image of the domain that is not a disk of it, and stays: the metadata of a snapshot or a
/// checkpoint still names it, and the disk was detached since; or a job of the running guest writes
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachedFacts {
    /// Of the disk that it was then.
    pub target: String,
    /// `snapshot NAME`, `checkpoint NAME`: the first that names it; or the job.
    pub remembered_by: String,
    pub reason: Reason,
    pub access: Access,
    pub file: FileRef,
    /// From the image below downwards.
    pub chain: Vec<ChainFacts>,
}

/// A job that the running guest does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFacts {
    /// What it writes to, by its real path.
    pub file: PathBuf,
    /// `the scratch file of a pull backup`
    pub what: String,
    /// The command that ends the job.
    pub end: String,
}

/// A part of a domain that is neither its XML nor a disk. Where a symlink leads to it, the link is
/// another one of the same kind, before it: the two are two things, and both go and come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Artefact {
    ManagedSave(FileRef),
    Nvram(FileRef),
    /// NVRAM on the network, in words: it can be left where it is, and nothing else.
    NvramElsewhere(String),
    /// The folder of swtpm's state.
    TpmState(FileRef),
    /// The memory file of an external snapshot.
    SnapshotMemory {
        snapshot: String,
        file: FileRef,
    },
}

/// One domain, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainFacts {
    pub domain: DomainRef,
    pub title: Option<String>,
    pub active: bool,
    /// It is active, and its processors stand still.
    pub paused: bool,
    pub persistent: bool,
    pub definition: Definition,
    pub disks: Vec<DiskFacts>,
    pub detached: Vec<DetachedFacts>,
    pub jobs: Vec<JobFacts>,
    pub artefacts: Vec<Artefact>,
    /// The domain's own policy; says nothing where it could not be read.
    pub policy: Policy,
    /// What is wrong with the policy as it is written, in words.
    pub policy_problems: Vec<String>,
    /// Pools on one folder with another, as pairs both ways: what leaves one leaves the other.
    pub pools_beside: Vec<(String, String)>,
    /// Pools that are not started: they have volumes, and no list of them.
    pub pools_stopped: Vec<String>,
    /// Parts of the domain that this version cannot bring back, each in words.
    pub unsupported: Vec<String>,
    /// Why libvirt would not define it again, if so.
    pub not_redefinable: Option<String>,
    /// What could not be looked at when users were counted.
    pub unseen: Vec<String>,
    /// It was root who looked.
    pub seen_by_root: bool,
    /// The glob by which this host's configuration refuses to retire a domain of that name.
    pub protected_by_host: Option<String>,
}
