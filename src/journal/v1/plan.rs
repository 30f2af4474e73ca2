//! The plan, as shown and as executed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::access::{Access, Fate, User, mirror};
use super::common::{Bytes, DomainRef, Pooled, all, each};
use super::step::Step;
use crate::model;

mirror!(Reason, crate::model::Reason, {
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
});

mirror!(RefusalCode, crate::model::RefusalCode, {
    UndecidedDisk,
    InUse,
    ActiveDomain,
    UnreadableChain,
    RemoteFiles,
    SnapshotsExist,
    CheckpointsExist,
    ManagedSaveExists,
    NvramUndecided,
    ProtectedPath,
    ChangedSincePlan,
    NameTaken,
    PathOccupied,
    Unsupported,
    Unseen,
    Protected,
    PolicyInvalid,
    NoSuchDisk,
});

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub code: RefusalCode,
    pub subject: String,
    pub message: String,
    pub hint: String,
}

impl From<&model::Refusal> for Refusal {
    fn from(refusal: &model::Refusal) -> Self {
        let model::Refusal {
            code,
            subject,
            message,
            hint,
        } = refusal.clone();
        Self {
            code: code.into(),
            subject,
            message,
            hint,
        }
    }
}

impl From<Refusal> for model::Refusal {
    fn from(refusal: Refusal) -> Self {
        let Refusal {
            code,
            subject,
            message,
            hint,
        } = refusal;
        Self {
            code: code.into(),
            subject,
            message,
            hint,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainLink {
    pub path: Bytes,
    pub fate: Fate,
    pub used_by: Vec<User>,
}

impl From<&model::ChainLink> for ChainLink {
    fn from(link: &model::ChainLink) -> Self {
        let model::ChainLink {
            path,
            fate,
            used_by,
        } = link;
        Self {
            path: path.into(),
            fate: (*fate).into(),
            used_by: each(used_by),
        }
    }
}

impl From<ChainLink> for model::ChainLink {
    fn from(link: ChainLink) -> Self {
        let ChainLink {
            path,
            fate,
            used_by,
        } = link;
        Self {
            path: path.into(),
            fate: fate.into(),
            used_by: all(used_by),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskPlan {
    pub target: String,
    pub path: Option<Bytes>,
    pub spelled: Option<String>,
    pub pooled: Option<Pooled>,
    pub access: Access,
    pub fate: Fate,
    pub reason: Reason,
    pub size: u64,
    pub chain: Vec<ChainLink>,
    pub used_by: Vec<User>,
}

impl From<&model::DiskPlan> for DiskPlan {
    fn from(disk: &model::DiskPlan) -> Self {
        let model::DiskPlan {
            target,
            path,
            spelled,
            pooled,
            access,
            fate,
            reason,
            size,
            chain,
            used_by,
        } = disk;
        Self {
            target: target.clone(),
            path: path.as_ref().map(Bytes::from),
            spelled: spelled.clone(),
            pooled: pooled.as_ref().map(Pooled::from),
            access: (*access).into(),
            fate: (*fate).into(),
            reason: reason.clone().into(),
            size: *size,
            chain: each(chain),
            used_by: each(used_by),
        }
    }
}

impl From<DiskPlan> for model::DiskPlan {
    fn from(disk: DiskPlan) -> Self {
        let DiskPlan {
            target,
            path,
            spelled,
            pooled,
            access,
            fate,
            reason,
            size,
            chain,
            used_by,
        } = disk;
        Self {
            target,
            path: path.map(PathBuf::from),
            spelled,
            pooled: pooled.map(model::Pooled::from),
            access: access.into(),
            fate: fate.into(),
            reason: reason.into(),
            size,
            chain: all(chain),
            used_by: all(used_by),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub domain: DomainRef,
    pub title: Option<String>,
    pub active: bool,
    pub persistent: bool,
    pub refusals: Vec<Refusal>,
    pub disks: Vec<DiskPlan>,
    pub steps: Vec<Step>,
    pub unseen: Vec<String>,
}

impl From<&model::Plan> for Plan {
    fn from(plan: &model::Plan) -> Self {
        let model::Plan {
            domain,
            title,
            active,
            persistent,
            refusals,
            disks,
            steps,
            unseen,
        } = plan;
        Self {
            domain: domain.into(),
            title: title.clone(),
            active: *active,
            persistent: *persistent,
            refusals: each(refusals),
            disks: each(disks),
            steps: each(steps),
            unseen: unseen.clone(),
        }
    }
}

impl From<Plan> for model::Plan {
    fn from(plan: Plan) -> Self {
        let Plan {
            domain,
            title,
            active,
            persistent,
            refusals,
            disks,
            steps,
            unseen,
        } = plan;
        Self {
            domain: domain.into(),
            title,
            active,
            persistent,
            refusals: all(refusals),
            disks: all(disks),
            steps: all(steps),
            unseen,
        }
    }
}
