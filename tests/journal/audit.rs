//! The failure story: an auditor asks who deleted web01 and why, what happened to this path, and
//! whether the record is whole; and gets an answer that leaves something out, or that nobody else
//! can check.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::golden::unpack;
use crate::support;
use serde_json::Value;

fn run(state: &Path, words: &[&str]) -> Output {
    Command::new(support::retire::BINARY)
        .arg("--state-dir")
        .arg(state)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn told(state: &Path, words: &[&str]) -> String {
    let output = run(state, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(state: &Path, words: &[&str]) -> Value {
    let words = [&["--output", "json"], words].concat();
    serde_json::from_str(&told(state, &words)).unwrap()
}

fn ids(state: &Path, words: &[&str]) -> Vec<u64> {
    let found = json(state, &[&["list"], words].concat());
    let found = found["transactions"].as_array().unwrap();
    found.iter().map(|it| it["id"].as_u64().unwrap()).collect()
}

#[test]
fn a_list_is_the_newest_first_and_every_filter_narrows_it() {
    let dir = unpack("clean");
    let state = dir.path();
    assert_eq!(ids(state, &[]), [4, 3, 2, 1]);
    assert_eq!(ids(state, &["--limit", "2"]), [4, 3]);
    assert_eq!(ids(state, &["--limit", "0"]), Vec::<u64>::new());
    assert_eq!(ids(state, &["--domain", "?eb0*"]), [1]);
    assert_eq!(ids(state, &["--state", "rolled-back"]), [4, 2]);
    assert_eq!(
        ids(state, &["--state", "rolled-back,committed", "--limit", "3"]),
        [4, 3, 2]
    );
    assert_eq!(ids(state, &["--restorable"]), [3, 1]);
    assert_eq!(ids(state, &["--held"]), Vec::<u64>::new());
    assert_eq!(ids(state, &["--user", "root"]), [4, 3, 2, 1]);
    assert_eq!(ids(state, &["--user", "nobody"]), Vec::<u64>::new());
    // A file, and a folder with others' files in it.
    let path = "/var/lib/libvirt/images/web01-b.raw";
    assert_eq!(ids(state, &["--touched", path]), [1]);
    assert_eq!(
        ids(state, &["--touched", "/var/lib/libvirt/images"]),
        [4, 3, 2, 1]
    );
    assert_eq!(
        ids(state, &["--touched", "/var/lib/libvirt/images/web01"]),
        Vec::<u64>::new()
    );
    assert_eq!(
        ids(state, &["--since", "2026-11-25", "--until", "2026-11-26"]).len(),
        4
    );
    assert_eq!(ids(state, &["--until", "2026-11-25"]), Vec::<u64>::new());
    for wrong in [
        &["--state", "gone"][..],
        &["--since", "noon"],
        &["--uuid", "1"],
    ] {
        let output = run(state, &[&["list"], wrong].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
}

#[test]
fn the_log_says_who_did_what_and_why() {
    let dir = unpack("clean");
    let state = dir.path();
    let log = json(state, &["log", "--domain", "web01"]);
    let events = log["events"].as_array().unwrap();
    assert_eq!(events[0]["kind"], "begun");
    assert_eq!(events[0]["user"], "root");
    assert_eq!(events[0]["reason"], "ticket 17: moved to the new cluster");
    let sequences: Vec<u64> = events
        .iter()
        .map(|it| it["sequence"].as_u64().unwrap())
        .collect();
    assert!(sequences.is_sorted() && sequences[0] == 1);
    assert_eq!(events.last().unwrap()["event"]["state"], "committed");
    let all = json(state, &["history"]);
    // That the journal was migrated, even by a command that only reads, is the last of them.
    assert_eq!(all["events"].as_array().unwrap().len(), 113);
    let last = json(state, &["log", "--limit", "2"]);
    let last = last["events"].as_array().unwrap();
    assert_eq!(
        (&last[0]["sequence"], &last[1]["sequence"]),
        (&112.into(), &113.into())
    );
    assert_eq!(last[1]["kind"], "migration");
    assert!(last[1]["user"].is_string() && last[1]["at"].is_string());
    let of_state = json(state, &["log", "--state", "committed"]);
    let of_state = of_state["events"].as_array().unwrap();
    assert!(
        of_state
            .iter()
            .all(|it| [1, 3].map(Value::from).contains(&it["transaction"]))
    );

    let csv = told(state, &["--output", "csv", "log", "--domain", "web01"]);
    let mut lines = csv.split("\r\n");
    assert_eq!(
        lines.next(),
        Some("sequence,at,transaction,domain,domain_uuid,kind,user,what")
    );
    assert!(lines.next().unwrap().starts_with("1,2026-11-25T"));
    assert_eq!(
        run(state, &["--output", "csv", "list"]).status.code(),
        Some(2)
    );
    assert!(told(state, &["log"]).contains("begun: ticket 17"));
}

fn python(proofs: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journal/check_proof.py");
    let mut child = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(proofs.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

/// With an implementation that is not ours, written from the RFC.
#[test]
fn a_stranger_checks_a_proof_against_the_checkpoint() {
    let dir = unpack("clean");
    let state = dir.path();
    for (id, entries) in [("1", 22), ("4", 0)] {
        let proofs = told(state, &["prove", id]);
        let checked = python(&proofs);
        assert!(checked.status.success(), "{checked:?}");
        let said = String::from_utf8(checked.stdout).unwrap();
        let (count, root) = said.trim().split_once(' ').unwrap();
        assert!(count.parse::<u64>().unwrap() >= entries.min(5));
        assert!(told(state, &["log", "--checkpoint"]).ends_with(&format!("{root}\n")));
        // Another record, or another place.
        let forged = proofs.replacen("extra ", "extra AAAA", 1);
        assert!(!python(&forged).status.success());
        let moved = proofs.replacen("index 0", "index 1", 1);
        assert!(moved == proofs || !python(&moved).status.success());
    }
    assert_eq!(run(state, &["prove", "9"]).status.code(), Some(1));
}

#[test]
fn a_checkpoint_that_was_kept_shows_an_older_copy_and_a_rewritten_log() {
    let dir = unpack("clean");
    let state = dir.path();
    let kept = tempfile::NamedTempFile::new().unwrap();
    fs::write(kept.path(), told(state, &["log", "--checkpoint"])).unwrap();
    let file = kept.path().to_str().unwrap();
    let findings = |state: &Path| -> Vec<String> {
        let output = run(state, &["--output", "json", "verify", "--checkpoint", file]);
        let verified: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(verified["ok"], output.status.success());
        let found = verified["findings"].as_array().unwrap().iter();
        found
            .map(|it| format!("{} {}", it["code"].as_str().unwrap(), it["message"]))
            .filter(|it| it.starts_with("checkpoint") || it.starts_with("log"))
            .collect()
    };
    // The files are another host's here; the log is whole, and goes on.
    assert_eq!(findings(state), Vec::<String>::new());
    assert_eq!(findings(state), Vec::<String>::new());
    // An older copy of the whole state, which is whole.
    let other = unpack("planned");
    assert!(findings(other.path())[0].contains("another journal"));
    // Rewritten by whoever holds the files: the end is gone, and everything made to fit.
    let export = told(state, &["journal", "export"]);
    let mut lines: Vec<String> = export.lines().map(str::to_owned).collect();
    let last = lines.len() - 1;
    lines.truncate(last - 40);
    let left = lines
        .iter()
        .filter(|line| line.contains("\"event\""))
        .count();
    lines[0] = lines[0].replace("\"migrated\":112", &format!("\"migrated\":{left}"));
    let shorter = imported(&lines.join("\n"));
    assert!(
        findings(shorter.path())[0].contains("are missing"),
        "{:?}",
        findings(shorter.path())
    );
}

fn imported(lines: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let file = dir.path().with_extension("export");
    fs::write(&file, format!("{lines}\n")).unwrap();
    let output = run(
        dir.path(),
        &["journal", "import", file.to_str().unwrap(), "--yes"],
    );
    fs::remove_file(&file).unwrap();
    assert!(output.status.success(), "{output:?}");
    dir
}

#[test]
fn an_export_makes_the_same_journal_again_and_no_other() {
    let dir = unpack("clean");
    let state = dir.path();
    let export = told(state, &["journal", "export"]);
    let again = imported(export.trim_end());
    let same = |words: &[&str]| {
        assert_eq!(told(state, words), told(again.path(), words), "{words:?}");
    };
    same(&["log", "--checkpoint"]);
    same(&["list", "--output", "json"]);
    same(&["log", "--output", "json"]);
    // Nothing is merged into a journal that is there.
    let file = again.path().with_extension("export");
    fs::write(&file, &export).unwrap();
    let refused = run(
        state,
        &["journal", "import", file.to_str().unwrap(), "--yes"],
    );
    assert_eq!(refused.status.code(), Some(1));
    // A line taken out, changed, or swapped with the next.
    let lines: Vec<&str> = export.lines().collect();
    for change in 0..3 {
        let mut lines = lines.clone();
        let longer;
        match change {
            0 => {
                lines.remove(20);
            }
            1 => lines.swap(20, 21),
            _ => {
                longer = lines[20].replace("V", "W");
                lines[20] = &longer;
            }
        }
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        let empty = tempfile::tempdir().unwrap();
        fs::set_permissions(empty.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let refused = run(
            empty.path(),
            &["journal", "import", file.to_str().unwrap(), "--yes"],
        );
        assert_eq!(
            refused.status.code(),
            Some(1),
            "change {change}: {refused:?}"
        );
        assert_eq!(ids(empty.path(), &[]), Vec::<u64>::new());
    }
    fs::remove_file(&file).unwrap();
}
