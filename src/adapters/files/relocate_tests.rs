//! Failure story: a move overwrote a file that had come to the place in the meantime, or moved a
//! file that was not the one that had been looked at.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;

use super::super::testing::{Mounted, facts, is_root, names, run};
use super::*;

fn demanding(
    from: &Path,
    to: &Path,
    expected: &FileFacts,
    demand: Demand,
) -> Result<Moved, StorageError> {
    Unsynced::at_once(|unsynced| super::relocate(from, to, expected, demand, unsynced))
}

struct Case {
    _folder: tempfile::TempDir,
    from: PathBuf,
    to: PathBuf,
}

/// On the way into quarantine.
fn relocate(from: &Path, to: &Path, expected: &FileFacts) -> Result<Moved, StorageError> {
    demanding(from, to, expected, Demand::Unchanged)
}

/// `a/disk`, and an empty folder `b`.
fn case() -> Case {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    fs::create_dir(base.join("a")).unwrap();
    fs::create_dir(base.join("b")).unwrap();
    fs::write(base.join("a/disk"), "mine").unwrap();
    Case {
        _folder: folder,
        from: base.join("a/disk"),
        to: base.join("b/000"),
    }
}

#[test]
fn there_and_back_is_the_same_file_and_twice_is_once() {
    let Case { _folder, from, to } = case();
    let expected = facts(&from);
    assert_eq!(relocate(&from, &to, &expected).unwrap(), Moved::Now);
    assert_eq!(relocate(&from, &to, &expected).unwrap(), Moved::Already);
    assert_eq!(relocate(&to, &from, &expected).unwrap(), Moved::Now);
    assert_eq!(relocate(&to, &from, &expected).unwrap(), Moved::Already);
    assert_eq!(facts(&from), expected);
}

#[test]
fn an_occupied_place_is_refused_and_nothing_moves() {
    let Case { _folder, from, to } = case();
    let expected = facts(&from);
    fs::write(&to, "theirs").unwrap();
    assert!(matches!(relocate(&from, &to, &expected), Err(StorageError::Occupied(at)) if at == to));
    assert_eq!(fs::read(&to).unwrap(), b"theirs");
    assert_eq!(fs::read(&from).unwrap(), b"mine");
    fs::remove_file(&to).unwrap();
    symlink("nowhere", &to).unwrap();
    assert!(matches!(
        relocate(&from, &to, &expected),
        Err(StorageError::Occupied(_))
    ));
    fs::remove_file(&from).unwrap();
    assert!(matches!(
        relocate(&from, &to, &expected),
        Err(StorageError::Occupied(_))
    ));
    fs::remove_file(&to).unwrap();
    assert!(matches!(
        relocate(&from, &to, &expected),
        Err(StorageError::Gone(_))
    ));
}

#[test]
fn another_file_under_the_name_is_refused() {
    let Case { _folder, from, to } = case();
    let expected = facts(&from);
    fs::write(&from, "longer than it was").unwrap();
    assert!(matches!(
        relocate(&from, &to, &expected),
        Err(StorageError::Swapped(_))
    ));
    let expected = facts(&from);
    fs::copy(&from, from.with_extension("copy")).unwrap();
    fs::rename(from.with_extension("copy"), &from).unwrap();
    assert!(matches!(
        relocate(&from, &to, &expected),
        Err(StorageError::Swapped(_))
    ));
    assert_eq!(names(to.parent().unwrap()), Vec::<String>::new());
}

#[test]
fn a_new_file_under_the_old_name_does_not_undo_the_move() {
    let Case { _folder, from, to } = case();
    let expected = facts(&from);
    relocate(&from, &to, &expected).unwrap();
    fs::write(&from, "new").unwrap();
    assert_eq!(relocate(&from, &to, &expected).unwrap(), Moved::Already);
    assert!(matches!(
        relocate(&to, &from, &expected),
        Err(StorageError::Occupied(_))
    ));
    assert_eq!(fs::read(&from).unwrap(), b"new");
}

#[test]
fn a_file_that_was_written_to_in_quarantine_can_still_come_back() {
    let Case { _folder, from, to } = case();
    let expected = facts(&from);
    relocate(&from, &to, &expected).unwrap();
    fs::write(&to, "longer than it was").unwrap();
    assert!(matches!(
        relocate(&to, &from, &expected),
        Err(StorageError::Swapped(_))
    ));
    let back = demanding(&to, &from, &expected, Demand::SameFile);
    assert_eq!(back.unwrap(), Moved::Now);
    assert_eq!(fs::read(&from).unwrap(), b"longer than it was");
}

#[test]
fn folders_and_symlinks_are_moved_whole_and_as_they_are() {
    let Case { _folder, from, to } = case();
    let base = from.parent().unwrap();
    symlink("disk", base.join("link")).unwrap();
    fs::create_dir(base.join("tpm")).unwrap();
    fs::write(base.join("tpm/state"), "s").unwrap();
    let link = facts(&base.join("link"));
    relocate(&base.join("link"), &to, &link).unwrap();
    assert_eq!(fs::read_link(&to).unwrap(), PathBuf::from("disk"));
    let tpm = facts(&base.join("tpm"));
    let there = to.with_file_name("001");
    relocate(&base.join("tpm"), &there, &tpm).unwrap();
    assert_eq!(fs::read(there.join("state")).unwrap(), b"s");
    assert_eq!(
        relocate(&there, &base.join("tpm"), &tpm).unwrap(),
        Moved::Now
    );
}

