//! The failure story: an upgrade of the program, and the journal of last year is "damaged", or
//! quietly tells another story. `tests/golden/format-1` has what the first version left behind;
//! whatever the present one is, it reads them as that one did.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::json;
use crate::support;
use serde_json::Value;
use virt_retire::model::TransactionId;
use virt_retire::ports::{Journal, JournalError, JournalReader};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/format-1")
        .join(name)
}

pub fn unpack(scene: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let archive = golden(&format!("{scene}.tar.gz"));
    let status = Command::new("tar")
        .args(["--no-same-owner", "-xzf"])
        .arg(archive)
        .arg("-C")
        .arg(dir.path())
        .status()
        .unwrap();
    assert!(status.success());
    dir
}

/// Fields may have been added since, never changed or dropped (contract).
fn assert_still_says(now: &Value, then: &Value, at: &str) {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            for (key, value) in then {
                let found = now.get(key).unwrap_or_else(|| panic!("{at}.{key} is gone"));
                assert_still_says(found, value, &format!("{at}.{key}"));
            }
        }
        (Value::Array(now), Value::Array(then)) => {
            assert_eq!(now.len(), then.len(), "{at}");
            for (index, (now, then)) in now.iter().zip(then).enumerate() {
                assert_still_says(now, then, &format!("{at}[{index}]"));
            }
        }
        _ => assert_eq!(now, then, "{at}"),
    }
}

/// The first version's `bytes` were apparent sizes; the contract's are what is allocated, and those
/// stand in `size_bytes`.
fn sizes_as_then(answer: &mut Value) {
    let listed = answer["transactions"].as_array().cloned();
    match listed {
        Some(mut all) => {
            all.iter_mut().for_each(sizes_as_then);
            answer["transactions"] = all.into();
        }
        None if answer["quarantine"].is_array() && !answer["size_bytes"].is_null() => {
            answer["bytes"] = answer["size_bytes"].clone();
            for file in answer["quarantine"].as_array_mut().into_iter().flatten() {
                file["bytes"] = file["size_bytes"].clone();
            }
        }
        None if !answer["size_bytes"].is_null() => {
            answer["bytes"] = answer["size_bytes"].clone();
        }
        None => {}
    }
}

/// What the first version answered is beside each journal.
pub fn answers_as_then(state: &Path, scene: &str) {
    let then = fs::read(golden(&format!("{scene}.json"))).unwrap();
    let then: Value = serde_json::from_slice(&then).unwrap();
    for (words, then) in then.as_object().unwrap() {
        let now = json(state, &words.split(' ').collect::<Vec<_>>());
        // Where files wait now is the machine's answer, not the journal's.
        let (mut now, mut then) = (now, then.clone());
        sizes_as_then(&mut now);
        for answer in [&mut now, &mut then] {
            // The list was the oldest first then.
            if let Some(transactions) = answer.get_mut("transactions") {
                let transactions = transactions.as_array_mut().unwrap();
                transactions.sort_by_key(|it| it["id"].as_u64());
            }
            if let Some(quarantine) = answer.get_mut("quarantine") {
                for file in quarantine.as_array_mut().unwrap() {
                    file.as_object_mut().unwrap().remove("present");
                }
            }
        }
        assert_still_says(&now, &then, &format!("{scene}: {words}"));
    }
}

const SCENES: [&str; 6] = [
    "clean",
    "planned",
    "executing",
    "prepared",
    "rolling-back",
    "stuck",
];

#[test]
fn each_golden_journal_says_what_it_said() {
    for scene in SCENES {
        let state = unpack(scene);
        answers_as_then(state.path(), scene);
    }
}

/// New records behind old ones: the old ones still say the same, and the whole is checked again.
#[test]
fn each_golden_journal_goes_on() {
    for scene in SCENES {
        let state = unpack(scene);
        let mut journal = crate::sample::open(state.path()).unwrap();
        let before = journal.read(TransactionId(1)).unwrap();
        let note = crate::sample::held();
        journal
            .append(TransactionId(1), vec![note.clone()])
            .unwrap();
        let next = journal.next_id().unwrap();
        drop(journal);
        let journal = crate::sample::open(state.path()).unwrap();
        let mut after = journal.read(TransactionId(1)).unwrap();
        assert_eq!(after.events.pop().unwrap().kind, note);
        assert_eq!(after, before, "{scene}");
        assert_eq!(journal.next_id().unwrap(), next);
        let summaries = journal.summaries().unwrap();
        assert!(summaries[0].is_held());
        assert_eq!(
            summaries[0],
            journal.read(TransactionId(1)).unwrap().summary()
        );
    }
}

#[test]
fn what_was_damaged_then_is_damaged_now() {
    for scene in ["flipped", "cut"] {
        let state = unpack(scene);
        let error = crate::sample::open(state.path()).err().unwrap();
        assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("records are missing"), "{error}");
    }
}

/// Every flipped byte of an old journal is found, or changes no answer.
#[test]
fn a_flip_in_an_old_journal_is_found_or_harmless() {
    let whole = unpack("executing");
    let transaction = crate::sample::open(unpack("executing").path())
        .unwrap()
        .read(TransactionId(1))
        .unwrap();
    let bytes = fs::read(whole.path().join("journal/db")).unwrap();
    let mut found = 0;
    for at in (0..bytes.len()).filter(|at| bytes[*at] != 0).step_by(97) {
        let state = unpack("executing");
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(state.path().join("journal/db"), flipped).unwrap();
        match crate::sample::open(state.path()).and_then(|it| it.read(TransactionId(1))) {
            Ok(read) => assert_eq!(read, transaction, "byte {at}"),
            Err(JournalError::Damaged { .. } | JournalError::Newer { .. }) => found += 1,
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
    assert!(found > 10, "only {found}");
}

/// On a host where none of it is: what nothing was done of goes back, what waits for a decision is
/// decided, and what cannot be put right says so and keeps saying so.
#[test]
fn what_was_open_is_recovered_or_refused() {
    let mut host = support::PrivateHost::start();
    for (scene, code, state) in [
        ("planned", 0, "rolled-back"),
        ("executing", 5, "stuck"),
        ("prepared", 0, "prepared"),
        ("rolling-back", 5, "stuck"),
        ("stuck", 5, "stuck"),
    ] {
        let unpacked = unpack(scene);
        host.state = format!("/var/lib/virt-retire/{scene}");
        let (from, to) = (unpacked.path().display(), host.state.clone());
        host.shell(&format!("umask 077; mkdir -p {to}; cp -a {from}/. {to}/"));
        host.retire(&["recover", "--yes"]).expect(code);
        let listed = host.retire_json(&["list"]).expect(0).json();
        assert_eq!(listed["transactions"][0]["state"], state, "{scene}");
    }
    host.state = "/var/lib/virt-retire/prepared".into();
    host.retire(&["commit", "1", "--yes"]).expect(0);
}
