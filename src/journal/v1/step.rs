//! The steps of a plan.

use super::common::Pooled;
use super::file::FileFacts;
use crate::journal::mirror::{Load, frozen};
use crate::journal::primitive::Bytes;
use crate::model;

frozen!(enum FileRole = model::FileRole {
    Disk { target: String },
    Backing { target: String },
    DataFile { target: String },
    Link { target: String },
    ManagedSave,
    Nvram,
    TpmState,
    SnapshotMemory { snapshot: String },
});

frozen!(struct FileMove = model::FileMove {
    role: FileRole,
    path: Bytes,
    pooled: Option<Pooled>,
    facts: FileFacts,
});

/// It knew no other kind.
impl Load<model::StorageItem> for FileMove {
    fn load(self) -> model::StorageItem {
        model::StorageItem::File(self.load())
    }
}

frozen!(struct DiskState = model::DiskState {
    path: Bytes,
    facts: FileFacts,
});

frozen!(struct SavedState = model::SavedState {
    image: FileMove,
    disks: Vec<DiskState>,
});

frozen!(struct UndefineCall = model::UndefineCall {
    managed_save: bool,
    snapshots_metadata: bool,
    checkpoints_metadata: bool,
    keep_nvram: bool,
    keep_tpm: bool,
});

frozen!(enum Step = model::Step {
    SaveDefinition { bytes: u64 },
    SaveSnapshots { names: Vec<String>, bytes: u64 },
    SaveCheckpoints { names: Vec<String>, bytes: u64 },
    SaveAutostart { always: bool, once: bool },
    LinkManagedSave(saved: SavedState),
    Undefine(call: UndefineCall),
    ConfirmInactive,
    Quarantine(moved: FileMove),
    RefreshPool { pool: String },
    CopyState(copied: FileMove),
    MakePersistent,
    Stop { graceful: Option<u64> },
});
