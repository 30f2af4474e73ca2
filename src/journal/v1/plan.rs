//! The plan, as shown and as executed.

use super::access::{Access, Fate, User};
use super::common::{DomainRef, Pooled};
use super::step::Step;
use crate::journal::mirror::frozen;
use crate::journal::primitive::Bytes;
use crate::model;

frozen!(enum Reason = model::Reason {
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
    Detached,
});

frozen!(enum RefusalCode = model::RefusalCode {
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

frozen!(struct Refusal = model::Refusal {
    code: RefusalCode,
    subject: String,
    message: String,
    hint: String,
});

frozen!(struct ChainLink = model::ChainLink {
    path: Bytes,
    fate: Fate,
    used_by: Vec<User>,
} else {
    facts: None,
    reason: None,
});

frozen!(struct DiskPlan = model::DiskPlan {
    target: String,
    path: Option<Bytes>,
    spelled: Option<String>,
    pooled: Option<Pooled>,
    access: Access,
    fate: Fate,
    reason: Reason,
    size: u64,
    chain: Vec<ChainLink>,
    used_by: Vec<User>,
    remembered_by: Option<String>,
} else {
    allocated: 0,
});

frozen!(struct Plan = model::Plan {
    domain: DomainRef,
    title: Option<String>,
    active: bool,
    persistent: bool,
    refusals: Vec<Refusal>,
    disks: Vec<DiskPlan>,
    steps: Vec<Step>,
    unseen: Vec<String>,
} else {
    paused: false,
    kept: None,
    not_redefinable: None,
    unread: Vec::new(),
});
