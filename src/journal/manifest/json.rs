//! The shape of `manifest.json`, and how it is filled.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{DOMAIN, checkpoint_file, snapshot_file};
use crate::model::{self, FileKind, FileRole, Transaction, Verdict};

pub(super) const VERSION: u16 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub version: u16,
    pub transaction: u64,
    pub transaction_uuid: String,
    pub domain: String,
    pub domain_uuid: String,
    pub uri: String,
    pub host: String,
    /// RFC 3339 in UTC.
    pub started_at: String,
    pub user: String,
    pub login: Option<String>,
    pub reason: Option<String>,
    /// When this file was written; the journal, or else the disk, knows the present one.
    pub state_as_of_writing: String,
    pub domain_xml: String,
    pub autostart: bool,
    pub autostart_once: bool,
    /// Parents before children: the order in which `--redefine` accepts them.
    pub snapshots: Vec<Tree>,
    pub checkpoints: Vec<Tree>,
    /// The pool volumes among the domain's disks, as libvirt described them.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// Where a rule was set aside: the flag, and what was accepted.
    #[serde(default)]
    pub overrides: Vec<String>,
    pub flags: Flags,
    pub files: Vec<File>,
    /// How to restore by hand, line by line.
    pub restore: Vec<String>,
}

/// One snapshot or checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    pub name: String,
    pub parent: Option<String>,
    pub current: bool,
    pub file: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    pub pool: String,
    pub volume: String,
    /// With U+FFFD for what is no UTF-8.
    pub path: String,
    /// As `virsh vol-dumpxml` prints it.
    pub xml: Option<String>,
    /// Why there is none.
    pub cause: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flags {
    pub storage: Option<Vec<String>>,
    pub remove_all_storage: bool,
    pub remove_managed_storage: bool,
    pub remove_unmanaged_storage: bool,
    pub keep_storage: bool,
    pub managed_save: bool,
    pub snapshots_metadata: bool,
    pub checkpoints_metadata: bool,
    pub nvram: Option<String>,
    pub tpm: Option<String>,
    pub wipe_storage: bool,
    pub delete_storage_volume_snapshots: bool,
    pub accept_unseen: bool,
    #[serde(default)]
    pub accept_not_redefinable: bool,
    #[serde(default)]
    pub accept_broken_chain: bool,
    pub override_protection: bool,
    pub stop_first: bool,
    #[serde(default)]
    pub graceful: Option<u64>,
    pub commit_at_once: bool,
}

/// One quarantined file, or a copy of what libvirt takes away when a guest that ran on ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// With U+FFFD for what is no UTF-8; then `original_hex` has the bytes.
    pub original: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_hex: Option<String>,
    pub stored: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_hex: Option<String>,
    pub step: usize,
    /// `disk`, `backing`, `managed-save` …
    pub role: String,
    /// The disk's target or the snapshot's name, where the role has one.
    pub subject: Option<String>,
    pub kind: String,
    pub uid: u32,
    pub gid: u32,
    /// Octal.
    pub mode: String,
    pub size_bytes: u64,
    /// `SECONDS.NANOSECONDS` since 1970.
    pub mtime: String,
    pub device: u64,
    pub inode: u64,
    pub born: Option<String>,
    pub pool: Option<String>,
    pub volume: Option<String>,
}

impl Manifest {
    pub(super) fn of(transaction: &Transaction) -> Self {
        let model::Evidence {
            user,
            login,
            host,
            reason,
            uri,
            overrides,
            ..
        } = transaction.evidence.clone();
        let definition = &transaction.definition;
        let files: Vec<File> = transaction
            .quarantined()
            .map(|(step, taken, stored)| match taken {
                model::Taken::File(moved) => File::of(step, moved, &stored),
            })
            .collect();
        let current = definition.current_snapshot.as_ref();
        let last_checkpoint = definition.checkpoints.len().checked_sub(1);
        Self {
            version: VERSION,
            transaction: transaction.id.0,
            transaction_uuid: transaction.uuid.to_string(),
            domain: transaction.domain().name.clone(),
            domain_uuid: transaction.domain().uuid.to_string(),
            uri,
            host,
            started_at: transaction.started_at.to_string(),
            user,
            login,
            reason,
            state_as_of_writing: transaction.state().word().to_owned(),
            domain_xml: DOMAIN.to_owned(),
            autostart: definition.autostart.always,
            autostart_once: definition.autostart.once,
            snapshots: (definition.snapshots.iter().enumerate())
                .map(|(index, snapshot)| Tree {
                    name: snapshot.name.clone(),
                    parent: snapshot.parent.clone(),
                    current: Some(&snapshot.name) == current,
                    file: snapshot_file(index),
                })
                .collect(),
            checkpoints: (definition.checkpoints.iter().enumerate())
                .map(|(index, checkpoint)| Tree {
                    name: checkpoint.name.clone(),
                    parent: checkpoint.parent.clone(),
                    // libvirt has no call for it: the one defined last is the current.
                    current: Some(index) == last_checkpoint,
                    file: checkpoint_file(index),
                })
                .collect(),
            volumes: transaction.volumes.iter().map(Volume::of).collect(),
            overrides: overrides.iter().map(model::Override::phrase).collect(),
            flags: Flags::of(transaction),
            files,
            // Made of all that stands above: `restore.rs`.
            restore: Vec::new(),
        }
    }
}

