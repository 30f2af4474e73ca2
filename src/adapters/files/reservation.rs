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
use super::relocate::look;
use super::sys::Entry;
use crate::model::{RESERVATION_MODE, is_reservation};
use crate::ports::StorageError;

pub fn reserve(place: &Path) -> Result<bool, StorageError> {
    let entry = Entry::open(place)?;
    let mode = Mode::from_raw_mode(RESERVATION_MODE);
    let made = match retry_on_intr(|| rustix::fs::mkdirat(&entry.folder, entry.name, mode)) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(errno) => return Err(StorageError::io("hold the name of", place, errno)),
    };
    let held = look(&entry).map(|there| there.is_some_and(|(_, stat)| is_it(&stat)));
    if made && !matches!(held, Ok(true)) {
        // A file system that keeps no modes: by nothing would it be known for ours later.
        remove(&entry)?;
    }
    held
}

pub fn release(place: &Path, unsynced: &Unsynced) -> Result<(), StorageError> {
    let Some(entry) = Entry::open_if_there(place)? else {
        return Ok(());
    };
    if look(&entry)?.is_some_and(|(_, stat)| is_it(&stat)) {
        remove(&entry)?;
    }
    // Whoever has removed it: after a power cut it must not be there again.
    unsynced.folder(&entry.folder, &entry.folder_path)
}

fn remove(entry: &Entry<'_>) -> Result<(), StorageError> {
    let flags = AtFlags::REMOVEDIR;
    match retry_on_intr(|| rustix::fs::unlinkat(&entry.folder, entry.name, flags)) {
        // Somebody has put something into it, or taken it away: it is his by now.
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(()),
        Err(errno) => Err(StorageError::io("free the name of", entry.path, errno)),
    }
}

/// Ours.
fn is_it(there: &Statx) -> bool {
    is_reservation(facts::kind(there), there.stx_mode.into())
        && there.stx_uid == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn reserved(place: &Path) -> bool {
        reserve(place).unwrap()
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

    /// A pool for a group: what is made in it has its set-group-id bit.
    #[test]
    fn a_folder_that_hands_its_group_on_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o2755)).unwrap();
        let place = folder.path().join("disk");
        assert!(reserved(&place));
        let mode = fs::metadata(&place).unwrap().permissions().mode();
        assert_eq!(mode & 0o2000, 0o2000, "the test proves nothing: {mode:o}");
        freed(&place);
        assert!(!place.exists());
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
