//! The plan: a value that is shown, saved, and executed unchanged.

use std::path::PathBuf;

use super::{Access, DomainRef, FileFacts, FileMove, FileRole, Pooled, Refusal, Step, Taken, User};

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Quarantine,
    Keep,
    /// Would have to be one of both, and cannot: the plan is not executable.
    Refuse,
}

impl Fate {
    pub fn word(self) -> &'static str {
        match self {
            Fate::Quarantine => "quarantine",
            Fate::Keep => "keep",
            Fate::Refuse => "refuse",
        }
    }
}

/// Which rule of the contract ("What happens to a disk") decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    Named,
    NotNamed,
    PolicyRemove,
    PolicyKeep,
    EmptyDrive,
    ReadOnly,
    Shareable,
    Cdrom,
    Floppy,
    RemoveAll,
    RemoveManaged,
    RemoveUnmanaged,
    OnlyManaged,
    OnlyUnmanaged,
    KeepStorage,
    Undecided,
    InUse,
    Unreadable,
    Protected,
    Unsupported,
    /// No disk of the domain, but of a snapshot or a checkpoint.
    Detached,
    /// No disk of the domain: a job of the running guest writes it.
    JobTarget,
    /// The same of a push backup.
    BackupTarget,
}

impl Reason {
    /// The rule in a person's words.
    pub fn text(&self) -> &'static str {
        match self {
            Reason::Named => "named by --storage",
            Reason::NotNamed => "not named by --storage",
            Reason::PolicyRemove => "the domain's policy says remove",
            Reason::PolicyKeep => "the domain's policy says keep",
            Reason::EmptyDrive => "no medium in the drive",
            Reason::ReadOnly => "read-only",
            Reason::Shareable => "shareable",
            Reason::Cdrom => "CD-ROM",
            Reason::Floppy => "floppy",
            Reason::RemoveAll => "--remove-all-storage",
            Reason::RemoveManaged => "--remove-managed-storage, and it belongs to a pool",
            Reason::RemoveUnmanaged => "--remove-unmanaged-storage, and it belongs to no pool",
            Reason::OnlyManaged => {
                "belongs to no pool, and --remove-managed-storage takes only pools' volumes"
            }
            Reason::OnlyUnmanaged => {
                "belongs to a pool, and --remove-unmanaged-storage takes none of those"
            }
            Reason::KeepStorage => "--keep-storage",
            Reason::Undecided => "read-write, and nothing says whether to remove it",
            Reason::InUse => "someone else uses it",
            Reason::Unreadable => "it or its chain cannot be read",
            Reason::Protected => "a protected path",
            Reason::Detached => "detached since: no disk of the domain any more",
            Reason::JobTarget => "a job of the running guest writes it, and ends with the guest",
            Reason::BackupTarget => {
                "a backup of the running guest writes it; libvirt deletes it if the guest ends \
                 first"
            }
            Reason::Unsupported => "this kind of storage cannot be quarantined yet",
        }
    }
}

/// One image below a disk's own, and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainLink {
    pub path: PathBuf,
    pub fate: Fate,
    pub used_by: Vec<User>,
    /// Of a base that stays while the image on it goes: what it was then.
    pub facts: Option<FileFacts>,
    /// Why it stays, where that is nobody's use: it could not be read, or is not there.
    pub reason: Option<String>,
}

/// One disk, and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskPlan {
    pub target: String,
    /// The real path of the image; the source as spelled where it is not a file we reach.
    pub path: Option<PathBuf>,
    /// The source as the XML spells it, where that differs from `path`.
    pub spelled: Option<String>,
    pub pooled: Option<Pooled>,
    pub access: Access,
    pub fate: Fate,
    pub reason: Reason,
    /// Bytes, apparent.
    pub size: u64,
    /// Bytes, allocated on the disk.
    pub allocated: u64,
    pub chain: Vec<ChainLink>,
    pub used_by: Vec<User>,
    /// Of an image that is not a disk of the definition: who has it at `target`, or had it. The
    /// snapshot or checkpoint that still names it, the job that writes it, or [`RUNNING_GUEST`].
    pub remembered_by: Option<String>,
}

