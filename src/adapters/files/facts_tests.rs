//! Failure story: looking at a domain's disks hung on a pipe, or counted what a symlink led to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::unix::fs::{MetadataExt, symlink};

use super::super::testing::{facts as look, is_root, run};
use super::*;

#[test]
fn nothing_is_none_and_so_is_something_below_a_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "x").unwrap();
    assert_eq!(facts(&folder.path().join("gone")).unwrap(), None);
    assert_eq!(facts(&folder.path().join("file/below")).unwrap(), None);
}

#[test]
fn a_file_is_seen_as_stat_sees_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    std::fs::File::create(&path)
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let stat = std::fs::metadata(&path).unwrap();
    let found = look(&path);
    assert_eq!(found.identity.key(), (stat.dev(), stat.ino()));
    assert!(found.identity.born.is_some());
    assert_eq!((found.kind, found.size), (FileKind::Regular, 1 << 30));
    assert_eq!(
        (found.allocated, found.mode),
        (stat.blocks() * 512, stat.mode() & 0o7777)
    );
    assert_eq!(
        (found.uid, found.gid, found.links),
        (stat.uid(), stat.gid(), 1)
    );
    assert_eq!(found.modified.seconds, stat.mtime());
    assert!(!found.is_locked_by_attribute());
}

#[test]
fn a_pipe_does_not_block_and_a_symlink_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, link) = (folder.path().join("pipe"), folder.path().join("link"));
    run("mkfifo", &[pipe.to_str().unwrap()]);
    symlink("pipe", &link).unwrap();
    assert_eq!(look(&pipe).kind, FileKind::Other);
    let found = look(&link);
    assert_eq!(found.kind, FileKind::Symlink);
    assert_eq!(found.link_target.as_deref(), Some(Path::new("pipe")));
}

#[test]
fn a_folder_weighs_what_is_below_it_each_file_once() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("big"), [0; 5000]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("below")).unwrap();
    std::fs::write(path.join("one"), [1; 100]).unwrap();
    std::fs::write(path.join("below/two"), [1; 20]).unwrap();
    std::fs::hard_link(path.join("one"), path.join("below/again")).unwrap();
    symlink(outside.path(), path.join("below/l")).unwrap();
    let spelled = outside.path().as_os_str().len() as u64;
    assert_eq!(look(path).size, 120 + spelled);
}

#[test]
fn attributes_that_forbid_a_rename_are_told_apart() {
    if !is_root("attributes_that_forbid_a_rename_are_told_apart") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    std::fs::write(&path, "x").unwrap();
    for (flag, bits) in [("i", 0x10), ("a", 0x20)] {
        run("chattr", &[&format!("+{flag}"), path.to_str().unwrap()]);
        let found = look(&path).attributes;
        run("chattr", &[&format!("-{flag}"), path.to_str().unwrap()]);
        assert_eq!(found, bits);
    }
}
