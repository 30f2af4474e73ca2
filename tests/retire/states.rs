//! An operator decides twice, decides on what is not there, or decides on several at once. If these
//! fail, a verb does something to a transaction that is over, or a batch is left half done under a
//! good exit code.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

fn small<'h>(host: &'h PrivateHost, name: &str) -> crate::support::Guest<'h> {
    GuestBuilder::new(name)
        .disk(Disk::unmanaged(&format!("{name}.raw")))
        .define(host)
}

fn undefine(host: &PrivateHost, name: &str, more: &[&str]) -> crate::support::Outcome {
    host.retire(&[&["undefine", name, "--remove-all-storage", "--yes"], more].concat())
}

fn states(host: &PrivateHost) -> BTreeMap<u64, String> {
    let listed = host.retire_json(&["list"]).expect(0).json();
    let transactions = listed["transactions"].as_array().unwrap();
    transactions
        .iter()
        .map(|one| {
            (
                one["id"].as_u64().unwrap(),
                one["state"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

/// Refused with exit 1, a hint, and nothing changed.
#[track_caller]
fn refuse(host: &PrivateHost, arguments: &[&str], code: &str) {
    let before = states(host);
    let told = host.retire_json(arguments).expect(1);
    let error = &told.json_error()["error"];
    assert_eq!(error["code"], code, "{told}");
    assert_ne!(error["hint"], "", "{told}");
    assert_eq!(told.stdout, "", "an error has no document on stdout");
    assert_eq!(states(host), before);
}

#[test]
fn a_verb_that_does_not_fit_the_state_is_refused() {
    let host = PrivateHost::start();
    small(&host, "web1");
    undefine(&host, "web1", &[]).expect(0);
    refuse(&host, &["commit", "1", "--yes"], "wrong-state");
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    refuse(&host, &["rollback", "1", "--yes"], "wrong-state");
    refuse(&host, &["commit", "1", "--yes"], "wrong-state");
    for verb in ["rollback", "commit"] {
        refuse(&host, &[verb, "99", "--yes"], "no-such-transaction");
    }
    refuse(&host, &["show", "99"], "no-such-transaction");
    for id in ["0", "-1", "one", "1.5", "18446744073709551616", ""] {
        host.retire(&["show", id]).expect(2);
        host.retire(&["rollback", "--yes", id]).expect(2);
    }
    assert_eq!(states(&host)[&1], "rolled-back");
}

#[test]
fn a_prepared_transaction_waits_for_its_decision() {
    let host = PrivateHost::start();
    let guest = small(&host, "web1");
    let before = Identity::capture(&host, "web1", &[]);
    let told = undefine(&host, "web1", &["--prepare"]).expect(0);
    assert!(told.stdout.contains("virt-retire commit 1"), "{told}");
    assert_eq!(states(&host)[&1], "prepared");
    assert!(host.domains().is_empty() && !host.exists(guest.path("vda")));
    // `recover` leaves a decision to the one who has to take it.
    host.retire(&["recover", "--yes"]).expect(0);
    assert_eq!(states(&host)[&1], "prepared");

    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
    refuse(&host, &["commit", "1", "--yes"], "wrong-state");

    undefine(&host, "web1", &["--prepare"]).expect(0);
    host.retire(&["commit", "2", "--yes"]).expect(0);
    assert_eq!(states(&host)[&2], "committed");
    refuse(&host, &["commit", "2", "--yes"], "wrong-state");
    host.retire(&["rollback", "2", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
}

#[test]
fn what_waits_for_a_decision_is_not_taken_by_another_command() {
    let host = PrivateHost::start();
    let guest = small(&host, "web1");
    undefine(&host, "web1", &["--prepare"]).expect(0);
    // libvirt has it no more, and the answer is where it is.
    let told = undefine(&host, "web1", &[]).expect(3);
    assert!(told.stderr.contains("virt-retire rollback 1"), "{told}");
    // Another guest of that name: its retirement would stand in the way of the first one's
    // rollback.
    GuestBuilder::new("web1")
        .disk(Disk::unmanaged("new.raw"))
        .define(&host);
    let told = host
        .retire_json(&["undefine", "web1", "--remove-all-storage", "--yes"])
        .expect(3);
    let error = &told.json_error()["error"];
    assert_eq!(error["code"], "claimed");
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("virt-retire rollback 1"),
        "{told}"
    );
    assert_eq!(host.domains(), ["web1"]);
    host.virsh(&["undefine", "web1"]);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    guest.run_once();
}

#[test]
fn several_domains_go_together_or_not_at_all() {
    let host = PrivateHost::start();
    for name in ["a", "b", "c"] {
        small(&host, name);
    }
    let capture = || ["a", "b", "c"].map(|name| Identity::capture(&host, name, &[]));
    let before = capture();
    let batch = [
        "undefine",
        "a",
        "b",
        "c",
        "b",
        "--remove-all-storage",
        "--yes",
    ];

    // One is refused: none is touched, and there is no transaction.
    host.virsh(&["start", "c"]);
    let told = host.retire_json(&batch).expect(3);
    assert_eq!(told.json_error()["error"]["code"], "active-domain");
    assert!(states(&host).is_empty());
    host.virsh(&["destroy", "c"]);

    // One fails in the middle: those before it come back.
    let path = format!("{}/c.raw", host.images);
    host.shell(&format!("mount --bind {path} {path}"));
    let told = host.retire_json(&batch).expect(3);
    assert_eq!(
        told.json_error()["error"]["code"],
        "protected-path",
        "{told}"
    );
    host.shell(&format!("umount {path}"));
    // The third rename into quarantine is c's; nothing else is renamed so.
    let total = host.count("renameat2", &["plan", "a", "--remove-all-storage"]);
    assert_eq!(total, 0, "a plan renames nothing");
    let fault = crate::support::Fault::error("renameat2", "EIO", 3);
    let traced = host.inject(&fault, &[&["--output", "json"], &batch[..]].concat());
    assert!(traced.struck(), "{:#?}", traced.calls);
    let told = traced.outcome.expect(4);
    let transactions = told.json();
    assert!(!transactions["transactions"].as_array().unwrap().is_empty());
    for one in transactions["transactions"].as_array().unwrap() {
        assert_eq!(one["state"], "rolled-back", "{told}");
    }
    assert!(told.stderr.contains("put back"), "{told}");
    for (before, after) in before.iter().zip(capture()) {
        assert_same(before, &after);
    }

    // And once nothing is in the way, all go, each once though b was named twice.
    let done = host.retire_json(&batch).expect(0).json();
    let done = done["transactions"].as_array().unwrap();
    let names: Vec<_> = done
        .iter()
        .map(|one| one["domain"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    let ids: Vec<String> = done.iter().map(|one| one["id"].to_string()).collect();

    // A batch of rollbacks of which one is refused does nothing either.
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut words = vec!["rollback", "--yes"];
    words.extend(&all);
    small(&host, "b2");
    host.virsh(&["domrename", "b2", "b"]);
    let told = host.retire_json(&words).expect(3);
    assert_eq!(told.json_error()["error"]["code"], "name-taken");
    assert_eq!(
        host.domains(),
        ["b"],
        "a was not brought back before b was looked at"
    );
    host.virsh(&["undefine", "b"]);
    words.push(all[0]);
    let back = host.retire_json(&words).expect(0).json();
    assert_eq!(back["transactions"].as_array().unwrap().len(), 3);
    for (before, after) in before.iter().zip(capture()) {
        assert_same(before, &after);
    }
}

#[test]
fn two_transactions_of_one_name_are_not_rolled_back_together() {
    let host = PrivateHost::start();
    small(&host, "web1");
    undefine(&host, "web1", &[]).expect(0);
    GuestBuilder::new("web1")
        .disk(Disk::unmanaged("second.raw"))
        .define(&host);
    undefine(&host, "web1", &[]).expect(0);
    refuse(&host, &["rollback", "1", "2", "--yes"], "rivals");
    assert!(host.domains().is_empty());
    host.retire(&["rollback", "2", "--yes"]).expect(0);
    let told = host.retire_json(&["rollback", "1", "--yes"]).expect(3);
    assert_eq!(told.json_error()["error"]["code"], "name-taken");
    assert_eq!(states(&host)[&1], "committed");
}

#[test]
fn a_command_waits_as_long_as_it_was_told_and_names_the_holder() {
    let host = PrivateHost::start();
    small(&host, "web1");
    undefine(&host, "web1", &[]).expect(0);
    let holder = host.hold_journal("undefine db7");
    let began = Instant::now();
    let told = host
        .retire_json(&["rollback", "1", "--yes", "--wait", "0"])
        .expect(6);
    // By default it would be a minute.
    assert!(began.elapsed() < Duration::from_secs(50));
    let error = &told.json_error()["error"];
    assert_eq!(error["code"], "journal-held");
    assert!(
        error["message"].as_str().unwrap().contains("undefine db7"),
        "{told}"
    );
    let told = host
        .retire(&["rollback", "1", "--yes", "--wait", "1"])
        .expect(6);
    assert!(told.stderr.contains("waiting for undefine db7"), "{told}");
    // Those who only look are answered.
    assert!(
        host.retire(&["list", "--wait", "0"])
            .expect(0)
            .stdout
            .contains("web1")
    );
    // One that waits long enough goes on.
    let waiting = host
        .retire_command(&["rollback", "1", "--yes", "--wait", "600"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(holder);
    let mut waiting = waiting;
    let status = waiting.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(0), None));
}
