//! What a transaction takes away from its domain and brings back, whatever kind of thing it is.

use std::path::{Path, PathBuf};

use super::{FileKind, FileMove, FileRole, Pooled, QuarantineFolder};

/// What a step of the plan takes, by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageItem {
    File(FileMove),
}

impl StorageItem {
    pub fn taken(&self) -> Taken<'_> {
        match self {
            Self::File(moved) => Taken::File(moved),
        }
    }

    /// The plan's word for a step that takes it.
    pub fn step_kind(&self) -> &'static str {
        match self {
            Self::File(moved) if moved.facts.kind == FileKind::Symlink => "quarantine-link",
            Self::File(moved) => match moved.role {
                FileRole::Disk { .. } => "quarantine-disk",
                FileRole::Backing { .. } => "quarantine-backing",
                FileRole::DataFile { .. } => "quarantine-data-file",
                FileRole::Link { .. } => "quarantine-link",
                FileRole::ManagedSave => "save-managed-save",
                FileRole::Nvram => "quarantine-nvram",
                FileRole::TpmState => "quarantine-tpm",
                FileRole::SnapshotMemory { .. } => "quarantine-snapshot-memory",
            },
        }
    }

    pub fn as_file_mut(&mut self) -> Option<&mut FileMove> {
        match self {
            Self::File(moved) => Some(moved),
        }
    }
}

/// One thing that a step takes. Whoever lists, counts, looks for or judges what is taken asks this
/// value; what its kind decides is in the few matches that the compiler names when there is another
/// kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken<'a> {
    /// A file or a folder, renamed within its file system.
    File(&'a FileMove),
}

impl<'a> Taken<'a> {
    /// By what its domain names it, symlinks resolved.
    pub fn path(self) -> &'a Path {
        match self {
            Self::File(moved) => &moved.path,
        }
    }

    pub fn role(self) -> &'a FileRole {
        match self {
            Self::File(moved) => &moved.role,
        }
    }

    pub fn pooled(self) -> Option<&'a Pooled> {
        match self {
            Self::File(moved) => moved.pooled.as_ref(),
        }
    }

    /// Bytes, apparent, as the plan has them.
    pub fn size(self) -> u64 {
        match self {
            Self::File(moved) => moved.facts.size,
        }
    }

    /// Bytes, allocated, as the plan has them.
    pub fn allocated(self) -> u64 {
        match self {
            Self::File(moved) => moved.facts.allocated,
        }
    }

    /// The same for all names of one thing, so that it is counted once.
    pub fn key(self) -> (u64, u64) {
        match self {
            Self::File(moved) => moved.facts.identity.key(),
        }
    }

    /// Where it waits, as the `index`th step of a transaction with these folders. A name of
    /// numbers: its own may be 255 bytes long, or hostile. The manifest says which is which.
    pub fn waits_at(self, index: usize, folders: &[QuarantineFolder]) -> Option<PathBuf> {
        match self {
            Self::File(moved) => {
                let source = moved.path.parent().unwrap_or(Path::new("/"));
                let place = folders.iter().find(|place| place.source == source)?;
                Some(place.folder.join(format!("{index:03}")))
            }
        }
    }

    pub fn as_file(self) -> Option<&'a FileMove> {
        match self {
            Self::File(moved) => Some(moved),
        }
    }
}
