//! An empty folder of ours in a free name, for the moment in which somebody else (libvirt) is to
//! remove whatever has that name.
//!
//! No file can be created there, moved there or linked there while it stands: the kernel refuses
//! each of them over a folder.

use std::path::Path;

use rustix::fs::{AtFlags, Mode, Statx};
use rustix::io::{Errno, retry_on_intr};

use super::durable::Unsynced;
use super::facts;
use super::sys::{self, Entry};
use crate::model::{FileKind, RESERVATION_MODE};
use crate::ports::StorageError;

pub fn reserve(place: &Path, unsynced: &Unsynced) -> Result<bool, StorageError> {
    let entry = Entry::open(place)?;
    let mode = Mode::from_raw_mode(RESERVATION_MODE);
    match retry_on_intr(|| rustix::fs::mkdirat(&entry.folder, entry.name, mode)) {
        Ok(()) => {}
        Err(Errno::EXIST) => {}
        Err(errno) => return Err(StorageError::io("hold the name of", place, errno)),
    }
    unsynced.folder(&entry.folder, &entry.folder_path)?;
    Ok(look(&entry)?.is_some_and(|there| is_it(&there)))
}

pub fn release(place: &Path, unsynced: &Unsynced) -> Result<(), StorageError> {
    let Some(entry) = Entry::open_if_there(place)? else {
        return Ok(());
    };
    if look(&entry)?.is_some_and(|there| is_it(&there)) {
        let flags = AtFlags::REMOVEDIR;
        match retry_on_intr(|| rustix::fs::unlinkat(&entry.folder, entry.name, flags)) {
            // Somebody has put something into it, or taken it away: it is his by now.
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
            Err(errno) => return Err(StorageError::io("free the name of", place, errno)),
        }
    }
    // Whoever has removed it: after a power cut it must not be there again.
    unsynced.folder(&entry.folder, &entry.folder_path)
}

fn look(entry: &Entry<'_>) -> Result<Option<Statx>, StorageError> {
    match sys::stat_at(&entry.folder, entry.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(StorageError::io("look at", entry.path, errno)),
    }
}

/// As [`crate::model::FileFacts::is_reservation`] has it, and ours.
fn is_it(there: &Statx) -> bool {
    facts::kind(there) == FileKind::Directory
        && u32::from(there.stx_mode) & 0o7777 == RESERVATION_MODE
        && there.stx_uid == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;

    use super::*;

    fn reserved(place: &Path) -> bool {
        Unsynced::at_once(|unsynced| reserve(place, unsynced)).unwrap()
    }

    fn freed(place: &Path) {
        Unsynced::at_once(|unsynced| release(place, unsynced)).unwrap();
    }

    #[test]
    fn nobody_gets_a_file_by_a_name_that_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("disk");
        assert!(reserved(&place));
        assert!(reserved(&place), "an earlier run's");
        let strangers = folder.path().join("stranger");
        fs::write(&strangers, "his").unwrap();
        for taken in [
            fs::write(&place, "his"),
            fs::rename(&strangers, &place),
            fs::hard_link(&strangers, &place),
        ] {
            let kind = taken.unwrap_err().kind();
            let expected = [io::ErrorKind::IsADirectory, io::ErrorKind::AlreadyExists];
            assert!(expected.contains(&kind), "{kind}");
        }
        freed(&place);
        assert!(!place.exists());
        freed(&place);
    }

    #[test]
    fn what_somebody_has_there_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "his").unwrap();
        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        for place in [&file, &empty] {
            assert!(!reserved(place), "{place:?}");
            freed(place);
            assert!(place.exists(), "{place:?}");
        }
        let used = folder.path().join("used");
        assert!(reserved(&used));
        fs::write(used.join("his"), "his").unwrap();
        freed(&used);
        assert!(used.join("his").exists());
    }
}
