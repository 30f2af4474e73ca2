//! Failure story: a guest's disk was a file of the host, by mistake or by a bind mount, and went
//! with the guest.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::symlink;

use super::super::facts::facts;
use super::super::testing::{Mounted, is_root, run};
use super::*;

fn why(path: impl AsRef<Path>) -> Option<String> {
    let files = LocalFiles::new("/var/lib/virt-retire/quarantine".into(), vec![]);
    let path = path.as_ref();
    protected(&files, path, &facts(path).unwrap().expect("it is there"))
}

/// A folder where disks may lie. TMPDIR may be below /run, where nothing may be taken.
fn unprotected() -> tempfile::TempDir {
    tempfile::tempdir_in("/var/tmp").unwrap()
}

#[test]
fn the_hosts_own_files_are_protected_and_images_are_not() {
    for path in [
        "/etc/passwd",
        "/usr/bin/env",
        "/bin",
        "/lib",
        "/proc/self/status",
        "/dev/null",
    ] {
        assert!(why(path).is_some(), "{path}");
    }
    // Each distribution has its own list of packages.
    for path in ["/var/lib/dpkg/status", "/var/lib/rpm", "/var/lib/pacman"] {
        assert!(!Path::new(path).exists() || why(path).is_some(), "{path}");
    }
    // To sum up the whole root would take long, and only the kind counts.
    let folder = facts(tempfile::tempdir().unwrap().path()).unwrap().unwrap();
    let files = LocalFiles::new("/var/lib/virt-retire/quarantine".into(), vec![]);
    for path in [
        "/",
        "/home",
        "/var",
        "/tmp",
        "/run",
        "/var/lib/libvirt/images",
    ] {
        assert!(
            protected(&files, Path::new(path), &folder).is_some(),
            "{path}"
        );
    }
    for folder in ["/tmp", "/var/tmp", "/dev/shm"] {
        let folder = tempfile::tempdir_in(folder).unwrap();
        let disk = folder.path().join("disk");
        fs::write(&disk, "").unwrap();
        assert_eq!(why(&disk), None);
        assert_eq!(why(folder.path()), None);
        symlink("/etc/passwd", folder.path().join("l")).unwrap();
        assert_eq!(why(folder.path().join("l")), None);
        symlink("/etc", folder.path().join("e")).unwrap();
        assert!(why(folder.path().join("e/passwd")).is_some());
    }
}

#[test]
fn kinds_names_and_our_own_folders_are_protected() {
    let folder = unprotected();
    let base = folder.path().canonicalize().unwrap();
    for name in [
        ".ssh",
        ".virt-retire/1",
        "state/quarantine",
        "chosen",
        "images",
    ] {
        fs::create_dir_all(base.join(name)).unwrap();
    }
    let files = LocalFiles::new(base.join("state/quarantine"), vec![base.join("chosen")]);
    let check = |path: &str| {
        let path = base.join(path);
        fs::write(&path, "").unwrap();
        protected(&files, &path, &facts(&path).unwrap().unwrap()).is_some()
    };
    assert!(check(".ssh/id"));
    assert!(check(".virt-retire/1/000"));
    assert!(check("state/journal"));
    assert!(check("state/quarantine/000"));
    assert!(check("chosen/000"));
    assert!(!check("images/disk"));
    assert!(!check("state-of-the-art"));
    run("mkfifo", &[base.join("pipe").to_str().unwrap()]);
    assert!(why(base.join("pipe")).is_some());
}

#[test]
fn what_is_mounted_is_protected_under_whatever_name() {
    if !is_root("what_is_mounted_is_protected_under_whatever_name") {
        return;
    }
    let folder = unprotected();
    let base = folder.path().canonicalize().unwrap();
    for name in ["etc", "holder/tmp"] {
        fs::create_dir_all(base.join(name)).unwrap();
    }
    for name in ["one", "two words"] {
        fs::write(base.join(name), "").unwrap();
    }
    let _etc = Mounted::bind(Path::new("/etc"), &base.join("etc"));
    let _file = Mounted::bind(&base.join("one"), &base.join("two words"));
    let _tmp = Mounted::tmpfs(&base.join("holder/tmp"));
    assert!(why(base.join("etc/passwd")).unwrap().contains("/etc"));
    assert!(why(base.join("two words")).is_some());
    assert!(why(base.join("holder/tmp")).is_some());
    assert!(why(base.join("holder")).unwrap().contains("below"));
    assert_eq!(why(base.join("one")), None);
    fs::write(base.join("holder/tmp/disk"), "").unwrap();
    assert_eq!(why(base.join("holder/tmp/disk")), None);
}
