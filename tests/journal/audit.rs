//! The failure story: an auditor asks who deleted web01 and why, what happened to this path, and
//! whether the record is whole; and gets an answer that leaves something out, or that nobody else
//! can check.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::golden::unpack;
use super::program::{json, run, told};
use crate::support::{self, Disk, GuestBuilder, PrivateHost};
use serde_json::Value;

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
    let end = lines[0].find(",\"migrated\"").unwrap();
    lines[0].replace_range(end.., &format!(",\"migrated\":{left}}}"));
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
    // An import that was cut off between its last two renames is gone on with by whoever comes.
    let beside = again.path().join("rebuild.new");
    fs::create_dir(&beside).unwrap();
    let head = "journal.head";
    fs::rename(again.path().join(head), beside.join(head)).unwrap();
    same(&["log", "--checkpoint"]);
    assert!(!beside.exists());
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

/// The fields of a datagram to systemd's journal, each of one line.
fn fields(datagram: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8(datagram.to_vec()).unwrap();
    let fields = text.lines().map(|line| line.split_once('=').unwrap());
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    fields.collect()
}

/// Whoever watches the host's log sees who deletes what, and a daemon that has stopped holds
/// nothing up.
#[test]
fn systemds_journal_is_told_of_every_entry_and_waited_for_by_nobody() {
    let host = PrivateHost::start();
    GuestBuilder::new("web1")
        .disk(Disk::pool("web1.qcow2"))
        .define(&host);
    host.refresh_pools();
    host.shell("mkdir /run/systemd/journal");
    let socket = host.path("/run/systemd/journal/socket");
    let socket = UnixDatagram::bind(socket).unwrap();
    let reader = socket.try_clone().unwrap();
    // As many as `log` will show: begun, and an event for each step, and for each state.
    let reader = std::thread::spawn(move || {
        let mut all: Vec<Vec<u8>> = Vec::new();
        let mut bytes = vec![0; 1 << 16];
        let committed = |bytes: &[u8]| fields(bytes).get("VIRT_RETIRE_STATE").cloned();
        while all.len() < 2 || committed(&all[all.len() - 1]).as_deref() != Some("committed") {
            let length = reader.recv(&mut bytes).unwrap();
            all.push(bytes[..length].to_vec());
        }
        all
    });
    let undefine = ["undefine", "web1", "--remove-all-storage", "--yes"];
    let reason = "no = sign\nis special";
    host.retire(&[&undefine[..], &["--reason", reason]].concat())
        .expect(0);
    let told = reader.join().unwrap();
    let has = |part: &[u8]| told[0].windows(part.len()).any(|window| window == part);
    assert!(has(b"\nVIRT_RETIRE_KIND=begun\n"), "{:?}", told[0]);
    assert!(has(b"\nVIRT_RETIRE_DOMAIN=web1\n"), "{:?}", told[0]);
    let length = (reason.len() as u64).to_le_bytes();
    let field: [&[u8]; 4] = [b"\nVIRT_RETIRE_REASON\n", &length, reason.as_bytes(), b"\n"];
    assert!(has(&field.concat()), "{:?}", told[0]);
    let log = host.retire_json(&["log"]).expect(0).json();
    let log = log["events"].as_array().unwrap();
    assert_eq!(told.len(), log.len());
    for (told, entry) in told.iter().zip(log).skip(1) {
        let told = fields(told);
        assert_eq!(told["VIRT_RETIRE_SEQUENCE"], entry["sequence"].to_string());
        assert_eq!(told["VIRT_RETIRE_KIND"], entry["kind"].as_str().unwrap());
        assert_eq!(told["VIRT_RETIRE_TRANSACTION"], "1");
        assert_eq!(told["SYSLOG_IDENTIFIER"], "virt-retire");
        assert!(told["MESSAGE"].contains("web1"), "{told:?}");
    }
    // Nobody reads any more: its queue fills up. Later nobody is there.
    for _ in 0..4 {
        host.retire(&["rollback", "last", "--yes"]).expect(0);
        host.retire(&undefine).expect(0);
    }
    drop(socket);
    host.retire(&["rollback", "last", "--yes"]).expect(0);
    let log = host.retire_json(&["log"]).expect(0).json();
    assert!(log["events"].as_array().unwrap().len() > 40);
}

/// `virt-retire log | less`, and Ctrl-C: it waits for a reader who reads nothing.
#[test]
fn a_signal_ends_a_log_that_nobody_reads() {
    let dir = unpack("clean");
    let (reader, writer) = std::io::pipe().unwrap();
    // SAFETY: it sets the size of a pipe of ours.
    let size = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
    assert_eq!(size, 4096);
    let mut log = Command::new(support::retire::BINARY)
        .args(["--output", "json", "--state-dir"])
        .arg(dir.path())
        .arg("log")
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let waiting = || {
        let mut bytes: libc::c_int = 0;
        // SAFETY: it writes one number, for which there is room.
        unsafe { libc::ioctl(reader.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
        bytes
    };
    let patience = Instant::now() + Duration::from_secs(60);
    while waiting() < size {
        assert!(Instant::now() < patience, "{} bytes come", waiting());
        std::thread::sleep(Duration::from_millis(10));
    }
    // SAFETY: a process of ours that has not been waited for.
    unsafe { libc::kill(log.id() as i32, libc::SIGTERM) };
    while log.try_wait().unwrap().is_none() {
        if Instant::now() > patience {
            log.kill().unwrap();
            log.wait().unwrap();
            panic!("a signal does not end it");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(log.wait().unwrap().code(), Some(1));
}
