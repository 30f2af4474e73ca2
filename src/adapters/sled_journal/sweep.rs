//! What a command that was killed has left in the state folder: copies of the journal, and files
//! that never came to their names. There are secrets in them, and nobody else would remove them.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::folder::{self, Names};
use super::{migrate, rebuild};

/// No command needs so long to write a small file and give it its name.
const SURELY_LEFT: Duration = Duration::from_secs(3600);

/// Under the lock, and once what was cut off is gone on with. What cannot be removed is in nobody's
/// way, and tried again next time.
pub(super) fn state_folder(names: &Names, now: Timestamp) {
    for left in rebuild::left_behind(names)
        .iter()
        .chain(&migrate::left_behind(names))
    {
        remove(left);
    }
    let Ok(entries) = fs::read_dir(&names.state_dir) else {
        return;
    };
    for entry in entries.flatten() {
        if is_copy(&entry) || is_unnamed(&entry, now) {
            remove(&entry.path());
        }
    }
}

/// The copy of a journal that earlier versions made to look at it, `.tmp` and six characters. They
/// held the lock for it, too.
fn is_copy(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let Some(random) = name.to_str().and_then(|name| name.strip_prefix(".tmp")) else {
        return false;
    };
    let is_sleds = |name: &OsStr| {
        let name = name.to_string_lossy();
        ["db", "conf", "blobs"].contains(&&*name) || name.starts_with("snap.")
    };
    random.len() == 6
        && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && entry.file_type().is_ok_and(|kind| kind.is_dir())
        && fs::read_dir(entry.path()).is_ok_and(|inside| {
            let mut inside = inside.flatten();
            inside.all(|it| is_sleds(&it.file_name()))
        })
}

/// What the key, the list of roots (`.new-` and a UUID) or what is remembered of images
/// (`.survey-`) is written to first. Those need no lock, so that a new one may be somebody's yet.
fn is_unnamed(entry: &DirEntry, now: Timestamp) -> bool {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    let is_ours = match name.strip_prefix(".new-") {
        Some(uuid) => uuid::Uuid::try_parse(uuid).is_ok(),
        None => name.starts_with(".survey-"),
    };
    is_ours
        && entry.metadata().is_ok_and(|found| {
            let age = found.modified().ok();
            let age = age.and_then(|then| SystemTime::from(now).duration_since(then).ok());
            found.is_file() && age.is_some_and(|age| age > SURELY_LEFT)
        })
}

fn remove(path: &Path) {
    if let Err(error) = folder::remove(path) {
        tracing::debug!(path = %path.display(), %error, "not swept");
    }
}
