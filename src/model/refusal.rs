//! Why a plan is not executed (law 6).

/// The contract's codes, then ours for what no code of the contract names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalCode {
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
}

impl RefusalCode {
    pub fn word(self) -> &'static str {
        match self {
            RefusalCode::UndecidedDisk => "undecided-disk",
            RefusalCode::InUse => "in-use",
            RefusalCode::ActiveDomain => "active-domain",
            RefusalCode::UnreadableChain => "unreadable-chain",
            RefusalCode::RemoteFiles => "remote-files",
            RefusalCode::SnapshotsExist => "snapshots-exist",
            RefusalCode::CheckpointsExist => "checkpoints-exist",
            RefusalCode::ManagedSaveExists => "managed-save-exists",
            RefusalCode::NvramUndecided => "nvram-undecided",
            RefusalCode::ProtectedPath => "protected-path",
            RefusalCode::ChangedSincePlan => "changed-since-plan",
            RefusalCode::NameTaken => "name-taken",
            RefusalCode::PathOccupied => "path-occupied",
            RefusalCode::Unsupported => "unsupported",
            RefusalCode::Unseen => "unseen-users",
            RefusalCode::Protected => "protected-domain",
            RefusalCode::PolicyInvalid => "invalid-policy",
            RefusalCode::NoSuchDisk => "no-such-disk",
            RefusalCode::NotRedefinable => "not-redefinable",
            RefusalCode::BaseChanged => "base-changed",
            RefusalCode::PlaceChanged => "place-changed",
            RefusalCode::OtherDomain => "other-domain",
            RefusalCode::Held => "held",
        }
    }
}

/// One reason not to go on, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: RefusalCode,
    /// What it is about: a disk's target, a path, a domain's name.
    pub subject: String,
    pub message: String,
    /// The next command to type, or the decision to make.
    pub hint: String,
}
