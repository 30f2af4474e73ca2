//! Failure story: the only name of a saved memory image was taken away as if it were the spare.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use super::super::testing::facts;
use super::*;

fn link(from: &Path, to: &Path, expected: &Identity) -> Result<Moved, StorageError> {
    Unsynced::at_once(|unsynced| super::link(from, to, expected, unsynced))
}

fn unlink_spare(spare: &Path, kept: &Path) -> Result<Moved, StorageError> {
    Unsynced::at_once(|unsynced| super::unlink_spare(spare, kept, unsynced))
}

#[test]
fn a_second_name_comes_and_goes_and_twice_is_once() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let (save, stored) = (base.join("vm.save"), base.join("000"));
    fs::write(&save, "memory").unwrap();
    let expected = facts(&save).identity;
    assert_eq!(link(&save, &stored, &expected).unwrap(), Moved::Now);
    assert_eq!(link(&save, &stored, &expected).unwrap(), Moved::Already);
    assert_eq!(unlink_spare(&stored, &save).unwrap(), Moved::Now);
    assert_eq!(unlink_spare(&stored, &save).unwrap(), Moved::Already);
    // libvirt deletes the first name; the second is then the file.
    link(&save, &stored, &expected).unwrap();
    fs::remove_file(&save).unwrap();
    assert_eq!(link(&save, &stored, &expected).unwrap(), Moved::Already);
    assert!(matches!(unlink_spare(&stored, &save), Err(StorageError::Gone(at)) if at == save));
    assert_eq!(fs::read(&stored).unwrap(), b"memory");
}

#[test]
fn another_file_is_neither_linked_nor_overwritten_nor_unlinked() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let (save, stored) = (base.join("vm.save"), base.join("000"));
    fs::write(&save, "memory").unwrap();
    let expected = facts(&save).identity;
    fs::write(&stored, "theirs").unwrap();
    assert!(matches!(
        link(&save, &stored, &expected),
        Err(StorageError::Occupied(_))
    ));
    assert!(matches!(
        unlink_spare(&stored, &save),
        Err(StorageError::Swapped(_))
    ));
    assert!(matches!(
        unlink_spare(&save, &save),
        Err(StorageError::Swapped(_))
    ));
    let other = facts(&stored).identity;
    let free = base.join("001");
    assert!(matches!(
        link(&save, &free, &other),
        Err(StorageError::Swapped(_))
    ));
    assert!(matches!(
        link(&base.join("gone"), &free, &other),
        Err(StorageError::Gone(_))
    ));
    assert!(!free.exists());
}
