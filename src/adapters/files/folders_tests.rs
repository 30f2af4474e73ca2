//! Failure story: the quarantine was a folder that somebody else had made first, and could read;
//! the clean-up after a rollback removed a file that had not been put back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::super::testing::{is_root, names};
use super::*;

fn ensure_private(path: &Path) -> Result<bool, StorageError> {
    Unsynced::at_once(|unsynced| super::ensure_private(path, unsynced))
}

fn make(path: &Path) -> Result<(), StorageError> {
    Unsynced::at_once(|unsynced| super::make(path, unsynced))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    Unsynced::at_once(|unsynced| super::write(path, bytes, unsynced))
}

/// What was not ours, by its name.
fn remove(path: &Path) -> Result<Vec<String>, StorageError> {
    let known = ["domain.xml", "snapshots/a.xml"].map(PathBuf::from);
    let strange = Unsynced::at_once(|unsynced| super::remove(path, &known, unsynced))?;
    let name = |file: &PathBuf| file.strip_prefix(path).unwrap().display().to_string();
    Ok(strange.iter().map(name).collect())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_folder_is_made_once_and_closed() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().canonicalize().unwrap().join("q");
    assert!(ensure_private(&path).unwrap());
    assert!(!ensure_private(&path).unwrap());
    assert_eq!(mode(&path), 0o700);
}

#[test]
fn an_open_folder_a_symlink_and_a_strangers_folder_are_refused() {
    let base = tempfile::tempdir().unwrap();
    let base = base.path().canonicalize().unwrap();
    fs::create_dir(base.join("open")).unwrap();
    fs::set_permissions(base.join("open"), Permissions::from_mode(0o750)).unwrap();
    fs::create_dir(base.join("mine")).unwrap();
    fs::set_permissions(base.join("mine"), Permissions::from_mode(0o700)).unwrap();
    symlink("mine", base.join("link")).unwrap();
    fs::write(base.join("file"), "").unwrap();
    for name in ["open", "link", "file"] {
        assert!(ensure_private(&base.join(name)).is_err(), "{name}");
    }
    if is_root("an_open_folder_a_symlink_and_a_strangers_folder_are_refused") {
        std::os::unix::fs::chown(base.join("mine"), Some(12345), None).unwrap();
        assert!(ensure_private(&base.join("mine")).is_err());
    }
}

#[test]
fn a_file_is_written_whole_for_its_owner_alone_and_again() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().canonicalize().unwrap().join("manifest.json");
    write(&path, b"one").unwrap();
    write(&path, b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(names(base.path()), ["manifest.json"]);
}

#[test]
fn a_folder_goes_with_its_record_and_going_twice_is_fine() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().canonicalize().unwrap().join("1");
    for folder in [
        path.clone(),
        path.join("snapshots"),
        path.join("checkpoints"),
    ] {
        ensure_private(&folder).unwrap();
    }
    write(&path.join("domain.xml"), b"x").unwrap();
    write(&path.join("snapshots/a.xml"), b"x").unwrap();
    remove(&path).unwrap();
    remove(&path).unwrap();
    assert!(!path.exists());
}

/// A rollback left an empty `.virt-retire` in a pool, and the pool listed it as a volume.
#[test]
fn a_quarantine_of_our_own_name_goes_with_the_last_folder_in_it() {
    let base = tempfile::tempdir().unwrap();
    let base = base.path().canonicalize().unwrap();
    let ours = base.join(OUR_NAME);
    ensure_private(&ours).unwrap();
    make(&ours.join("1")).unwrap();
    make(&ours.join("2")).unwrap();
    remove(&ours.join("1")).unwrap();
    assert_eq!(names(&ours), ["2"]);
    remove(&ours.join("2")).unwrap();
    remove(&ours.join("2")).unwrap();
    assert_eq!(names(&base), Vec::<String>::new());
    // Found by one transaction, taken away by the rollback of another.
    make(&ours.join("3")).unwrap();
    assert_eq!(mode(&ours), 0o700);
    // Nobody else's folder is made or taken away.
    assert!(make(&base.join("other/4")).is_err());
    ensure_private(&base.join("other")).unwrap();
    make(&base.join("other/4")).unwrap();
    remove(&base.join("other/4")).unwrap();
    assert_eq!(names(&base), [OUR_NAME, "other"]);
}

#[test]
fn a_quarantined_file_keeps_the_whole_folder() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().canonicalize().unwrap().join("1");
    ensure_private(&path).unwrap();
    ensure_private(&path.join("snapshots")).unwrap();
    write(&path.join("domain.xml"), b"x").unwrap();
    for name in ["000", "snapshots/1"] {
        write(&path.join(name), b"disk").unwrap();
        assert!(remove(&path).is_err());
        fs::remove_file(path.join(name)).unwrap();
    }
    assert_eq!(names(&path), ["domain.xml", "snapshots"]);
}

/// A rollback took notes along that an operator had put beside the files.
#[test]
fn what_is_not_of_the_record_stays_and_the_folder_with_it() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().canonicalize().unwrap().join("1");
    ensure_private(&path).unwrap();
    ensure_private(&path.join("snapshots")).unwrap();
    for name in [
        "domain.xml",
        ".new-1f",
        "notes",
        "snapshots/a.xml",
        "snapshots/b.xml",
    ] {
        write(&path.join(name), b"x").unwrap();
    }
    fs::create_dir(path.join("mine")).unwrap();
    symlink("domain.xml", path.join("link")).unwrap();
    let mut strange = remove(&path).unwrap();
    strange.sort();
    assert_eq!(strange, ["link", "mine", "notes", "snapshots/b.xml"]);
    assert_eq!(names(&path), ["link", "mine", "notes", "snapshots"]);
    assert_eq!(names(&path.join("snapshots")), ["b.xml"]);
}
