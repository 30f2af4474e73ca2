//! Loop devices, and the files they stand upon.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::ioctl::{Getter, ioctl};

use super::seen::{Key, stat};

pub struct Loop {
    /// `loop3`.
    pub name: String,
    /// The file's inode; the error is what cannot be known of it.
    pub backing: Result<Key, String>,
}

/// `struct loop_info64` of `linux/loop.h`, whose first two members are what we are after.
#[repr(C)]
struct LoopInfo64 {
    device: u64,
    inode: u64,
    rest: [u64; 27],
}

/// `LOOP_GET_STATUS64`.
const GET_STATUS: rustix::ioctl::Opcode = 0x4c05;

/// Every loop device that has a file.
pub fn all() -> Vec<Loop> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("loop") {
            continue;
        }
        if let Ok(path) = fs::read(entry.path().join("loop/backing_file")) {
            let backing = backing(&name, &path);
            found.push(Loop { name, backing });
        }
    }
    found
}

/// By the device itself, which knows the inode whatever has become of the name; by the name in
/// sysfs where the device may not be opened.
fn backing(name: &str, path: &[u8]) -> Result<Key, String> {
    if let Some(key) = status(name) {
        return Ok(key);
    }
    let path = path.strip_suffix(b"\n").unwrap_or(path);
    let path = PathBuf::from(OsString::from_vec(path.to_vec()));
    if path.as_os_str().as_bytes().ends_with(b" (deleted)") {
        // It has no name any more that anybody could ask about, except another hard link's.
        return Err(format!("which file /dev/{name} stands upon"));
    }
    stat(&path)
        .map(|found| found.key)
        .map_err(|_| format!("which file /dev/{name} stands upon"))
}

fn status(name: &str) -> Option<Key> {
    let node = Path::new("/dev").join(name);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let device = rustix::fs::openat(CWD, node, flags, Mode::empty()).ok()?;
    // SAFETY: LOOP_GET_STATUS64 writes one loop_info64, which is 232 bytes as ours is; a device
    // that is no loop device answers ENOTTY and writes nothing.
    let info: LoopInfo64 =
        unsafe { ioctl(&device, Getter::<GET_STATUS, LoopInfo64>::new()) }.ok()?;
    let _ = info.rest;
    // The kernel's encoding of a device number is the C library's for all numbers there are.
    Some((info.device, info.inode))
}

const _: () = assert!(size_of::<LoopInfo64>() == 232);
