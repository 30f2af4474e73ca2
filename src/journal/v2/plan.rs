//! The plan, as shown and as executed.

use super::access::{Access, Fate, User};
use super::common::{DomainRef, Pooled};
use super::file::FileFacts;
use super::step::{FileMove, Step};
use crate::journal::mirror::mirror;
use crate::journal::primitive::Bytes;
use crate::model;

mirror!(enum Reason = model::Reason {
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
    JobTarget,
    BackupTarget,
});

mirror!(enum RefusalCode = model::RefusalCode {
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
    NotRedefinable,
    BaseChanged,
    PlaceChanged,
    OtherDomain,
    Held,
});

mirror!(struct Refusal = model::Refusal {
    code: RefusalCode,
    subject: String,
    message: String,
    hint: String,
});

mirror!(struct ChainLink = model::ChainLink {
    path: Bytes,
    fate: Fate,
    used_by: Vec<User>,
    facts: Option<FileFacts>,
    reason: Option<String>,
});

mirror!(struct DiskPlan = model::DiskPlan {
    target: String,
    path: Option<Bytes>,
    spelled: Option<String>,
    pooled: Option<Pooled>,
    access: Access,
    fate: Fate,
    reason: Reason,
    size: u64,
    allocated: u64,
    chain: Vec<ChainLink>,
    used_by: Vec<User>,
    remembered_by: Option<String>,
});

mirror!(struct Plan = model::Plan {
    domain: DomainRef,
    title: Option<String>,
    active: bool,
    paused: bool,
    persistent: bool,
    refusals: Vec<Refusal>,
    disks: Vec<DiskPlan>,
    steps: Vec<Step>,
    unseen: Vec<String>,
    kept: Option<Vec<FileMove>>,
    not_redefinable: Option<String>,
    unread: Vec<String>,
});