impl Volume {
    fn of(saved: &model::SavedVolume) -> Self {
        Self {
            pool: saved.pooled.pool.clone(),
            volume: saved.pooled.volume.clone(),
            path: saved.path.to_string_lossy().into_owned(),
            xml: saved.xml.clone().ok(),
            cause: saved.xml.clone().err(),
        }
    }
}

impl Flags {
    fn of(transaction: &Transaction) -> Self {
        let model::Removal {
            storage:
                model::StorageFlags {
                    named,
                    all,
                    managed,
                    unmanaged,
                    keep,
                },
            managed_save,
            snapshots_metadata,
            checkpoints_metadata,
            nvram,
            tpm,
            wipe_storage,
            delete_volume_snapshots,
            accept_unseen,
            accept_not_redefinable,
            accept_broken_chain,
            override_protection,
            stop_first,
            graceful,
        } = transaction.removal.clone();
        let word = |verdict: Verdict| verdict.word().to_owned();
        Self {
            storage: named,
            remove_all_storage: all,
            remove_managed_storage: managed,
            remove_unmanaged_storage: unmanaged,
            keep_storage: keep,
            managed_save,
            snapshots_metadata,
            checkpoints_metadata,
            nvram: nvram.map(word),
            tpm: tpm.map(word),
            wipe_storage,
            delete_storage_volume_snapshots: delete_volume_snapshots,
            accept_unseen,
            accept_not_redefinable,
            accept_broken_chain,
            override_protection,
            stop_first,
            graceful,
            commit_at_once: transaction.commit_at_once,
        }
    }
}

impl File {
    fn of(step: usize, moved: &model::FileMove, stored: &Path) -> Self {
        let (original, original_hex) = spell(&moved.path);
        let (stored, stored_hex) = spell(stored);
        let (role, subject) = match moved.role.clone() {
            FileRole::Disk { target } => ("disk", Some(target)),
            FileRole::Backing { target } => ("backing", Some(target)),
            FileRole::DataFile { target } => ("data-file", Some(target)),
            FileRole::Link { target } => ("link", Some(target)),
            FileRole::ManagedSave => ("managed-save", None),
            FileRole::Nvram => ("nvram", None),
            FileRole::TpmState => ("tpm-state", None),
            FileRole::SnapshotMemory { snapshot } => ("snapshot-memory", Some(snapshot)),
        };
        let kind = match moved.facts.kind {
            FileKind::Regular => "file",
            FileKind::Directory => "directory",
            FileKind::Symlink => "symlink",
            FileKind::BlockDevice => "block-device",
            FileKind::Other => "other",
        };
        let facts = &moved.facts;
        Self {
            original,
            original_hex,
            stored,
            stored_hex,
            step,
            role: role.to_owned(),
            subject,
            kind: kind.to_owned(),
            uid: facts.uid,
            gid: facts.gid,
            mode: format!("{:04o}", facts.mode & 0o7777),
            size_bytes: facts.size,
            mtime: time(facts.modified),
            device: facts.identity.device,
            inode: facts.identity.inode,
            born: facts.identity.born.map(time),
            pool: moved.pooled.as_ref().map(|pooled| pooled.pool.clone()),
            volume: moved.pooled.as_ref().map(|pooled| pooled.volume.clone()),
        }
    }
}

fn time(time: model::FileTime) -> String {
    format!("{}.{:09}", time.seconds, time.nanoseconds)
}

/// A path as JSON can say it, and its bytes in hex where that loses something.
fn spell(path: &Path) -> (String, Option<String>) {
    let hex = || {
        let bytes = path.as_os_str().as_bytes();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    match path.to_str() {
        Some(text) => (text.to_owned(), None),
        None => (path.to_string_lossy().into_owned(), Some(hex())),
    }
}
