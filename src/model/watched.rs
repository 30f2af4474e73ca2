//! A transient guest that `watch` follows: what its end throws away, kept beforehand.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{Definition, DomainRef, FileFacts};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// libvirt's URI that the guest runs at.
    pub uri: String,
    pub domain: DomainRef,
    pub definition: Definition,
    /// The disks' own files, so that another one under the same name is not taken for it.
    pub files: Vec<(PathBuf, FileFacts)>,
    /// Since when.
    pub since: Timestamp,
}

impl Watched {
    /// Whether both have the same files under the same names.
    pub fn has_same_files(&self, other: &Watched) -> bool {
        let mut pairs = self.files.iter().zip(&other.files);
        self.files.len() == other.files.len()
            && pairs.all(|((path, facts), (its, theirs))| path == its && facts.is_same_file(theirs))
    }
}

/// How a guest ended, by libvirt's event or by what it wrote in the guest's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Shutdown,
    Destroyed,
    Crashed,
    Failed,
    /// Goes on on another host.
    Migrated,
    /// Goes on when it is restored.
    Saved,
    /// Goes on from a snapshot.
    FromSnapshot,
    /// libvirt says nothing that we know.
    Unknown,
}

impl Ended {
    pub fn word(self) -> &'static str {
        match self {
            Ended::Shutdown => "shutdown",
            Ended::Destroyed => "destroyed",
            Ended::Crashed => "crashed",
            Ended::Failed => "failed",
            Ended::Migrated => "migrated",
            Ended::Saved => "saved",
            Ended::FromSnapshot => "from-snapshot",
            Ended::Unknown => "unknown",
        }
    }

    /// By the word in QEMU's log, which is `virDomainShutoffReason`'s.
    pub fn from_log(word: &str) -> Self {
        match word {
            "shutdown" => Ended::Shutdown,
            "destroyed" => Ended::Destroyed,
            "crashed" => Ended::Crashed,
            "failed" => Ended::Failed,
            "migrated" => Ended::Migrated,
            "saved" => Ended::Saved,
            "from snapshot" => Ended::FromSnapshot,
            _ => Ended::Unknown,
        }
    }

    /// Whether the guest is no more. One that goes on elsewhere or later has not died, and where
    /// nobody can tell it is not taken for dead: its disks may be in use on another host.
    pub fn is_death(self) -> bool {
        matches!(
            self,
            Ended::Shutdown | Ended::Destroyed | Ended::Crashed | Ended::Failed
        )
    }
}
