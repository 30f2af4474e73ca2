//! What is mounted, in this mount namespace and in those of other processes.

use std::collections::HashSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};

use super::files::mounts::Fields;
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
