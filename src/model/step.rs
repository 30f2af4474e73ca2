//! The closed list of effects. Every step has an inverse, and both are idempotent.
//!
//! A new kind of step is one variant here; the compiler then names every place that must speak of
//! it: its words below, its stored form in `journal`, its effect and inverse in `engine::steps`. A
//! new kind of storage is no new step: see [`StorageItem`] and [`crate::engine`].

use std::path::PathBuf;

use super::{FileFacts, Pooled, StorageItem, Taken};

/// As what the domain uses a file that is moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileRole {
    Disk {
        target: String,
    },
    Backing {
        target: String,
    },
    DataFile {
        target: String,
    },
    /// A symlink by which the domain or an image names a file.
    Link {
        target: String,
    },
    ManagedSave,
    Nvram,
    TpmState,
    SnapshotMemory {
        snapshot: String,
    },
}

/// One file on its way between its place and the quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMove {
    pub role: FileRole,
    /// The real path, no component of which is a symlink (a moved symlink's own name excepted).
    pub path: PathBuf,
    pub pooled: Option<Pooled>,
    /// As it was when the plan was made; the identity is checked again at the move.
    pub facts: FileFacts,
}

/// One of the domain's writable disks as it was when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskState {
    /// The image that the guest writes to.
    pub path: PathBuf,
    pub facts: FileFacts,
}

/// A managed save image: a guest's memory, which fits its disks as they were then and no others.
/// Resuming it over disks that were written to since would destroy their file systems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedState {
    pub image: FileMove,
    pub disks: Vec<DiskState>,
}

/// What the one undefine call is told. It deletes no file of value: NVRAM and TPM state are kept
/// for us to move, and the managed save image has a second link by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UndefineCall {
    pub managed_save: bool,
    pub snapshots_metadata: bool,
    pub checkpoints_metadata: bool,
    pub keep_nvram: bool,
    pub keep_tpm: bool,
}

/// One effect and its inverse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Writes manifest and XML into the quarantine. Inverse: removes the emptied folder.
    SaveDefinition { bytes: u64 },
    /// Its metadata is saved with the definition. Inverse: redefines it, parents first.
    SaveSnapshots { names: Vec<String>, bytes: u64 },
    /// As for snapshots.
    SaveCheckpoints { names: Vec<String>, bytes: u64 },
    /// Inverse: sets the flag again.
    SaveAutostart { always: bool, once: bool },
    /// A second hard link in the quarantine, so that undefine may drop the first. Inverse: back.
    /// It comes back as the managed save only to the disks that it fits.
    LinkManagedSave(SavedState),
    /// A copy of what a running guest goes on using and libvirt removes at its end: NVRAM, TPM
    /// state. Inverse: puts it back where the original has gone.
    CopyState(FileMove),
    /// Defines a running transient domain, so that its end takes nothing along. Inverse: makes it
    /// transient again if it still runs; one that has ended stays defined, for else it were lost.
    MakePersistent,
    /// Ends the guest: at once, or by asking it and waiting for `graceful` seconds. What its files
    /// are is looked at again then ([`super::EventKind::Settled`]). No inverse: a guest that was
    /// stopped stays so until it is started (`rollback --start`).
    Stop { graceful: Option<u64> },
    /// Inverse: defines the saved XML.
    Undefine(UndefineCall),
    /// Looks again that the domain is not running: once it is not defined, nobody can start it.
    ConfirmInactive,
    /// What its keeper does with it. Inverse: brings it back, never over anything.
    Quarantine(StorageItem),
    /// Makes libvirt's list of volumes true again. Its own inverse, after all files are back.
    RefreshPool { pool: String },
}

/// By what the world shows that a step was done, where nobody has written it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// What it takes is where it waits.
    Taken,
    /// The domain is not defined.
    Undefined,
    /// By nothing that could be in two places: doing or undoing it once more than needed does no
    /// harm.
    Nothing,
}

impl Step {
    pub fn trace(&self) -> Trace {
        match self {
            Step::LinkManagedSave(_) | Step::Quarantine(_) => Trace::Taken,
            Step::Undefine(_) => Trace::Undefined,
            Step::SaveDefinition { .. }
            | Step::SaveSnapshots { .. }
            | Step::SaveCheckpoints { .. }
            | Step::SaveAutostart { .. }
            | Step::CopyState(_)
            | Step::MakePersistent
            | Step::Stop { .. }
            | Step::ConfirmInactive
            | Step::RefreshPool { .. } => Trace::Nothing,
        }
    }

    /// The word in JSON and in the event log.
    pub fn kind(&self) -> &'static str {
        match self {
            Step::SaveDefinition { .. } => "save-definition",
            Step::SaveSnapshots { .. } => "save-snapshots",
            Step::SaveCheckpoints { .. } => "save-checkpoints",
            Step::SaveAutostart { .. } => "save-autostart",
            Step::LinkManagedSave(_) => "save-managed-save",
            Step::CopyState(copied) => match copied.role {
                FileRole::TpmState => "copy-tpm",
                _ => "copy-nvram",
            },
            Step::MakePersistent => "make-persistent",
            Step::Stop { graceful: None } => "stop",
            Step::Stop { graceful: Some(_) } => "shut-down",
            Step::Undefine(_) => "undefine",
            Step::ConfirmInactive => "confirm-inactive",
            Step::Quarantine(item) => item.step_kind(),
            Step::RefreshPool { .. } => "refresh-pool",
        }
    }

    /// What this step puts into quarantine, if it is one that does.
    pub fn taken(&self) -> Option<Taken<'_>> {
        match self {
            Step::LinkManagedSave(saved) => Some(Taken::File(&saved.image)),
            Step::Quarantine(item) => Some(item.taken()),
            Step::SaveDefinition { .. }
            | Step::SaveSnapshots { .. }
            | Step::SaveCheckpoints { .. }
            | Step::SaveAutostart { .. }
            | Step::CopyState(_)
            | Step::MakePersistent
            | Step::Stop { .. }
            | Step::Undefine(_)
            | Step::ConfirmInactive
            | Step::RefreshPool { .. } => None,
        }
    }

    /// The same where it is a file.
    pub fn file(&self) -> Option<&FileMove> {
        self.taken()?.as_file()
    }

    /// Bytes that the step saves or moves.
    pub fn bytes(&self) -> Option<u64> {
        match self {
            Step::SaveDefinition { bytes }
            | Step::SaveSnapshots { bytes, .. }
            | Step::SaveCheckpoints { bytes, .. } => Some(*bytes),
            Step::CopyState(copied) => Some(copied.facts.size),
            other => other.taken().map(Taken::size),
        }
    }
}

/// In which order steps are undone: the reverse, but pools are looked at again last, when every
/// file is where it belongs.
pub fn undo_order(steps: &[Step]) -> Vec<usize> {
    let is_refresh = |index: &usize| matches!(steps[*index], Step::RefreshPool { .. });
    let (refreshes, rest): (Vec<_>, Vec<_>) = (0..steps.len()).rev().partition(is_refresh);
    rest.into_iter().chain(refreshes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_are_refreshed_after_everything_is_back() {
        let steps = [
            Step::SaveDefinition { bytes: 1 },
            Step::Undefine(UndefineCall::default()),
            Step::RefreshPool {
                pool: "default".into(),
            },
        ];
        assert_eq!(undo_order(&steps), [1, 0, 2]);
    }
}
