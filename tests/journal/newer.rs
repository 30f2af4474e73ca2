//! The failure story: after an upgrade somebody goes back to the program of before, or the state
//! folder is mounted on a host that has not been upgraded. The older program takes what it does not
//! know for damage, says "restore from a backup" or makes an empty journal; or it says only that it
//! cannot.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::golden::unpack;
use super::program::run;
use serde_json::Value;
use virt_retire::journal::envelope::{self, Kind};

/// Whatever a program of format 3 would write in the payload.
fn of_format_3(kind: Kind) -> Vec<u8> {
    envelope::seal(kind as u16, 3, b"who knows")
}

/// Where a newer program has been: its first record is one that this one does not know.
fn with_newer_records(state: &Path) {
    let db = sled::open(state.join("journal")).unwrap();
    let meta = db.open_tree("meta").unwrap();
    meta.insert("format", of_format_3(Kind::Format)).unwrap();
    db.flush().unwrap();
}

/// The same, where the watermark beside the records is the first that is read.
fn with_newer_watermark(state: &Path) {
    let file = state.join("journal.head");
    let mut bytes = fs::read(&file).unwrap();
    let mark = of_format_3(Kind::Mark);
    for slot in [0, 4096] {
        bytes[slot..slot + 512].fill(0);
        bytes[slot..slot + mark.len()].copy_from_slice(&mark);
    }
    fs::write(&file, bytes).unwrap();
}

/// Files with their bytes, but for those that every opening writes: sled's own, and the lock.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.ends_with("journal") || path.ends_with("lock") {
            found.push((name, Vec::new()));
        } else if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((name, fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn an_older_program_says_both_formats_and_the_way_out_and_changes_nothing() {
    for spoil in [with_newer_records, with_newer_watermark] {
        let dir = unpack("clean");
        let state = dir.path();
        // Brought to this program's format first, as the newer one would have done.
        assert!(run(state, &["list"]).status.success());
        spoil(state);
        let before = files(state);
        for words in [
            &["list"][..],
            &["show", "1"],
            &["log"],
            &["log", "--checkpoint"],
            &["verify"],
            &["prove", "1"],
            &["journal", "info"],
            &["journal", "export"],
            &["journal", "upgrade", "--dry-run"],
            &["journal", "upgrade"],
            &["recover", "--yes"],
            &["rollback", "1", "--yes"],
            &["purge", "1", "--yes"],
            &["hold", "1", "--reason", "x", "--yes"],
            &["rebuild", "--yes"],
        ] {
            let told = run(state, words);
            assert_eq!(told.status.code(), Some(1), "{words:?}: {told:?}");
            assert_eq!(told.stdout, b"", "{words:?}");
            let said = String::from_utf8(told.stderr).unwrap();
            for part in [
                "has format 3; this version knows formats up to 2",
                &state.display().to_string(),
                "use the version of virt-retire that wrote it, or a newer one",
            ] {
                assert!(said.contains(part), "{words:?}: {part} in\n{said}");
            }
            // No way that leads to a loss.
            for part in ["backup", "rebuild"] {
                let of_us = said.replace(&words.join(" "), "");
                assert!(!of_us.contains(part), "{words:?}: {said}");
            }
            let words = [&["--output", "json"], words].concat();
            let told = run(state, &words);
            let error: Value = serde_json::from_slice(&told.stderr).unwrap();
            assert_eq!(error["error"]["code"], "journal-newer", "{words:?}");
            assert!(error["error"]["hint"].as_str().unwrap().contains("newer"));
        }
        assert_eq!(files(state), before);
    }
}

#[test]
fn what_a_newer_program_wrote_elsewhere_is_called_newer_and_not_damaged() {
    let dir = unpack("clean");
    let state = dir.path();
    let file = tempfile::NamedTempFile::new().unwrap();
    let name = file.path().to_str().unwrap();
    let said = |state: &Path, words: &[&str]| {
        let told = run(state, words);
        assert_eq!(told.status.code(), Some(1), "{words:?}: {told:?}");
        String::from_utf8(told.stderr).unwrap()
    };
    // An export.
    let export = String::from_utf8(run(state, &["journal", "export"]).stdout).unwrap();
    let newer = export.replacen("\"format\":2", "\"format\":3", 1);
    assert_ne!(newer, export);
    fs::write(name, newer).unwrap();
    let empty = tempfile::tempdir().unwrap();
    fs::set_permissions(empty.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let told = said(empty.path(), &["journal", "import", name, "--yes"]);
    assert!(told.contains("format 3") && told.contains('2'), "{told}");
    assert!(!empty.path().join("journal").exists());
    // A saved plan.
    fs::write(name, of_format_3(Kind::SavedPlan)).unwrap();
    let told = said(state, &["apply", name, "--yes"]);
    assert!(
        told.contains("format 3") && told.contains("up to 2"),
        "{told}"
    );
}
