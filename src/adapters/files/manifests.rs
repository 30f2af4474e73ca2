//! Looking for what transactions left in quarantine, when no journal says where that is.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::LocalFiles;
use super::folders::OUR_NAME;
use super::mounts::mount_points;
use crate::journal::manifest::RECORD;

/// Bytes; a larger one is none of ours (`journal::envelope::MAX_PAYLOAD`).
const LARGEST: u64 = 65 << 20;

/// One transaction's folder, and its record or why there is none.
pub struct FoundRecord {
    pub folder: PathBuf,
    pub record: Result<Vec<u8>, String>,
}

impl LocalFiles {
    /// Every quarantine root of this host that can be found: those configured, that of the state
    /// folder, and ours on each mount and in or above `targets` (the pools' folders). `more` are
    /// taken as roots, and as folders that hold one.
    pub fn find_records(&self, targets: &[PathBuf], more: &[PathBuf]) -> Vec<FoundRecord> {
        let mut roots: BTreeSet<PathBuf> = self.configured.iter().cloned().collect();
        roots.insert(self.quarantine.clone());
        roots.extend(more.iter().cloned());
        let mut places: BTreeSet<PathBuf> = more.iter().cloned().collect();
        places.extend(mount_points().unwrap_or_default());
        for target in targets {
            places.extend(target.ancestors().map(Path::to_owned));
        }
        roots.extend(places.into_iter().map(|place| place.join(OUR_NAME)));
        let mut real: BTreeSet<PathBuf> = BTreeSet::new();
        real.extend(roots.iter().filter_map(|root| root.canonicalize().ok()));
        real.iter().flat_map(|root| below(root)).collect()
    }
}

/// The transactions' folders in one root. A folder that others can write to is passed over: a
/// record names files that a rollback by root would move.
fn below(root: &Path) -> Vec<FoundRecord> {
    let Ok(entries) = fs::read_dir(root) else {
        return Vec::new();
    };
    let mut found: Vec<FoundRecord> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| is_transactions(folder))
        .map(|folder| FoundRecord {
            record: read(&folder),
            folder,
        })
        .collect();
    found.sort_by(|one, other| one.folder.cmp(&other.folder));
    found
}

/// `ID-UUID`.
fn is_transactions(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.split_once('-')
        .is_some_and(|(id, uuid)| id.parse::<u64>().is_ok() && uuid::Uuid::try_parse(uuid).is_ok())
        && folder.is_dir()
}

fn read(folder: &Path) -> Result<Vec<u8>, String> {
    let me = rustix::process::geteuid().as_raw();
    let path = folder.join(RECORD);
    for (path, is_folder) in [(folder, true), (path.as_path(), false)] {
        let stat = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
        if stat.is_dir() != is_folder || stat.uid() != me || stat.mode() & 0o077 != 0 {
            return Err("it is not ours alone, and is not trusted".into());
        }
        if !is_folder && stat.len() > LARGEST {
            return Err("it is too large to be a record".into());
        }
    }
    fs::read(&path).map_err(|error| error.to_string())
}
