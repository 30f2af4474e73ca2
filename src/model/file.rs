//! What is known of one file, and what makes it that file and no other.

use std::path::PathBuf;

/// A file's time, which may be before 1970: nanoseconds are kept apart from seconds, as the kernel
/// reports them. A moment in the life of a transaction is a `jiff::Timestamp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileTime {
    pub seconds: i64,
    pub nanoseconds: u32,
}

/// The mode of an empty folder by which a transaction holds a free name. Sticky says something only
/// of a folder that others may write to, so nobody else has it on one that is closed to them.
pub const RESERVATION_MODE: u32 = 0o1700;

/// Whether a thing of this kind and mode is such a folder. It may have the set-group-id bit from
/// the folder around it, and less for its owner from that folder's ACL.
pub fn is_reservation(kind: FileKind, mode: u32) -> bool {
    const TOLD_BY: u32 = 0o1077;
    kind == FileKind::Directory && mode & TOLD_BY == RESERVATION_MODE & TOLD_BY
}

/// The inode behind a name.
///
/// `device` may change at a reboot (anonymous devices: btrfs, NFS, loop mounts), so a file that
/// is looked for after a crash is recognised by inode number and birth time where the file system
/// records one, and by device only where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub device: u64,
    pub inode: u64,
    pub born: Option<FileTime>,
}

impl Identity {
    /// Whether both name one inode, across reboots.
    pub fn is_same_file(&self, other: &Identity) -> bool {
        self.inode == other.inode
            && match (self.born, other.born) {
                (Some(mine), Some(theirs)) => mine == theirs,
                _ => self.device == other.device,
            }
    }

    /// The key under which users of this inode are counted, within one boot.
    pub fn key(&self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

/// What kind of thing a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Regular,
    Directory,
    Symlink,
    BlockDevice,
    /// A socket, a pipe, a character device: never ours to move.
    Other,
}

/// One file as `statx` shows it, without following a symlink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    pub identity: Identity,
    pub kind: FileKind,
    /// Bytes, apparent. For a directory: of everything below it.
    pub size: u64,
    /// Bytes, allocated on the disk.
    pub allocated: u64,
    /// Permission bits, with set-id and sticky bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u64,
    pub modified: FileTime,
    /// Those `FS_IOC_GETFLAGS` bits that forbid a rename, 0 for none: immutable (0x10),
    /// append-only (0x20). Kept as bits: a move clears them for a moment, and if it is interrupted
    /// then, only the plan still knows which one to set again.
    pub attributes: u32,
    /// The target of a symlink, as it is spelled.
    pub link_target: Option<PathBuf>,
}

impl FileFacts {
    /// Whether both are of one file, whatever else of it has changed between the looks.
    pub fn is_same_file(&self, other: &FileFacts) -> bool {
        self.kind == other.kind && self.identity.is_same_file(&other.identity)
    }

    /// Whether it is such a folder: see [`RESERVATION_MODE`].
    pub fn is_reservation(&self) -> bool {
        is_reservation(self.kind, self.mode)
    }

    /// Whether the file must be unlocked for a moment to be moved, which takes CAP_LINUX_IMMUTABLE.
    pub fn is_locked_by_attribute(&self) -> bool {
        self.attributes != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(device: u64, inode: u64, born: Option<i64>) -> Identity {
        Identity {
            device,
            inode,
            born: born.map(|seconds| FileTime {
                seconds,
                nanoseconds: 0,
            }),
        }
    }

    #[test]
    fn a_reused_inode_number_is_another_file() {
        assert!(!identity(1, 7, Some(10)).is_same_file(&identity(1, 7, Some(11))));
    }

    #[test]
    fn a_device_renumbered_by_a_reboot_is_the_same_file() {
        assert!(identity(1, 7, Some(10)).is_same_file(&identity(2, 7, Some(10))));
    }

    #[test]
    fn without_a_birth_time_the_device_decides() {
        assert!(!identity(1, 7, None).is_same_file(&identity(2, 7, Some(10))));
        assert!(identity(1, 7, None).is_same_file(&identity(1, 7, None)));
    }
}
