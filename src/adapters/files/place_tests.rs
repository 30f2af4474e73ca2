//! Failure story: the quarantine was on another file system than the disk, and the move became a
//! copy that filled it; or it was inside a pool, whose list of volumes then showed it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::super::testing::{Mounted, is_root, names};
use super::*;

fn files(state: &Path, configured: &[&Path]) -> LocalFiles {
    LocalFiles::new(
        state.join("quarantine"),
        configured.iter().map(|path| path.to_path_buf()).collect(),
    )
}

#[test]
fn the_state_folder_is_home_and_place_for_its_file_system() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    fs::create_dir(base.join("images")).unwrap();
    let files = files(&base.join("state"), &[]);
    assert_eq!(home(&files).unwrap().folder, base.join("state/quarantine"));
    let found = place(&files, &base.join("images"), &[]).unwrap().folder;
    assert_eq!(found, base.join("state/quarantine"));
    assert_eq!(names(&base.join("images")), Vec::<String>::new());
    assert_eq!(names(&found), Vec::<String>::new());
}

#[test]
fn a_configured_folder_comes_first_unless_it_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    fs::create_dir(base.join("images")).unwrap();
    fs::create_dir(base.join("mine")).unwrap();
    fs::set_permissions(base.join("mine"), Permissions::from_mode(0o755)).unwrap();
    let files = files(
        &base.join("state"),
        &[&base.join("mine"), &base.join("two")],
    );
    assert!(home(&files).is_err());
    assert_eq!(
        place(&files, &base.join("images"), &[]).unwrap().folder,
        base.join("two")
    );
    fs::set_permissions(base.join("mine"), Permissions::from_mode(0o700)).unwrap();
    assert_eq!(home(&files).unwrap().folder, base.join("mine"));
    assert_eq!(
        place(&files, &base.join("images"), &[]).unwrap().folder,
        base.join("mine")
    );
}

#[test]
fn on_another_file_system_it_is_as_near_the_root_as_pools_allow() {
    if !is_root("on_another_file_system_it_is_as_near_the_root_as_pools_allow") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let _mount = Mounted::tmpfs(&base.join("data"));
    let (data, pool) = (base.join("data"), base.join("data/vms/pool"));
    fs::create_dir_all(&pool).unwrap();
    let files = files(&base.join("state"), &[]);
    assert_eq!(
        place(&files, &pool, &[]).unwrap().folder,
        data.join(OUR_NAME)
    );
    // What was tried in vain is gone again.
    assert_eq!(names(&base.join("state")), Vec::<String>::new());
    assert_eq!(names(&pool), Vec::<String>::new());
    // The root is a pool's: then nothing outside is left, and the root will do.
    assert_eq!(
        place(&files, &pool, std::slice::from_ref(&data))
            .unwrap()
            .folder,
        data.join(OUR_NAME)
    );
    assert_eq!(
        place(&files, &pool, std::slice::from_ref(&pool))
            .unwrap()
            .folder,
        data.join(OUR_NAME)
    );
    // A stranger's folder of that name is passed over.
    fs::set_permissions(data.join(OUR_NAME), Permissions::from_mode(0o777)).unwrap();
    assert_eq!(
        place(&files, &pool, &[]).unwrap().folder,
        data.join("vms").join(OUR_NAME)
    );
}

#[test]
fn a_bind_mount_of_the_same_device_is_found_out_by_trying() {
    if !is_root("a_bind_mount_of_the_same_device_is_found_out_by_trying") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    fs::create_dir(base.join("images")).unwrap();
    fs::create_dir(base.join("bound")).unwrap();
    let _mount = Mounted::bind(&base.join("images"), &base.join("bound"));
    let files = files(&base.join("state"), &[]);
    let found = place(&files, &base.join("bound"), &[]).unwrap().folder;
    assert_eq!(found, base.join("bound").join(OUR_NAME));
}

#[test]
fn a_folder_that_takes_no_file_says_so() {
    let files = files(Path::new("/dev/shm/never-made"), &[]);
    match place(&files, Path::new("/proc/self/fdinfo"), &[]) {
        Err(StorageError::NoPlace { .. } | StorageError::Io { .. }) => {}
        other => panic!("{other:?}"),
    }
    let _ = fs::remove_dir("/dev/shm/never-made");
}
