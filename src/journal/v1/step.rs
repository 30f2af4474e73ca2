//! The steps of a plan.

use serde::{Deserialize, Serialize};

use super::common::{Bytes, Pooled};
use super::file::FileFacts;
use crate::model;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileRole {
    Disk { target: String },
    Backing { target: String },
    DataFile { target: String },
    Link { target: String },
    ManagedSave,
    Nvram,
    TpmState,
    SnapshotMemory { snapshot: String },
}

impl From<&model::FileRole> for FileRole {
    fn from(role: &model::FileRole) -> Self {
        use model::FileRole as Model;
        match role.clone() {
            Model::Disk { target } => Self::Disk { target },
            Model::Backing { target } => Self::Backing { target },
            Model::DataFile { target } => Self::DataFile { target },
            Model::Link { target } => Self::Link { target },
            Model::ManagedSave => Self::ManagedSave,
            Model::Nvram => Self::Nvram,
            Model::TpmState => Self::TpmState,
            Model::SnapshotMemory { snapshot } => Self::SnapshotMemory { snapshot },
        }
    }
}

impl From<FileRole> for model::FileRole {
    fn from(role: FileRole) -> Self {
        match role {
            FileRole::Disk { target } => Self::Disk { target },
            FileRole::Backing { target } => Self::Backing { target },
            FileRole::DataFile { target } => Self::DataFile { target },
            FileRole::Link { target } => Self::Link { target },
            FileRole::ManagedSave => Self::ManagedSave,
            FileRole::Nvram => Self::Nvram,
            FileRole::TpmState => Self::TpmState,
            FileRole::SnapshotMemory { snapshot } => Self::SnapshotMemory { snapshot },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMove {
    pub role: FileRole,
    pub path: Bytes,
    pub pooled: Option<Pooled>,
    pub facts: FileFacts,
}

impl From<&model::FileMove> for FileMove {
    fn from(moved: &model::FileMove) -> Self {
        let model::FileMove {
            role,
            path,
            pooled,
            facts,
        } = moved;
        Self {
            role: role.into(),
            path: path.into(),
            pooled: pooled.as_ref().map(Pooled::from),
            facts: facts.into(),
        }
    }
}

impl From<FileMove> for model::FileMove {
    fn from(moved: FileMove) -> Self {
        let FileMove {
            role,
            path,
            pooled,
            facts,
        } = moved;
        Self {
            role: role.into(),
            path: path.into(),
            pooled: pooled.map(model::Pooled::from),
            facts: facts.into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskState {
    pub path: Bytes,
    pub facts: FileFacts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedState {
    pub image: FileMove,
    pub disks: Vec<DiskState>,
}

impl From<&model::SavedState> for SavedState {
    fn from(model::SavedState { image, disks }: &model::SavedState) -> Self {
        let disk = |model::DiskState { path, facts }: &model::DiskState| DiskState {
            path: path.into(),
            facts: facts.into(),
        };
        Self {
            image: image.into(),
            disks: disks.iter().map(disk).collect(),
        }
    }
}

impl From<SavedState> for model::SavedState {
    fn from(SavedState { image, disks }: SavedState) -> Self {
        let disk = |DiskState { path, facts }| model::DiskState {
            path: path.into(),
            facts: facts.into(),
        };
        Self {
            image: image.into(),
            disks: disks.into_iter().map(disk).collect(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndefineCall {
    pub managed_save: bool,
    pub snapshots_metadata: bool,
    pub checkpoints_metadata: bool,
    pub keep_nvram: bool,
    pub keep_tpm: bool,
}

impl From<model::UndefineCall> for UndefineCall {
    fn from(call: model::UndefineCall) -> Self {
        let model::UndefineCall {
            managed_save,
            snapshots_metadata,
            checkpoints_metadata,
            keep_nvram,
            keep_tpm,
        } = call;
        Self {
            managed_save,
            snapshots_metadata,
            checkpoints_metadata,
            keep_nvram,
            keep_tpm,
        }
    }
}

impl From<UndefineCall> for model::UndefineCall {
    fn from(call: UndefineCall) -> Self {
        let UndefineCall {
            managed_save,
            snapshots_metadata,
            checkpoints_metadata,
            keep_nvram,
            keep_tpm,
        } = call;
        Self {
            managed_save,
            snapshots_metadata,
            checkpoints_metadata,
            keep_nvram,
            keep_tpm,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    SaveDefinition { bytes: u64 },
    SaveSnapshots { names: Vec<String>, bytes: u64 },
    SaveCheckpoints { names: Vec<String>, bytes: u64 },
    SaveAutostart { always: bool, once: bool },
    LinkManagedSave(SavedState),
    Undefine(UndefineCall),
    ConfirmInactive,
    Quarantine(FileMove),
    RefreshPool { pool: String },
    CopyState(FileMove),
    MakePersistent,
    Stop { graceful: Option<u64> },
}

impl From<&model::Step> for Step {
    fn from(step: &model::Step) -> Self {
        use model::Step as Model;
        match step {
            Model::SaveDefinition { bytes } => Self::SaveDefinition { bytes: *bytes },
            Model::SaveSnapshots { names, bytes } => Self::SaveSnapshots {
                names: names.clone(),
                bytes: *bytes,
            },
            Model::SaveCheckpoints { names, bytes } => Self::SaveCheckpoints {
                names: names.clone(),
                bytes: *bytes,
            },
            Model::SaveAutostart { always, once } => Self::SaveAutostart {
                always: *always,
                once: *once,
            },
            Model::LinkManagedSave(moved) => Self::LinkManagedSave(moved.into()),
            Model::Undefine(call) => Self::Undefine((*call).into()),
            Model::ConfirmInactive => Self::ConfirmInactive,
            Model::Quarantine(moved) => Self::Quarantine(moved.into()),
            Model::RefreshPool { pool } => Self::RefreshPool { pool: pool.clone() },
            Model::CopyState(copied) => Self::CopyState(copied.into()),
            Model::MakePersistent => Self::MakePersistent,
            Model::Stop { graceful } => Self::Stop {
                graceful: *graceful,
            },
        }
    }
}

impl From<Step> for model::Step {
    fn from(step: Step) -> Self {
        match step {
            Step::SaveDefinition { bytes } => Self::SaveDefinition { bytes },
            Step::SaveSnapshots { names, bytes } => Self::SaveSnapshots { names, bytes },
            Step::SaveCheckpoints { names, bytes } => Self::SaveCheckpoints { names, bytes },
            Step::SaveAutostart { always, once } => Self::SaveAutostart { always, once },
            Step::LinkManagedSave(moved) => Self::LinkManagedSave(moved.into()),
            Step::Undefine(call) => Self::Undefine(call.into()),
            Step::ConfirmInactive => Self::ConfirmInactive,
            Step::Quarantine(moved) => Self::Quarantine(moved.into()),
            Step::RefreshPool { pool } => Self::RefreshPool { pool },
            Step::CopyState(copied) => Self::CopyState(copied.into()),
            Step::MakePersistent => Self::MakePersistent,
            Step::Stop { graceful } => Self::Stop { graceful },
        }
    }
}