#[test]
fn a_missing_folder_and_a_symlink_for_a_folder_are_errors_that_name_them() {
    let Case { _folder, from, to } = case();
    let expected = facts(&from);
    let base = from.parent().unwrap().parent().unwrap();
    match relocate(&from, &base.join("gone/000"), &expected) {
        Err(StorageError::Io { path, source, .. }) => {
            assert_eq!(path, base.join("gone"));
            assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
        }
        other => panic!("{other:?}"),
    }
    symlink("b", base.join("l")).unwrap();
    assert!(matches!(
        relocate(&from, &base.join("l/000"), &expected),
        Err(StorageError::Io { .. })
    ));
    // The folder of what was moved already may be gone.
    relocate(&from, &to, &expected).unwrap();
    fs::remove_dir(from.parent().unwrap()).unwrap();
    assert_eq!(relocate(&from, &to, &expected).unwrap(), Moved::Already);
}

#[test]
fn an_interrupted_rename_by_link_is_finished() {
    let Case { _folder, from, to } = case();
    let expected = facts(&from);
    fs::hard_link(&from, &to).unwrap();
    assert_eq!(relocate(&from, &to, &expected).unwrap(), Moved::Now);
    assert!(!from.exists());
    assert_eq!(fs::metadata(&to).unwrap().nlink(), 1);
}

#[test]
fn a_rename_by_link_overwrites_nothing_either() {
    let Case { _folder, from, to } = case();
    let (source, target) = (Entry::open(&from).unwrap(), Entry::open(&to).unwrap());
    let before = sys::stat_at(&source.folder, source.name, AtFlags::empty()).unwrap();
    fs::write(&to, "theirs").unwrap();
    assert_eq!(rename_by_link(&source, &target, &before), Err(Errno::EXIST));
    fs::remove_file(&to).unwrap();
    rename_by_link(&source, &target, &before).unwrap();
    assert_eq!(fs::read(&to).unwrap(), b"mine");
    assert!(!from.exists());
}

#[test]
fn one_entry_seen_along_two_ways_is_not_unlinked() {
    if !is_root("one_entry_seen_along_two_ways_is_not_unlinked") {
        return;
    }
    let Case { _folder, from, to } = case();
    fs::hard_link(&from, from.with_file_name("other")).unwrap();
    let expected = facts(&from);
    let _mount = Mounted::bind(from.parent().unwrap(), to.parent().unwrap());
    let alias = to.with_file_name("disk");
    assert!(matches!(
        relocate(&from, &alias, &expected),
        Err(StorageError::Occupied(_))
    ));
    assert!(from.exists());
    // One device, and yet the kernel does not rename from mount to mount.
    match relocate(&from, &to, &expected) {
        Err(StorageError::Io { source, .. }) => {
            assert_eq!(source.kind(), std::io::ErrorKind::CrossesDevices);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn attributes_are_lifted_for_the_move_and_set_again() {
    if !is_root("attributes_are_lifted_for_the_move_and_set_again") {
        return;
    }
    let Case { _folder, from, to } = case();
    // A file system of its own wherever temporary files lie.
    let elsewhere = _folder.path().join("elsewhere");
    let _mount = Mounted::tmpfs(&elsewhere);
    run("chattr", &["+ia", from.to_str().unwrap()]);
    let expected = facts(&from);
    assert_eq!(expected.attributes, 0x30);
    relocate(&from, &to, &expected).unwrap();
    assert_eq!(facts(&to).attributes, 0x30);
    // Interrupted while they were lifted: the next run sets what the plan says.
    run("chattr", &["-ia", to.to_str().unwrap()]);
    assert_eq!(relocate(&from, &to, &expected).unwrap(), Moved::Already);
    assert_eq!(facts(&to).attributes, 0x30);
    relocate(&to, &from, &expected).unwrap();
    assert_eq!(facts(&from).attributes, 0x30);
    // A move that fails leaves them set.
    fs::write(&to, "theirs").unwrap();
    assert!(relocate(&from, &to, &expected).is_err());
    assert!(relocate(&from, &elsewhere.join("000"), &expected).is_err());
    assert_eq!(facts(&from).attributes, 0x30);
    run("chattr", &["-ia", from.to_str().unwrap()]);
}

#[test]
fn xfs_and_ext4_keep_everything_of_a_file_on_its_way() {
    if !is_root("xfs_and_ext4_keep_everything_of_a_file_on_its_way") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for kind in ["xfs", "ext4"] {
        let at = folder.path().canonicalize().unwrap().join(kind);
        let _mount = Mounted::loop_device(kind, &folder.path().join("image"), &at);
        fs::create_dir(at.join("q")).unwrap();
        let (from, to) = (at.join("disk"), at.join("q/000"));
        fs::File::create(&from).unwrap().set_len(1 << 20).unwrap();
        let expected = facts(&from);
        assert_eq!(
            relocate(&from, &to, &expected).unwrap(),
            Moved::Now,
            "{kind}"
        );
        assert_eq!(facts(&to), expected, "{kind}");
    }
}
