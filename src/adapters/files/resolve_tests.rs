//! Failure story: two spellings of one file were taken for two files, and one of them removed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::*;

#[test]
fn links_are_recorded_in_the_last_place_only() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    std::fs::create_dir_all(base.join("real/sub")).unwrap();
    std::fs::write(base.join("real/disk"), "").unwrap();
    symlink("real", base.join("dir")).unwrap();
    symlink(base.join("dir/disk"), base.join("real/two")).unwrap();
    symlink("dir/two", base.join("one")).unwrap();
    symlink("nowhere/x", base.join("dangling")).unwrap();
    // Spelling, links, where it ends.
    for (path, links, real) in [
        ("real/disk", &[][..], "real/disk"),
        ("dir/disk", &[], "real/disk"),
        ("one", &["one", "real/two"], "real/disk"),
        ("dir/two", &["real/two"], "real/disk"),
        ("dir/sub/../disk", &[], "real/disk"),
        ("dir/../real//./disk", &[], "real/disk"),
        ("dir/", &["dir"], "real"),
        ("dir/..", &[], ""),
        ("dangling", &["dangling"], "nowhere/x"),
        ("gone/a/../b", &[], "gone/b"),
        ("dir/gone", &[], "real/gone"),
    ] {
        let found = resolve(&base.join(path)).unwrap();
        let links: Vec<_> = links.iter().map(|link| base.join(link)).collect();
        let real = base.join(real);
        assert_eq!(
            (found.links, found.real),
            (links, real.components().collect()),
            "{path}"
        );
    }
}

#[test]
fn the_root_is_its_own_parent() {
    assert_eq!(resolve(Path::new("/../..")).unwrap().real, Path::new("/"));
}

#[test]
fn a_circle_ends_and_a_file_is_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    symlink("b", folder.path().join("a")).unwrap();
    symlink("a", folder.path().join("b")).unwrap();
    std::fs::write(folder.path().join("f"), "").unwrap();
    for (path, errno) in [
        ("a", Errno::LOOP),
        ("f/x", Errno::NOTDIR),
        ("f/../f", Errno::NOTDIR),
    ] {
        match resolve(&folder.path().join(path)) {
            Err(StorageError::Io { source, .. }) => {
                assert_eq!(source.raw_os_error(), Some(errno.raw_os_error()), "{path}");
            }
            other => panic!("{path}: {other:?}"),
        }
    }
}

#[test]
fn a_name_need_not_be_text() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let name = OsStr::from_bytes(b"d\xff\n");
    std::fs::write(base.join(name), "").unwrap();
    symlink(name, base.join("l")).unwrap();
    let found = resolve(&base.join("l")).unwrap();
    assert_eq!(
        (found.links, found.real),
        (vec![base.join("l")], base.join(name))
    );
}
