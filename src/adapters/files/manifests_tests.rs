//! Which folders in quarantine are looked at, and what speaks for a record there.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;

const NAME: &str = "7-00000000-0000-0000-0000-00000000004d";

struct Scene {
    base: tempfile::TempDir,
    files: LocalFiles,
}

fn scene() -> Scene {
    let base = tempfile::tempdir().unwrap();
    private(&base.path().join("state"));
    Scene {
        files: LocalFiles::new(base.path().join("state/quarantine"), Vec::new()),
        base,
    }
}

fn private(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
}

impl Scene {
    fn path(&self, below: &str) -> PathBuf {
        self.base.path().join(below)
    }

    /// A transaction's folder in a root, with a record that has its proof.
    fn transaction(&self, root: &str) -> PathBuf {
        private(&self.path(root));
        let folder = self.path(root).join(NAME);
        self.files.remember_root_of(&folder).unwrap();
        private(&folder);
        let proof = self.files.prove(b"record", b"manifest").unwrap();
        for (name, bytes) in [(RECORD, &b"record"[..]), (PROOF, &proof)] {
            Unsynced::at_once(|unsynced| folders::write(&folder.join(name), bytes, unsynced))
                .unwrap();
        }
        folder
    }
}

#[test]
fn roots_that_were_used_are_found_again_and_no_others() {
    let scene = scene();
    let own = [
        scene.transaction("state/quarantine"),
        scene.transaction("disk/.virt-retire"),
    ];
    private(&scene.path("stick/.virt-retire").join(NAME));
    let found = scene.files.own().unwrap();
    let mut paths: Vec<_> = found.folders.iter().map(|it| it.path.clone()).collect();
    paths.sort();
    let mut expected = own.to_vec();
    expected.sort();
    assert_eq!(paths, expected);
    assert!(found.folders.iter().all(|folder| folder.has_proof));
    for folder in &found.folders {
        let record = scene.files.record(&folder.path).unwrap();
        assert_eq!(record.proof, Proof::Holds);
        assert_eq!(
            folder.in_state,
            folder.path.starts_with(scene.path("state"))
        );
    }
    // Another state folder has another key.
    let other = LocalFiles::new(scene.path("other/quarantine"), Vec::new());
    private(&scene.path("other"));
    assert_eq!(other.record(&own[0]).unwrap().proof, Proof::Fails);
    assert_eq!(other.own().unwrap(), Found::default());
}

#[test]
fn a_record_that_was_changed_or_has_no_proof_is_not_ours() {
    let scene = scene();
    let folder = scene.transaction("state/quarantine");
    Unsynced::at_once(|unsynced| folders::write(&folder.join(RECORD), b"recorD", unsynced))
        .unwrap();
    assert_eq!(scene.files.record(&folder).unwrap().proof, Proof::Fails);
    fs::remove_file(folder.join(PROOF)).unwrap();
    assert_eq!(scene.files.record(&folder).unwrap().proof, Proof::Missing);
    scene.files.seal(&folder, b"recorD").unwrap();
    assert_eq!(scene.files.record(&folder).unwrap().proof, Proof::Holds);
}

#[test]
fn what_others_could_have_a_hand_in_is_not_looked_at() {
    let scene = scene();
    let folder = scene.transaction("disk/.virt-retire");
    let refused = |why: &str| {
        let cause = scene.files.record(&folder).unwrap_err();
        assert!(cause.contains(why), "{cause}");
    };
    fs::hard_link(folder.join(RECORD), scene.path("second")).unwrap();
    refused("names");
    fs::remove_file(scene.path("second")).unwrap();
    fs::set_permissions(folder.join(RECORD), Permissions::from_mode(0o660)).unwrap();
    refused("mode");
    fs::rename(folder.join(RECORD), scene.path("away")).unwrap();
    symlink(scene.path("away"), folder.join(RECORD)).unwrap();
    refused(RECORD);
    fs::set_permissions(&folder, Permissions::from_mode(0o770)).unwrap();
    refused("mode");
    fs::rename(&folder, scene.path("moved")).unwrap();
    symlink(scene.path("moved"), &folder).unwrap();
    refused("");
    // Nor into a root that is open to others.
    fs::set_permissions(
        scene.path("disk/.virt-retire"),
        Permissions::from_mode(0o777),
    )
    .unwrap();
    let found = scene.files.own().unwrap();
    assert_eq!(found.folders, []);
    assert_eq!(found.passed[0].0, scene.path("disk/.virt-retire"));
}

#[test]
fn whoever_can_write_above_a_folder_can_put_another_in_its_place() {
    let scene = scene();
    let folder = scene.transaction("a/b/.virt-retire");
    // The temporary folder itself is sticky, and ours below it.
    scene.files.out_of_reach(&folder).unwrap();
    fs::set_permissions(scene.path("a"), Permissions::from_mode(0o777)).unwrap();
    let cause = scene.files.out_of_reach(&folder).unwrap_err();
    assert!(cause.contains(scene.path("a").to_str().unwrap()), "{cause}");
    fs::set_permissions(scene.path("a"), Permissions::from_mode(0o1777)).unwrap();
    scene.files.out_of_reach(&folder).unwrap();
}

#[test]
fn a_folder_that_was_chosen_is_a_root_holds_one_or_is_a_transactions() {
    let scene = scene();
    let folder = scene.transaction("disk/.virt-retire");
    for chosen in [
        "disk",
        "disk/.virt-retire",
        &format!("disk/.virt-retire/{NAME}"),
    ] {
        let found = scene.files.chosen(&[scene.path(chosen)]);
        assert_eq!(found.folders.len(), 1, "{chosen}");
        assert_eq!(found.folders[0].path, folder, "{chosen}");
    }
    let found = scene.files.chosen(&[scene.path("nowhere")]);
    assert_eq!((found.folders.len(), found.passed.len()), (0, 1));
}
