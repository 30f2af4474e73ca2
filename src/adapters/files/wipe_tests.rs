//! A run that is cut off is carried on where it was synced last, and a claim is never more than was
//! seen.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::super::facts::facts;
use super::*;

#[test]
fn a_claim_is_never_more_than_what_was_seen() {
    let medium = medium::Medium::default();
    let told = |sum: Sum, method| claim(&sum, method, &medium);
    let sum = || Sum {
        overwritten: 4096,
        ..Sum::default()
    };
    assert!(told(sum(), WipeMethod::Zero).starts_with("clear"));
    assert!(told(sum(), WipeMethod::Discard).starts_with("none"));
    let journaled = Sum {
        is_journaled: true,
        ..sum()
    };
    assert!(told(journaled, WipeMethod::Zero).contains("at most"));
    for less in [
        Sum { shared: 1, ..sum() },
        Sum {
            elsewhere: 1,
            ..sum()
        },
        Sum {
            is_blind: true,
            ..sum()
        },
    ] {
        assert!(told(less, WipeMethod::Random).starts_with("none"));
    }
}

const MIB: usize = 1 << 20;

fn waiting(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    // Not in memory, which tells of no extents.
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let folder = dir.path().canonicalize().unwrap().join("1-x");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    let path = folder.join("003");
    fs::write(&path, bytes).unwrap();
    fs::File::open(&path).unwrap().sync_all().unwrap();
    (dir, path)
}

/// Runs until so many bytes are done, as if it were killed then.
fn cut_off(path: &Path, method: WipeMethod, at: usize) {
    let facts = facts(path).unwrap().unwrap();
    let mut stop = |done: u64, _| done < at as u64;
    let ended = in_strides(path, &facts, method, &mut stop, MIB as u64);
    assert!(matches!(ended, Err(StorageError::Stopped(_))), "{ended:?}");
}

#[test]
fn what_was_cut_off_is_carried_on_behind_what_was_synced() {
    let (_dir, path) = waiting(&vec![7; 6 * MIB]);
    cut_off(&path, WipeMethod::Zero, 3 * MIB);
    // Whoever begins anew overwrites this as well, and whoever trusts what was not synced leaves
    // some.
    let mut bytes = fs::read(&path).unwrap();
    assert_eq!(bytes[MIB], 0);
    bytes[MIB] = 9;
    fs::write(&path, &bytes).unwrap();
    let facts = facts(&path).unwrap().unwrap();
    let mut heard = Vec::new();
    let mut progress = |done: u64, all: u64| {
        heard.push(done);
        assert_eq!(all, 6 * MIB as u64);
        true
    };
    let wiped = in_strides(&path, &facts, WipeMethod::Zero, &mut progress, MIB as u64);
    let wiped = wiped.unwrap().expect("a certificate");
    let left = fs::read(&path).unwrap();
    assert_eq!(
        left.iter().filter(|byte| **byte != 0).count(),
        1,
        "carried on"
    );
    assert_eq!(left[MIB], 9);
    assert!(heard[0] > 2 * MIB as u64 && heard.is_sorted(), "{heard:?}");
    assert_eq!(heard.last(), Some(&(6 * MIB as u64)));
    // The certificate is of the whole file.
    let told = wiped.overwritten + wiped.shared + wiped.elsewhere;
    assert_eq!(told, 6 * MIB as u64, "{wiped:?}");
    // The mark goes with the file.
    assert!(path.with_file_name("003.wipe").exists());
    super::super::destroy::destroy(&path, &facts).unwrap();
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn a_mark_that_does_not_fit_says_nothing() {
    for spoil in ["method", "file", "text"] {
        let (_dir, path) = waiting(&vec![7; 4 * MIB]);
        cut_off(&path, WipeMethod::Random, 2 * MIB);
        let mark = path.with_file_name("003.wipe");
        assert!(mark.exists());
        match spoil {
            "text" => fs::write(&mark, "{").unwrap(),
            "file" => {
                fs::rename(&path, path.with_file_name("x")).unwrap();
                fs::write(&path, vec![7; 4 * MIB]).unwrap();
                fs::remove_file(path.with_file_name("x")).unwrap();
            }
            _ => {}
        }
        let facts = facts(&path).unwrap().unwrap();
        let mut on = |_, _| true;
        in_strides(&path, &facts, WipeMethod::Zero, &mut on, MIB as u64).unwrap();
        assert!(
            fs::read(&path).unwrap().iter().all(|byte| *byte == 0),
            "{spoil}"
        );
    }
}
