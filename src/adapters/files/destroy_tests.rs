//! What is not the recorded inode, or not in a folder of ours, stays whatever it is called.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::super::facts::facts;
use super::*;

fn ours() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().canonicalize().unwrap().join("1-x");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    (dir, folder)
}

#[test]
fn only_the_recorded_inode_goes() {
    let (_dir, folder) = ours();
    let path = folder.join("003");
    fs::write(&path, vec![7; 100_000]).unwrap();
    let recorded = facts(&path).unwrap().unwrap();
    fs::rename(&path, folder.join("aside")).unwrap();
    fs::write(&path, b"somebody's").unwrap();
    assert!(matches!(
        destroy(&path, &recorded),
        Err(StorageError::Swapped(_))
    ));
    assert!(path.exists());
    fs::remove_file(&path).unwrap();
    fs::rename(folder.join("aside"), &path).unwrap();
    assert!(destroy(&path, &recorded).unwrap() > 0);
    assert!(!path.exists());
    assert_eq!(destroy(&path, &recorded).unwrap(), 0, "again");
}

#[test]
fn a_file_with_another_name_frees_nothing() {
    let (dir, folder) = ours();
    let path = folder.join("003");
    fs::write(&path, vec![7; 100_000]).unwrap();
    fs::hard_link(&path, dir.path().join("other")).unwrap();
    let recorded = facts(&path).unwrap().unwrap();
    assert_eq!(destroy(&path, &recorded).unwrap(), 0);
    assert_eq!(fs::read(dir.path().join("other")).unwrap().len(), 100_000);
}

#[test]
fn a_folder_goes_with_all_in_it_and_a_link_out_of_it_leads_nowhere() {
    let (dir, folder) = ours();
    let outside = dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("theirs"), b"x").unwrap();
    let path = folder.join("004");
    fs::create_dir_all(path.join("tpm2")).unwrap();
    fs::write(path.join("tpm2/state"), vec![1; 5_000]).unwrap();
    std::os::unix::fs::symlink(&outside, path.join("tpm2/link")).unwrap();
    let recorded = facts(&path).unwrap().unwrap();
    assert!(destroy(&path, &recorded).unwrap() > 0);
    assert!(!path.exists());
    assert!(outside.join("theirs").exists());
}

#[test]
fn a_folder_that_others_may_enter_is_not_ours() {
    let (_dir, folder) = ours();
    let path = folder.join("003");
    fs::write(&path, b"x").unwrap();
    let recorded = facts(&path).unwrap().unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(destroy(&path, &recorded).is_err());
    assert!(path.exists());
}

#[test]
fn what_is_strange_in_a_folder_stays_and_is_named() {
    let (_dir, folder) = ours();
    for name in ["manifest.json", "record.bin", "notes.txt", ".new-1"] {
        fs::write(folder.join(name), b"x").unwrap();
    }
    fs::create_dir(folder.join("snapshots")).unwrap();
    fs::write(folder.join("snapshots/000.xml"), b"x").unwrap();
    fs::write(folder.join("snapshots/mine"), b"x").unwrap();
    let known: Vec<PathBuf> = ["manifest.json", "record.bin", "snapshots/000.xml", "gone"]
        .map(PathBuf::from)
        .into();
    let mut strange = remove_known(&folder, &known).unwrap();
    strange.sort();
    assert_eq!(
        strange,
        [folder.join("notes.txt"), folder.join("snapshots/mine")]
    );
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    fs::remove_file(folder.join("notes.txt")).unwrap();
    fs::remove_file(folder.join("snapshots/mine")).unwrap();
    assert!(remove_known(&folder, &known).unwrap().is_empty());
    assert!(!folder.exists());
    assert!(remove_known(&folder, &known).unwrap().is_empty(), "again");
}
