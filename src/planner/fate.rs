//! The contract's four rules, in its order: the first that speaks decides one disk's fate.

use crate::model::{
    Access, Device, DiskFacts, Fate, Policy, Reason, SourceKind, StorageFlags, Verdict,
};

/// Rules 1 to 4 alone; `default` is the policy's word for what it does not name. Whether a removal
/// is then possible (law 5 and 6) is not asked here.
pub fn of(disk: &DiskFacts, default: Option<Verdict>, flags: &StorageFlags) -> (Fate, Reason) {
    if disk.kind == SourceKind::Empty {
        return (Fate::Keep, Reason::EmptyDrive);
    }
    by_name(disk, flags)
        .or_else(|| disk.policy.map(by_policy))
        .or_else(|| by_nature(disk.device, disk.access).map(|reason| (Fate::Keep, reason)))
        // After the disk's nature: see `Policy::default`.
        .or_else(|| default.map(by_policy))
        .unwrap_or_else(|| by_flag(disk, flags))
}

fn by_name(disk: &DiskFacts, flags: &StorageFlags) -> Option<(Fate, Reason)> {
    let named = flags.named.as_ref()?;
    Some(if named.iter().any(|name| disk.is_named(name)) {
        (Fate::Quarantine, Reason::Named)
    } else {
        (Fate::Keep, Reason::NotNamed)
    })
}

fn by_policy(verdict: Verdict) -> (Fate, Reason) {
    match verdict {
        Verdict::Remove => (Fate::Quarantine, Reason::PolicyRemove),
        Verdict::Keep => (Fate::Keep, Reason::PolicyKeep),
    }
}

/// Why a disk is kept that nobody names; `None` where that is for the flags to say.
fn by_nature(device: Device, access: Access) -> Option<Reason> {
    Some(match (device, access) {
        (Device::Cdrom, _) => Reason::Cdrom,
        (Device::Floppy, _) => Reason::Floppy,
        (_, Access::ReadOnly) => Reason::ReadOnly,
        (_, Access::Shared) => Reason::Shareable,
        (Device::Disk | Device::Lun, Access::ReadWrite) => return None,
    })
}

/// What a policy alone decides of a disk.
pub fn by_policy_alone(
    policy: &Policy,
    target: &str,
    device: Device,
    access: Access,
) -> Option<Verdict> {
    let default = policy.default;
    let default = default.filter(|_| by_nature(device, access).is_none());
    policy.of(target).or(default)
}

fn by_flag(disk: &DiskFacts, flags: &StorageFlags) -> (Fate, Reason) {
    let managed = disk.file.as_ref().is_some_and(|file| file.pooled.is_some());
    if flags.all {
        (Fate::Quarantine, Reason::RemoveAll)
    } else if flags.managed && managed {
        (Fate::Quarantine, Reason::RemoveManaged)
    } else if flags.unmanaged && !managed {
        (Fate::Quarantine, Reason::RemoveUnmanaged)
    } else if flags.managed {
        (Fate::Keep, Reason::OnlyManaged)
    } else if flags.unmanaged {
        (Fate::Keep, Reason::OnlyUnmanaged)
    } else if flags.keep {
        (Fate::Keep, Reason::KeepStorage)
    } else {
        (Fate::Refuse, Reason::Undecided)
    }
}
