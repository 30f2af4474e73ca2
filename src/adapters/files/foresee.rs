//! Where a folder's files would wait, told without a file: the kernel answers EXDEV and EROFS for
//! two folders before it looks for the name that is to be renamed, and there is none.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, RenameFlags};
use rustix::io::{Errno, retry_on_intr};

use super::folders::{self, OUR_NAME};
use super::sys::{self, Entry};
use super::{LocalFiles, place, resolve};
use crate::ports::StorageError;

/// See [`StorageView::foreseen_place`](crate::ports::StorageView::foreseen_place).
pub fn place(
    files: &LocalFiles,
    source: &Path,
    avoid: &[PathBuf],
) -> Result<PathBuf, StorageError> {
    place::lets_out(source)?;
    let source = resolve::resolve(source)?.real;
    let in_state = resolve::resolve(&files.quarantine).map(|found| found.real);
    let mut causes = Vec::new();
    for candidate in place::candidates(files, in_state, &source, avoid)? {
        match candidate.and_then(|folder| takes(&source, &folder).map(|()| folder)) {
            Ok(folder) => return Ok(folder),
            Err(error) => causes.push(error.to_string()),
        }
    }
    Err(StorageError::NoPlace {
        path: source,
        cause: causes.join("; "),
    })
}

fn takes(source: &Path, folder: &Path) -> Result<(), StorageError> {
    let (path, opened) = match Entry::open_if_there(folder)? {
        Some(entry) if entry.look()?.is_some() => (folder, folders::open_private(&entry)?),
        _ => {
            let (path, opened) = nearest(folder)?;
            may_write(path, &opened)?;
            (path, opened)
        }
    };
    let from = sys::open_folder(source)?;
    let failed = |errno: Errno| StorageError::io("move files into", path, errno);
    let device = |folder: &OwnedFd| sys::stat(folder).map(|stat| sys::identity(&stat).device);
    // btrfs refuses between two subvolumes of one mount, and each has a device number of its own.
    if device(&from).map_err(failed)? != device(&opened).map_err(failed)? {
        return Err(failed(Errno::XDEV));
    }
    let name = OsString::from(format!("{OUR_NAME}-probe-{}", uuid::Uuid::new_v4()));
    let flags = RenameFlags::NOREPLACE;
    match retry_on_intr(|| rustix::fs::renameat_with(&from, &name, &opened, &name, flags)) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(failed(errno)),
    }
}

/// The folder in which the first missing one would be made.
fn nearest(folder: &Path) -> Result<(&Path, OwnedFd), StorageError> {
    let mut last = StorageError::Gone(folder.to_owned());
    for above in folder.ancestors().skip(1) {
        match sys::open_folder(above) {
            Ok(opened) => return Ok((above, opened)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn may_write(path: &Path, folder: &OwnedFd) -> Result<(), StorageError> {
    place::refuse_closed(folder, path)?;
    let access = Access::WRITE_OK | Access::EXEC_OK;
    retry_on_intr(|| rustix::fs::accessat(folder.as_fd(), ".", access, AtFlags::EACCESS))
        .map_err(|errno| StorageError::io("make a folder in", path, errno))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn the_place_is_told_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state/quarantine");
        let pool = folder.path().join("pool");
        fs::create_dir(&pool).unwrap();
        let files = LocalFiles::new(state.clone(), Vec::new());
        let told = place(&files, &pool, &[]).unwrap();
        assert_eq!(
            told,
            fs::canonicalize(folder.path())
                .unwrap()
                .join("state/quarantine")
        );
        assert_eq!(names(folder.path()), ["pool"]);
        assert!(names(&pool).is_empty());
    }

    #[test]
    fn another_file_system_is_no_place() {
        let folder = tempfile::tempdir().unwrap();
        let error = takes(folder.path(), Path::new("/dev/shm/no-such-folder")).unwrap_err();
        assert!(error.to_string().contains("/dev/shm"), "{error}");
    }

    #[test]
    fn a_folder_of_ours_that_is_open_to_others_is_no_place() {
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert!(takes(folder.path(), &open).is_err());
    }
}
