//! The steps of a plan.

use super::common::Pooled;
use super::file::FileFacts;
use crate::journal::mirror::mirror;
use crate::journal::primitive::Bytes;
use crate::model;

mirror!(enum FileRole = model::FileRole {
    Disk { target: String },
    Backing { target: String },
    DataFile { target: String },
    Link { target: String },
    ManagedSave,
    Nvram,
    TpmState,
    SnapshotMemory { snapshot: String },
});

mirror!(struct FileMove = model::FileMove {
    role: FileRole,
    path: Bytes,
    pooled: Option<Pooled>,
    facts: FileFacts,
});

mirror!(enum StorageItem = model::StorageItem {
    File(moved: FileMove),
});

mirror!(struct DiskState = model::DiskState {
    path: Bytes,
    facts: FileFacts,
});

mirror!(struct SavedState = model::SavedState {
    image: FileMove,
    disks: Vec<DiskState>,
});

mirror!(struct UndefineCall = model::UndefineCall {
    managed_save: bool,
    snapshots_metadata: bool,
    checkpoints_metadata: bool,
    keep_nvram: bool,
    keep_tpm: bool,
});

mirror!(enum Step = model::Step {
    SaveDefinition { bytes: u64 },
    SaveSnapshots { names: Vec<String>, bytes: u64 },
    SaveCheckpoints { names: Vec<String>, bytes: u64 },
    SaveAutostart { always: bool, once: bool },
    LinkManagedSave(saved: SavedState),
    Undefine(call: UndefineCall),
    ConfirmInactive,
    Quarantine(item: StorageItem),
    RefreshPool { pool: String },
    CopyState(copied: FileMove),
    MakePersistent,
    Stop { graceful: Option<u64> },
});