/// Who has a disk that was attached to the running guest alone, or a medium that was changed in it.
pub const RUNNING_GUEST: &str = "the running guest";

impl DiskPlan {
    pub fn is_live_only(&self) -> bool {
        self.remembered_by.as_deref() == Some(RUNNING_GUEST)
    }
}

/// Every step of one domain's retirement, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub domain: DomainRef,
    pub title: Option<String>,
    pub active: bool,
    /// It is active, and its processors stand still.
    pub paused: bool,
    pub persistent: bool,
    pub refusals: Vec<Refusal>,
    pub disks: Vec<DiskPlan>,
    /// Empty where there are refusals.
    pub steps: Vec<Step>,
    /// What could not be looked at, and was accepted.
    pub unseen: Vec<String>,
    /// NVRAM that stays in its place (`--keep-nvram`), its symlinks before it: a rollback under
    /// another name copies this file and no other. `None` in a record of before this was written
    /// down.
    pub kept: Option<Vec<FileMove>>,
    /// Why libvirt would not define the domain again, if so; in an executable plan, accepted.
    pub not_redefinable: Option<String>,
    /// What could not be read of the chains of disks that go, each with its disk, and was accepted.
    pub unread: Vec<String>,
}

impl Plan {
    /// Whether it retires what a transient guest left that had ended by itself: only `watch` does.
    pub fn is_of_departed(&self) -> bool {
        !self.active && !self.persistent
    }

    pub fn is_executable(&self) -> bool {
        self.refusals.is_empty()
    }

    /// Whether both would do the same. Sizes and times of a running guest's files change all the
    /// time and mean nothing; of one that is off they mean that somebody wrote.
    pub fn is_same_as(&self, other: &Plan) -> bool {
        if !(self.active && other.active) {
            return self == other;
        }
        self.at_rest() == other.at_rest()
    }

    fn at_rest(&self) -> Plan {
        let mut plan = self.clone();
        // Whether it is asked to switch itself off is decided by a refusal, which is compared.
        plan.paused = false;
        for disk in &mut plan.disks {
            disk.size = 0;
            disk.allocated = 0;
        }
        let steps = plan.steps.iter_mut().filter_map(|step| match step {
            Step::Quarantine(item) => item.as_file_mut(),
            Step::CopyState(moved) => Some(moved),
            _ => None,
        });
        for moved in steps.chain(plan.kept.iter_mut().flatten()) {
            moved.facts.size = 0;
            moved.facts.allocated = 0;
            moved.facts.modified = super::FileTime {
                seconds: 0,
                nanoseconds: 0,
            };
        }
        plan
    }

    /// The names and the file of NVRAM that stays, if it was written down.
    pub fn kept_nvram(&self) -> Option<impl Iterator<Item = &FileMove>> {
        let is_nvram = |file: &&FileMove| file.role == FileRole::Nvram;
        Some(self.kept.as_ref()?.iter().filter(is_nvram))
    }

    /// The files of these steps are now so.
    pub fn settle(&mut self, files: &[(usize, FileFacts)]) {
        for (step, facts) in files {
            if let Some(Step::Quarantine(item)) = self.steps.get_mut(*step)
                && let Some(moved) = item.as_file_mut()
            {
                moved.facts = facts.clone();
            }
        }
    }

    /// Bytes, allocated, of all that goes into quarantine and of the copies there; a file of
    /// several names counts once.
    pub fn allocated(&self) -> u64 {
        let mut counted = std::collections::HashSet::new();
        let stored = self.steps.iter().filter_map(|step| match step {
            Step::CopyState(copied) => Some(Taken::File(copied)),
            other => other.taken(),
        });
        stored
            .filter(|taken| counted.insert(taken.key()))
            .map(Taken::allocated)
            .fold(0, u64::saturating_add)
    }

    /// Bytes, apparent, of all that goes into quarantine.
    pub fn bytes(&self) -> u64 {
        self.steps
            .iter()
            .filter_map(Step::taken)
            .map(Taken::size)
            // Sparse files may say more than there is room for anywhere.
            .fold(0, u64::saturating_add)
    }
}
