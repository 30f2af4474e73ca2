//! Which files may not be moved whoever asks.

use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, OFlags, StatxAttributes};

use super::system_folders::{BELOW, EVERYBODYS, NAMED, Row, THEMSELVES};
use super::{LocalFiles, mounts, other_names, resolve, sys};
use crate::journal::manifest;
use crate::model::{FileFacts, FileKind};

pub fn protected(files: &LocalFiles, path: &Path, facts: &FileFacts) -> Option<String> {
    match facts.kind {
        FileKind::Regular | FileKind::Directory | FileKind::Symlink => {}
        FileKind::BlockDevice => return Some("it is a block device, not a file".into()),
        FileKind::Other => return Some("it is neither a file, a folder nor a symlink".into()),
    }
    let Some(real) = really(path) else {
        return Some("its folder cannot be looked up".into());
    };
    by_name(&real)
        .or_else(|| by_table(&real))
        .or_else(|| ours(files, &real))
        .or_else(|| another_ones(&real))
        .or_else(|| mount(&real, facts))
        .or_else(|| {
            other_names::is_in_system_folder(facts)
                .then(|| "another name of it is in one of the system's folders".into())
        })
}

/// The path with its folders resolved; the last name may be a symlink that is meant itself.
fn really(path: &Path) -> Option<PathBuf> {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => Some(resolve::resolve(folder).ok()?.real.join(name)),
        // The root, or a path that ends in `..`.
        _ => Some(resolve::resolve(path).ok()?.real),
    }
}

fn by_name(real: &Path) -> Option<String> {
    NAMED
        .iter()
        .find(|(name, _)| real.components().any(|part| part.as_os_str() == *name))
        .map(|(name, why)| format!("it is in a folder '{name}': {why}"))
}

/// Device and inode of a folder, through symlinks: `/lib` may be one, and a bind mount of `/etc`
/// elsewhere is still `/etc`.
fn key(folder: &Path) -> Option<(u64, u64)> {
    let fd = sys::open_at(CWD, folder, OFlags::PATH).ok()?;
    Some(sys::identity(&sys::stat(fd).ok()?).key())
}

fn by_table(real: &Path) -> Option<String> {
    // A symlink is looked at as the name it is, not as the folder it leads to.
    let way: Vec<(&Path, Option<(u64, u64)>)> = real
        .ancestors()
        .map(|folder| match folder == real {
            true => {
                let stat = sys::stat_at(CWD, real.as_os_str(), AtFlags::empty()).ok();
                (folder, stat.map(|stat| sys::identity(&stat).key()))
            }
            false => (folder, key(folder)),
        })
        .collect();
    for row in BELOW {
        let folder = Path::new(row.folder);
        let row_key = key(folder);
        let hit = way.iter().find(|(step, step_key)| {
            *step == folder || (row_key.is_some() && *step_key == row_key)
        });
        let below = hit.and_then(|(step, _)| real.strip_prefix(step).ok());
        if below.is_some_and(|rest| !is_excepted(row, rest)) {
            return Some(format!("it is in {}: {}", row.folder, row.why));
        }
        if folder.starts_with(real) {
            return Some(format!("it holds {}: {}", row.folder, row.why));
        }
    }
    let mine = way.first().and_then(|(_, key)| *key);
    THEMSELVES
        .iter()
        .map(Path::new)
        .find(|folder| folder.starts_with(real) || mine.is_some() && key(folder) == mine)
        .map(|folder| format!("it is or holds the system folder {}", folder.display()))
}

/// Strictly below one of the row's exceptions.
fn is_excepted(row: &Row, rest: &Path) -> bool {
    row.except
        .iter()
        .any(|except| rest.starts_with(except) && rest != Path::new(except))
}

/// A quarantine, or the folder of our own state.
pub fn is_ours(files: &LocalFiles, folder: &Path) -> bool {
    let state = files.quarantine.parent().unwrap_or(&files.quarantine);
    let own = [state, files.quarantine.as_path()];
    let all = own
        .into_iter()
        .chain(files.configured.iter().map(PathBuf::as_path));
    let this = key(folder);
    folder.file_name() == Some(std::ffi::OsStr::new(super::folders::OUR_NAME))
        || all
            .into_iter()
            .any(|ours| this.is_some() && key(ours) == this)
}

/// The root, a folder of everybody's, and what is in a folder of the system's or holds one.
pub fn is_systems(folder: &Path) -> bool {
    let Some(real) = really(folder) else {
        return true;
    };
    BELOW.iter().any(|row| {
        let below = real.strip_prefix(row.folder);
        Path::new(row.folder).starts_with(&real) || below.is_ok_and(|rest| !is_excepted(row, rest))
    }) || EVERYBODYS.iter().any(|one| Path::new(one) == real)
}

/// The state folder with the journal, and every quarantine.
fn ours(files: &LocalFiles, real: &Path) -> Option<String> {
    let state = files.quarantine.parent().unwrap_or(&files.quarantine);
    let own = std::iter::once(state)
        .chain([files.quarantine.as_path()])
        .chain(files.configured.iter().map(PathBuf::as_path));
    for folder in own {
        let Ok(resolved) = resolve::resolve(folder) else {
            continue;
        };
        let folder_key = key(&resolved.real);
        let is_below = real.starts_with(&resolved.real)
            || folder_key.is_some() && real.ancestors().any(|step| key(step) == folder_key);
        if is_below || resolved.real.starts_with(real) {
            return Some(format!(
                "it belongs to virt-retire's own {}",
                folder.display()
            ));
        }
    }
    None
}

/// A quarantine or a state folder that another journal has, known by what is in it: to take a file
/// from there is to break somebody's undo.
fn another_ones(real: &Path) -> Option<String> {
    let has = |folder: &Path, names: &[&str]| {
        let mut names = names.iter().map(|name| folder.join(name));
        names.all(|name| sys::stat_at(CWD, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW).is_ok())
    };
    let is_one = |folder: &&Path| OF_OURS.iter().any(|names| has(folder, names));
    let folder = real.ancestors().find(is_one)?;
    Some(format!(
        "it belongs to what virt-retire keeps in {}",
        folder.display()
    ))
}

/// What is in a transaction's home, and what is in a state folder.
const OF_OURS: [&[&str]; 2] = [
    &[manifest::RECORD, manifest::MANIFEST],
    &["journal", "journal.head"],
];

fn mount(real: &Path, facts: &FileFacts) -> Option<String> {
    let root = || Some("something is mounted there".to_owned());
    let Ok(stat) = sys::stat_at(CWD, real.as_os_str(), AtFlags::empty()) else {
        // Gone since its facts were taken: the move will say so.
        return None;
    };
    if stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
        return root();
    }
    let Ok(points) = mounts::mount_points() else {
        return Some("/proc/self/mountinfo cannot be read, so nobody knows what is mounted".into());
    };
    if points.iter().any(|point| point == real) {
        return root();
    }
    if facts.kind != FileKind::Directory {
        return None;
    }
    if let Some(point) = points.iter().find(|point| point.starts_with(real)) {
        return Some(format!(
            "something is mounted below it, at {}",
            point.display()
        ));
    }
    // A btrfs subvolume is no mount, but a rename takes it no further than one.
    let device = |path: &Path| {
        let stat = sys::stat_at(CWD, path.as_os_str(), AtFlags::empty()).ok()?;
        Some(sys::identity(&stat).device)
    };
    let parent = real.parent()?;
    (device(real) != device(parent)).then(|| "it is the root of a file system or subvolume".into())
}

#[cfg(test)]
#[path = "protected_tests.rs"]
mod tests;
