//! If this fails, a guest's TPM state comes back with other rights than swtpm needs, or half.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use rustix::fs::XattrFlags;

use super::super::testing::{facts, is_root, names};
use super::*;

fn temporary(path: &Path) -> PathBuf {
    path.with_file_name(beside(path.file_name().unwrap()))
}

#[test]
fn a_folder_is_copied_with_all_that_is_in_it_and_never_over_anything() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("state");
    fs::create_dir(&from).unwrap();
    fs::create_dir(from.join("tpm2")).unwrap();
    let file = from.join("tpm2/permall");
    fs::write(&file, [[0; 100_000], [7; 100_000]].concat()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    rustix::fs::setxattr(&file, "user.x", b"1\0", XattrFlags::empty()).unwrap();
    symlink("permall", from.join("tpm2/link")).unwrap();

    let to = folder.path().join("copy");
    // A run before this one was cut off.
    fs::create_dir(temporary(&to)).unwrap();
    fs::write(temporary(&to).join("half"), "").unwrap();
    assert_eq!(copy(&from, &to, &facts(&from)).unwrap(), Moved::Now);
    let copied = to.join("tpm2/permall");
    assert_eq!(fs::read(&copied).unwrap(), fs::read(&file).unwrap());
    let (old, new) = (file.metadata().unwrap(), copied.metadata().unwrap());
    assert_eq!(old.mode(), new.mode());
    assert_eq!(old.modified().unwrap(), new.modified().unwrap());
    let mut value = [0; 8];
    assert_eq!(
        rustix::fs::lgetxattr(&copied, "user.x", &mut value[..]).unwrap(),
        2
    );
    assert_eq!(
        fs::read_link(to.join("tpm2/link")).unwrap(),
        Path::new("permall")
    );

    assert!(is_equal(&from, &to).unwrap());
    fs::write(from.join("more"), "").unwrap();
    assert!(!is_equal(&from, &to).unwrap());
    fs::remove_file(from.join("more")).unwrap();

    fs::write(&copied, "newer").unwrap();
    assert!(!is_equal(&from, &to).unwrap());
    assert_eq!(copy(&from, &to, &facts(&from)).unwrap(), Moved::Already);
    assert_eq!(fs::read(&copied).unwrap(), b"newer");
    remove(&to).unwrap();
    remove(&to).unwrap();
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1);
}

/// An inode of root's that a user may have given the source's name to.
#[test]
fn only_the_file_that_is_expected_is_copied_and_no_symlink_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("kept"), "kept").unwrap();
    fs::write(path("secret"), "secret").unwrap();
    let expected = facts(&path("kept"));
    fs::rename(path("kept"), path("was")).unwrap();
    let swap = |how: &dyn Fn(&Path)| {
        let _ = fs::remove_file(path("kept"));
        how(&path("kept"));
        let error = copy(&path("kept"), &path("copy"), &expected).unwrap_err();
        assert!(matches!(error, StorageError::Swapped(_)), "{error}");
    };
    swap(&|kept| symlink("secret", kept).unwrap());
    swap(&|kept| symlink("was", kept).unwrap());
    swap(&|kept| fs::hard_link(path("secret"), kept).unwrap());
    fs::remove_file(path("kept")).unwrap();
    fs::rename(path("was"), path("kept")).unwrap();
    // Neither under a symlink's name, nor by way of one.
    symlink("nowhere", path("copy")).unwrap();
    let way = |name: &str| copy(&path("kept"), &path(name), &expected);
    assert_eq!(way("copy").unwrap(), Moved::Already);
    assert!(!is_equal(&path("kept"), &path("copy")).unwrap());
    symlink(".", path("way")).unwrap();
    assert!(way("way/new").is_err());
    assert_eq!(names(folder.path()), ["copy", "kept", "secret", "way"]);
}

/// The name of our temporary folder was given to another one, full of what is not ours.
#[test]
fn a_folder_that_no_copy_made_is_not_emptied_where_others_may_write() {
    if !is_root("a folder that no copy made") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir_all(from.join("tpm2")).unwrap();
    fs::write(from.join("tpm2/permall"), "state").unwrap();
    std::os::unix::fs::chown(folder.path(), Some(1207), None).unwrap();
    let put = |names: &[&str]| {
        for name in names {
            let path = temporary(&to).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    };
    for strange in ["1-uuid/000", "tpm2/000", "permall"] {
        put(&["tpm2/permall", strange]);
        copy(&from, &to, &facts(&from)).unwrap_err();
        assert!(temporary(&to).join(strange).exists(), "{strange}");
        assert!(!to.exists());
        fs::remove_dir_all(temporary(&to)).unwrap();
    }
    // What a run that was cut off has left.
    put(&["tpm2/permall"]);
    assert_eq!(copy(&from, &to, &facts(&from)).unwrap(), Moved::Now);
    assert!(is_equal(&from, &to).unwrap() && !temporary(&to).exists());
    remove(&to).unwrap_err();
    assert!(is_equal(&from, &to).unwrap());
}

/// A file system without O_TMPFILE gets a file with a name.
#[test]
fn a_file_is_copied_by_a_temporary_name_too() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::write(&from, "bytes").unwrap();
    fs::write(temporary(&to), "half").unwrap();
    let source = Entry::open(&from).unwrap();
    let (fd, stat) = look(&source).unwrap().unwrap();
    let target = Entry::open(&to).unwrap();
    named_file(&fd, &stat, &target).unwrap();
    assert_eq!(fs::read(&to).unwrap(), b"bytes");
    let error = named_file(&fd, &stat, &target).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(names(folder.path()), ["from", "to"]);
}
