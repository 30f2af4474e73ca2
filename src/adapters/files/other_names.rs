//! Whether a file with several hard links has one of them in a system folder: it is that file then,
//! whatever else it is called.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::system_folders::BELOW;
use crate::model::{FileFacts, FileKind};

/// Folders of the kernel, whose files have no second names.
const KERNELS: [&str; 4] = ["/dev", "/proc", "/run", "/sys"];

/// Inode numbers below all system folders, by device, once somebody asked for that device.
static KNOWN: Mutex<Option<HashMap<u64, Arc<HashSet<u64>>>>> = Mutex::new(None);

/// Asks only for files that have a second name, because it means to read all of `/usr`.
pub fn is_in_system_folder(facts: &FileFacts) -> bool {
    if facts.kind != FileKind::Regular || facts.links < 2 {
        return false;
    }
    let device = facts.identity.device;
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let inodes = known
        .get_or_insert_default()
        .entry(device)
        .or_insert_with(|| Arc::new(inodes(device)));
    inodes.contains(&facts.identity.inode)
}

fn inodes(device: u64) -> HashSet<u64> {
    let mut found = HashSet::new();
    let mut pending: Vec<PathBuf> = BELOW
        .iter()
        .map(|row| row.folder)
        .filter(|folder| !KERNELS.contains(folder))
        .map(PathBuf::from)
        .collect();
    while let Some(folder) = pending.pop() {
        // A folder on another file system may hold mounts, but no name of a file of this one.
        let here = is_on(&folder, device);
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                pending.push(entry.path());
            } else if here && kind.is_file() {
                found.insert(entry.ino());
            }
        }
    }
    found
}

fn is_on(folder: &Path, device: u64) -> bool {
    std::fs::metadata(folder).is_ok_and(|found| found.dev() == device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_system_is_found_by_its_inode() {
        let path = Path::new("/etc/passwd");
        let mut facts = super::super::facts::facts(path).unwrap().unwrap();
        assert!(!is_in_system_folder(&facts), "it has one name");
        facts.links = 2;
        assert!(is_in_system_folder(&facts));
        facts.identity.inode += 1 << 60;
        assert!(!is_in_system_folder(&facts));
    }
}
