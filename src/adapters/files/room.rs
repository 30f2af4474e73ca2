//! The space on a file system, and what it lies on.

use std::path::Path;

use rustix::fs::{CWD, OFlags};
use rustix::io::Errno;

use super::sys;
use crate::ports::{Medium, Room, StorageError};

/// Numbers from `linux/magic.h`; those of CIFS, SMB2, Ceph and AFS from the kernel's drivers.
const IN_MEMORY: [u64; 2] = [
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
];
const ON_NETWORK: [u64; 6] = [
    0x6969,      // NFS
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x00c3_6400, // Ceph
    0x5346_414f, // AFS
    0x0102_1997, // 9p
];

pub fn room(path: &Path) -> Result<Option<Room>, StorageError> {
    let failed = |errno| StorageError::io("look at the file system of", path, errno);
    let opened = match sys::open_at(CWD, path, OFlags::PATH | OFlags::NOFOLLOW) {
        Ok(opened) => opened,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(errno) => return Err(failed(errno)),
    };
    let device = sys::identity(&sys::stat(&opened).map_err(failed)?).device;
    let found = rustix::fs::fstatvfs(&opened).map_err(failed)?;
    let kind = rustix::fs::fstatfs(&opened).map_err(failed)?.f_type;
    Ok(Some(Room {
        device,
        free: found.f_bavail.saturating_mul(found.f_frsize),
        size: found.f_blocks.saturating_mul(found.f_frsize),
        read_only: found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
        // A magic number has 32 bits, whatever the type that it comes in.
        medium: medium(u64::from(kind as u32)),
    }))
}

fn medium(kind: u64) -> Medium {
    if IN_MEMORY.contains(&kind) {
        Medium::Memory
    } else if ON_NETWORK.contains(&kind) {
        Medium::Network
    } else {
        Medium::Disk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_no_disk() {
        let shared = room(Path::new("/dev/shm")).unwrap().unwrap();
        assert_eq!(shared.medium, Medium::Memory);
        assert!(shared.size >= shared.free, "{shared:?}");
        assert_eq!(medium(0x6969), Medium::Network);
        assert_eq!(medium(0x5846_5342), Medium::Disk, "XFS");
    }
}
