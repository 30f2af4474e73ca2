//! What the operator asked for, as values.

/// What shall happen to an artefact that virsh offers both ways for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Remove,
    Keep,
}

impl Verdict {
    /// The word on the command line and in the policy's XML.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Remove => "remove",
            Verdict::Keep => "keep",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        [Verdict::Remove, Verdict::Keep]
            .into_iter()
            .find(|verdict| verdict.word() == word)
    }
}

/// The flags that speak of disks. `keep` excludes the others; the command line sees to that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StorageFlags {
    /// `--storage`: targets or source paths, as typed.
    pub named: Option<Vec<String>>,
    pub all: bool,
    pub managed: bool,
    pub unmanaged: bool,
    pub keep: bool,
}

impl StorageFlags {
    /// Whether any flag that removes storage was given: such a flag refuses a running domain.
    pub fn removes(&self) -> bool {
        self.named.is_some() || self.all || self.managed || self.unmanaged
    }
}

/// All removal flags of `plan`, `undefine` and `destroy`, with virsh's meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removal {
    pub storage: StorageFlags,
    pub managed_save: bool,
    pub snapshots_metadata: bool,
    pub checkpoints_metadata: bool,
    pub nvram: Option<Verdict>,
    pub tpm: Option<Verdict>,
    /// Overwrite at purge.
    pub wipe_storage: bool,
    pub delete_volume_snapshots: bool,
    /// Go on although some users of the disks could not be looked for.
    pub accept_unseen: bool,
    /// Go on although libvirt would not define the domain again as it is.
    pub accept_not_redefinable: bool,
    /// Take of a chain what could be read, although it could not be read to its end.
    pub accept_broken_chain: bool,
    /// Go on although the domain's policy protects it; needs a reason.
    pub override_protection: bool,
    /// The domain will have been stopped by the time the steps run (`destroy`).
    pub stop_first: bool,
    /// Stop it by asking the guest, which has so many seconds; without, at once.
    pub graceful: Option<u64>,
}
