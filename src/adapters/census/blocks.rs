//! What stands upon files through block devices: loop devices, device-mapper, md, their mounts,
//! and swap.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::files::mounts::unescape;
use super::loops;
use super::mounts::Mount;
use super::seen::{Key, Seen, stat};
use crate::model::UserKind;

/// Device-mapper devices upon device-mapper devices are no more than this deep.
const DEEPEST: usize = 32;

pub fn look(mounts: &[Mount], seen: &mut Seen) {
    let swaps = swaps();
    for path in &swaps {
        if let Ok(found) = stat(path) {
            seen.user(
                found.key,
                UserKind::Mount,
                &path.display().to_string(),
                "swap space",
            );
        }
    }
    let above = Above::new(mounts, &swaps);
    for device in loops::all() {
        match device.backing {
            Ok(key) => {
                let name = format!("/dev/{}", device.name);
                seen.user(key, UserKind::Loop, &name, "attached to");
                above.tell(
                    key,
                    &name,
                    &Path::new("/sys/block").join(&device.name),
                    seen,
                );
            }
            Err(what) => seen.unseen(what),
        }
    }
    devices(&above, mounts, seen);
}

/// A block device that is itself a disk is used by what stands upon it.
fn devices(above: &Above<'_>, mounts: &[Mount], seen: &mut Seen) {
    let folders = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    for entry in folders {
        let name = entry.file_name();
        let node = Path::new("/dev").join(name.to_string_lossy().replace('!', "/"));
        if mounts.is_empty() {
            return;
        }
        if let Ok(found) = stat(&node) {
            above.tell(found.key, &node.display().to_string(), &entry.path(), seen);
        }
    }
}

/// Who uses which device, by number.
struct Above<'a> {
    mounts: HashMap<u64, Vec<&'a str>>,
    swaps: HashMap<u64, &'a Path>,
}

impl<'a> Above<'a> {
    fn new(all: &'a [Mount], swaps: &'a [PathBuf]) -> Self {
        let mut mounts: HashMap<u64, Vec<&str>> = HashMap::new();
        let mut sources: HashMap<&Path, Option<u64>> = HashMap::new();
        for mount in all {
            mounts.entry(mount.device).or_default().push(&mount.name);
            // btrfs has a number of its own; its source is the device.
            if mount.source.starts_with("/dev") {
                let device = sources
                    .entry(&mount.source)
                    .or_insert_with(|| stat(&mount.source).ok().map(|found| found.device));
                if let Some(device) = device.filter(|device| *device != mount.device) {
                    mounts.entry(device).or_default().push(&mount.name);
                }
            }
        }
        let swaps = swaps
            .iter()
            .filter_map(|path| Some((stat(path).ok()?.device, path.as_path())))
            .filter(|(device, _)| *device != 0)
            .collect();
        Self { mounts, swaps }
    }

    /// Tells all that stands upon the device whose folder in sysfs is `folder`; the file below it
    /// is `key`, and `through` is the device that the file is attached to.
    fn tell(&self, key: Key, through: &str, folder: &Path, seen: &mut Seen) {
        let mut pending = vec![(folder.to_owned(), 0)];
        let mut visited = HashSet::new();
        while let Some((folder, depth)) = pending.pop() {
            if depth > DEEPEST || !visited.insert(number(&folder)) {
                continue;
            }
            if let Some(number) = number(&folder) {
                for name in self.mounts.get(&number).into_iter().flatten() {
                    let how = format!("through {through} mounted at");
                    seen.user(key, UserKind::Mount, name, &how);
                }
                if let Some(path) = self.swaps.get(&number) {
                    let how = format!("through {through} swap space at");
                    seen.user(key, UserKind::Mount, &path.display().to_string(), &how);
                }
            }
            for holder in names(&folder.join("holders")) {
                let node = format!("/dev/{}", holder.replace('!', "/"));
                let how = format!("through {through} held by the device");
                seen.user(key, UserKind::Loop, &node, &how);
                pending.push((Path::new("/sys/class/block").join(holder), depth + 1));
            }
            for part in names(&folder) {
                let below = folder.join(part);
                if below.join("partition").exists() {
                    pending.push((below, depth + 1));
                }
            }
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// `MAJOR:MINOR`, of a device's or a partition's folder.
fn number(folder: &Path) -> Option<u64> {
    let text = fs::read_to_string(folder.join("dev")).ok()?;
    let (major, minor) = text.trim().split_once(':')?;
    Some(rustix::fs::makedev(
        major.parse().ok()?,
        minor.parse().ok()?,
    ))
}

/// The first column of `/proc/swaps`, below its heading.
fn swaps() -> Vec<PathBuf> {
    let text = fs::read("/proc/swaps").unwrap_or_default();
    text.split(|byte| *byte == b'\n')
        .skip(1)
        .filter_map(|line| line.split(|byte| matches!(byte, b' ' | b'\t')).next())
        .filter(|field| field.starts_with(b"/"))
        .map(|field| OsString::from_vec(unescape(field)).into())
        .collect()
}
