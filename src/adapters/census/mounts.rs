//! What is mounted, in this mount namespace and in those of other processes.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};

use super::files::mounts::unescape;
use super::processes;
use super::seen::{Seen, is_denied, stat_at};
use crate::model::UserKind;

/// One mount, as far as it may stand upon a file.
pub struct Mount {
    /// What it is of: a block device, or a number that is nobody's.
    pub device: u64,
    /// Where it is mounted, and for whom, where that is another namespace.
    pub name: String,
    /// As given to mount(8): `/dev/loop3`.
    pub source: PathBuf,
}

/// Reads all, and tells `seen` of those that are mounts of a single file or folder.
pub fn read(seen: &mut Seen) -> Vec<Mount> {
    let mut mounts = Vec::new();
    let mut namespaces = HashSet::new();
    if let Ok(ours) = fs::read_link("/proc/self/ns/mnt") {
        namespaces.insert(ours);
    }
    match fs::read("/proc/self/mountinfo") {
        Ok(text) => namespace(&text, None, &mut mounts, seen),
        Err(_) => seen.unseen("mounts: /proc/self/mountinfo cannot be read".into()),
    }
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let folder = entry.path();
        if !entry.file_name().as_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        match fs::read_link(folder.join("ns/mnt")) {
            Ok(other) => {
                if namespaces.insert(other)
                    && let Ok(text) = fs::read(folder.join("mountinfo"))
                {
                    namespace(&text, Some(&folder), &mut mounts, seen);
                }
            }
            Err(error) if is_denied(&error) => seen.deny(),
            Err(_) => {}
        }
    }
    mounts
}

fn namespace(text: &[u8], process: Option<&Path>, mounts: &mut Vec<Mount>, seen: &mut Seen) {
    let whose = process
        .and_then(|folder| folder.file_name()?.to_str())
        .map(|pid| format!(" for process {}", processes::name(pid)))
        .unwrap_or_default();
    let root = process.and_then(|folder| {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(CWD, folder.join("root"), flags, Mode::empty()).ok()
    });
    if process.is_some() && root.is_none() {
        return;
    }
    for line in text.split(|byte| *byte == b'\n') {
        let Some(fields) = Fields::read(line) else {
            continue;
        };
        let name = format!("{}{whose}", fields.point.display());
        // A mount of a whole file system is nobody's file; one of a part of it is that part's.
        if fields.root != Path::new("/")
            && let Some(found) = look(root.as_ref(), &fields.point)
        {
            seen.user(found, UserKind::Mount, &name, "mounted at");
        }
        mounts.push(Mount {
            device: fields.device,
            name,
            source: fields.source,
        });
    }
}

/// The mount's own root, through no symlink that leads out of its namespace.
fn look(root: Option<&OwnedFd>, point: &Path) -> Option<super::seen::Key> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = match root {
        None => rustix::fs::openat(CWD, point, flags, Mode::empty()),
        Some(root) => rustix::fs::openat2(root, point, flags, Mode::empty(), ResolveFlags::IN_ROOT),
    };
    let found = stat_at(fd.ok()?, "".as_ref(), AtFlags::EMPTY_PATH).ok()?;
    Some(found.key)
}

struct Fields {
    device: u64,
    root: PathBuf,
    point: PathBuf,
    source: PathBuf,
}

impl Fields {
    /// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw` (proc_pid_mountinfo(5)).
    fn read(line: &[u8]) -> Option<Self> {
        let path = |field| PathBuf::from(OsString::from_vec(unescape(field)));
        let mut fields = line.split(|byte| *byte == b' ');
        let device = std::str::from_utf8(fields.nth(2)?).ok()?;
        let (major, minor) = device.split_once(':')?;
        let root = path(fields.next()?);
        let point = path(fields.next()?);
        let source = path(fields.skip_while(|field| *field != b"-").nth(2)?);
        Some(Self {
            device: rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?),
            root,
            point,
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_and_without_optional_fields() {
        for optional in ["", "shared:1 master:2 "] {
            let line = format!("30 27 7:3 /a\\040b /mnt/x rw {optional}- ext4 /dev/loop3 rw");
            let fields = Fields::read(line.as_bytes()).expect("a line of mountinfo");
            assert_eq!(fields.device, rustix::fs::makedev(7, 3));
            assert_eq!(fields.root, Path::new("/a b"));
            assert_eq!(fields.point, Path::new("/mnt/x"));
            assert_eq!(fields.source, Path::new("/dev/loop3"));
        }
        assert!(Fields::read(b"30 27").is_none());
    }
}
