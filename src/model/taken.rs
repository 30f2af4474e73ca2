//! What a transaction takes away from its domain and brings back, whatever kind of thing it is.

use std::path::Path;

use super::{FileMove, FileRole, Pooled};

/// One thing that a step takes. Whoever lists, counts, looks for or judges what is taken asks this value;
/// what its kind decides is in the few matches that the compiler names when there is another kind.
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

    pub fn as_file(self) -> Option<&'a FileMove> {
        match self {
            Self::File(moved) => Some(moved),
        }
    }
}
