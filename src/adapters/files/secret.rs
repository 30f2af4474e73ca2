//! `STATE/key`: the secret that makes records ours. Made once, with the journal; kept when the
//! journal is damaged or made anew.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, OFlags};
use rustix::io::{Errno, retry_on_intr};
use rustix::rand::{GetRandomFlags, getrandom};

use super::sys::{self, Entry};
use super::{durable, folders};
use crate::journal::manifest::Key;
use crate::ports::StorageError;

const NAME: &str = "key";
/// Bytes; the file has about 100.
const LARGEST: u64 = 1000;

pub fn path(state_dir: &Path) -> PathBuf {
    state_dir.join(NAME)
}

/// `None` where there is no key yet.
///
/// # Errors
/// It is not a file of ours alone, or not whole; nothing makes another one in its place.
pub fn read(state_dir: &Path) -> Result<Option<Key>, StorageError> {
    let path = path(state_dir);
    let failed = |source: io::Error| StorageError::io("use", &path, source);
    let Some(entry) = Entry::open_if_there(&path)? else {
        return Ok(None);
    };
    let file = match sys::open_at(&entry.folder, entry.name, OFlags::RDONLY | OFlags::NOFOLLOW) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed(errno.into())),
    };
    let stat = sys::stat(&file).map_err(|errno| failed(errno.into()))?;
    folders::owners_alone(&stat).map_err(|cause| failed(io::Error::other(cause)))?;
    let mut text = String::new();
    File::from(file)
        .take(LARGEST)
        .read_to_string(&mut text)
        .map_err(failed)?;
    let damaged = || {
        failed(io::Error::other(
            "it is damaged; restore it from a backup. Without it (moved elsewhere) a new key is \
             made, and the records of before are imported with `rebuild --from` alone",
        ))
    };
    Key::from_text(&text).ok_or_else(damaged).map(Some)
}

/// The key, made durably where there is none.
pub fn read_or_make(state_dir: &Path) -> Result<Key, StorageError> {
    match read(state_dir)? {
        Some(key) => Ok(key),
        None => make(state_dir),
    }
}

/// Under a name that is free, so that two commands that come at once end with one key.
fn make(state_dir: &Path) -> Result<Key, StorageError> {
    let path = path(state_dir);
    let failed = |source: io::Error| StorageError::io("make", &path, source);
    let entry = Entry::open(&path)?;
    let mut bytes = [0; 32];
    let mut filled = 0;
    while filled < bytes.len() {
        filled += retry_on_intr(|| getrandom(&mut bytes[filled..], GetRandomFlags::empty()))
            .map_err(|errno| failed(errno.into()))?;
    }
    let key = Key::new(bytes);
    let temporary = format!(".new-{}", uuid::Uuid::new_v4());
    let temporary = OsStr::new(&temporary);
    let file = folders::create(&entry.folder, temporary).map_err(|errno| failed(errno.into()))?;
    let mut file = File::from(file);
    let written = file
        .write_all(key.to_text().as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)
        .and_then(|()| {
            retry_on_intr(|| {
                rustix::fs::linkat(
                    &entry.folder,
                    temporary,
                    &entry.folder,
                    entry.name,
                    AtFlags::empty(),
                )
            })
            .map_err(|errno| failed(errno.into()))
        });
    // Also where all went well: it has its own name now.
    let _ = rustix::fs::unlinkat(&entry.folder, temporary, AtFlags::empty());
    match written {
        Ok(()) => {}
        Err(StorageError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    durable::sync_folder(&entry.folder, &entry.folder_path)?;
    read(state_dir)?.ok_or_else(|| failed(Errno::NOENT.into()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_made_once_and_for_its_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        let state = state.path();
        assert_eq!(read(state).unwrap(), None);
        let key = read_or_make(state).unwrap();
        assert_eq!(read_or_make(state).unwrap(), key);
        assert_eq!(
            make(state).unwrap(),
            key,
            "a second maker takes the first one's"
        );
        let mode = fs::metadata(path(state)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(fs::read_dir(state).unwrap().count(), 1);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(read_or_make(other.path()).unwrap(), key);
    }

    #[test]
    fn a_damaged_one_or_one_that_others_could_read_is_not_replaced() {
        let state = tempfile::tempdir().unwrap();
        let state = state.path();
        read_or_make(state).unwrap();
        fs::set_permissions(path(state), PermissionsExt::from_mode(0o640)).unwrap();
        read_or_make(state).unwrap_err();
        fs::set_permissions(path(state), PermissionsExt::from_mode(0o600)).unwrap();
        let text = fs::read_to_string(path(state)).unwrap();
        fs::write(path(state), &text[..50]).unwrap();
        read_or_make(state).unwrap_err();
        assert_eq!(fs::read_to_string(path(state)).unwrap(), text[..50]);
        fs::remove_file(path(state)).unwrap();
        std::os::unix::fs::symlink("/dev/null", path(state)).unwrap();
        read_or_make(state).unwrap_err();
    }
}
