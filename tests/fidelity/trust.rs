//! Whose record is it? If these tests fail, a stick with a planted quarantine defines domains and
//! moves files as root, or a journal from a backup gives away the numbers of guests that it has
//! forgotten.

use std::fs;
use std::process::Command;

use virt_retire::journal::manifest;

use crate::rebuild::{guest, listed, lose, undefine};
use crate::support::tracer::After;
use crate::support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

fn at_stick(host: &PrivateHost, name: &str) -> Identity {
    host.shell(
        "mountpoint -q /mnt/stick || { mkdir -p /mnt/stick; mount -t tmpfs none /mnt/stick; }",
    );
    GuestBuilder::new(name)
        .disk(Disk::unmanaged(&format!("/mnt/stick/{name}.raw")))
        .define(host);
    Identity::capture(host, name, &[])
}

/// Killed when the disk has moved: what a `recover` would put back.
fn crash(host: &PrivateHost, name: &str) {
    let words = ["undefine", name, "--remove-all-storage", "--yes"];
    let killed = host.traced(&words, &mut |point| match point.call == "renameat2"
        && point.step.contains("quarantine")
    {
        true => After::Kill,
        false => After::GoOn,
    });
    assert_eq!(killed.code, 137, "{killed}");
}

/// All that the journal itself is, as a backup has it.
const JOURNAL: &str = "journal journal.head view";

fn back_up(host: &PrivateHost) {
    host.shell(&format!(
        "mkdir -p /var/lib/backup; cd {}; cp -a {JOURNAL} /var/lib/backup",
        host.state
    ));
}

fn restore(host: &PrivateHost) {
    host.shell(&format!(
        "cd {}; rm -r {JOURNAL}; cp -a /var/lib/backup/* .",
        host.state
    ));
}

fn notes(host: &PrivateHost, id: u64) -> String {
    let listed = host.retire_json(&["list"]).expect(0).json();
    let all = listed["transactions"].as_array().unwrap();
    let one = all.iter().find(|it| it["id"] == id).unwrap();
    one["notes"].to_string()
}

#[test]
fn a_quarantine_that_was_made_elsewhere_defines_nothing_here() {
    // Another machine with the same folders, where a retirement was cut off.
    let elsewhere = PrivateHost::start();
    at_stick(&elsewhere, "planted");
    crash(&elsewhere, "planted");
    let host = PrivateHost::start();
    host.shell("mkdir -p /mnt/stick; mount -t tmpfs none /mnt/stick");
    let copied = Command::new("cp")
        .arg("-a")
        .arg(elsewhere.path("/mnt/stick/.virt-retire"))
        .arg(host.path("/mnt/stick"))
        .status();
    assert!(copied.unwrap().success());
    drop(elsewhere);

    let before = guest(&host, "shop");
    undefine(&host, "shop", &[]);
    lose(&host);
    let rebuilt = host.retire_json(&["rebuild", "--yes"]).expect(0).json();
    assert_eq!(listed(&host), ["1 shop committed"], "{rebuilt}");
    host.retire(&["recover", "--yes"]).expect(0);
    assert_eq!(host.domains(), [""; 0]);

    // The operator says that it is wanted: under another number, and nothing acts on it by itself.
    let add = ["rebuild", "--add", "--from", "/mnt/stick", "--yes"];
    let added = host.retire_json(&add).expect(0).json();
    let one = &added["transactions"][0];
    assert_eq!(
        (&one["id"], &one["number_before"], &one["state"]),
        (&2.into(), &1.into(), &"committed".into()),
        "{added}"
    );
    assert!(one["imported_from"].is_string(), "{added}");
    assert!(notes(&host, 2).contains("imported"), "{}", notes(&host, 2));
    let shown = host.retire_json(&["show", "2"]).expect(0).json();
    let mut events = shown["events"].as_array().unwrap().iter();
    assert!(events.any(|event| event["kind"] == "imported"), "{shown}");
    host.retire(&["recover", "--yes"]).expect(0);
    assert_eq!(host.domains(), [""; 0]);
    let refused = host.retire_json(&["rollback", "1", "2", "--yes"]).expect(3);
    assert_eq!(refused.json_error()["error"]["code"], "imported");
    let asked = host.retire_on_terminal(&["rollback", "2"], "n\n");
    assert!(asked.stdout.contains("imported"), "{asked}");
    // Nor does it count as ours when the journal is lost once more.
    lose(&host);
    host.retire(&["rebuild", "--yes"]).expect(0);
    assert_eq!(listed(&host), ["1 shop committed"]);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "shop", &[]));
}

/// What root would be made to move is what the record says.
#[test]
fn a_record_without_our_proof_may_not_reach_into_our_quarantine() {
    let mut host = PrivateHost::start();
    at_stick(&host, "theirs");
    guest(&host, "shop");
    undefine(&host, "shop", &[]);
    let ours = host.state.clone();
    // Another state folder's, whose home others can put something else into.
    host.state = "/mnt/stick/state".into();
    undefine(&host, "theirs", &[]);
    host.state = ours;
    host.shell("chmod 777 /mnt/stick");
    let add = ["rebuild", "--add", "--from", "/mnt/stick/state", "--yes"];
    let added = host.retire_json(&add).expect(5).json();
    assert_eq!(
        added["transactions"].as_array().unwrap().len(),
        0,
        "{added}"
    );
    let unusable = added["unusable"].to_string();
    assert!(
        unusable.contains("others can write to /mnt/stick"),
        "{added}"
    );
    host.shell("chmod 755 /mnt/stick");

    // Now it says that its files wait in a folder of ours.
    let path = |pattern: &str| host.shell(&format!("ls -d {pattern}")).trim().to_owned();
    let record = host.path(path("/mnt/stick/state/quarantine/1-*/record.bin"));
    let honest = fs::read(&record).unwrap();
    let mut transaction = manifest::read_record(&honest).unwrap();
    let ours = path(&format!("{}/quarantine/1-*", host.state));
    transaction.places[0].folder = ours.clone().into();
    let files = manifest::files_for(&transaction).unwrap();
    let (_, bytes) = (files
        .iter()
        .find(|(name, _)| name.as_os_str() == manifest::RECORD))
    .unwrap();
    fs::write(&record, bytes).unwrap();
    let added = host.retire_json(&add).expect(5).json();
    assert_eq!(
        added["transactions"].as_array().unwrap().len(),
        0,
        "{added}"
    );
    assert!(added["unusable"].to_string().contains(&ours), "{added}");
    fs::write(&record, honest).unwrap();
    let added = host.retire_json(&add).expect(0).json();
    assert_eq!(
        added["transactions"].as_array().unwrap().len(),
        1,
        "{added}"
    );
    assert_eq!(listed(&host), ["1 shop committed", "2 theirs committed"]);
}

#[test]
fn a_journal_from_a_backup_gives_no_number_again_and_takes_in_what_it_lacks() {
    let host = PrivateHost::start();
    let before = ["one", "two", "three", "four", "half"].map(|name| (name, guest(&host, name)));
    undefine(&host, "one", &[]);
    back_up(&host);
    undefine(&host, "two", &[]);
    undefine(&host, "three", &["--prepare"]);
    crash(&host, "half");
    restore(&host);
    assert_eq!(listed(&host), ["1 one committed"]);

    let told = host.retire_json(&["recover", "--yes"]).expect(5);
    let findings = told.json()["findings"].as_array().unwrap().clone();
    assert_eq!(findings.len(), 3, "{told}");
    for finding in &findings {
        assert_eq!(finding["code"], "not-in-journal", "{told}");
        let hint = finding["hint"].as_str().unwrap();
        assert!(hint.contains("virt-retire rebuild --add"), "{told}");
    }
    undefine(&host, "four", &[]);
    assert_eq!(listed(&host), ["1 one committed", "5 four committed"]);
    assert!(
        notes(&host, 5).contains("rebuild --add"),
        "{}",
        notes(&host, 5)
    );

    // Without it the journal is left as it is, and the way is told.
    let healthy = host.retire(&["rebuild", "--yes"]).expect(1);
    assert!(healthy.stderr.contains("rebuild --add"), "{healthy}");
    host.retire(&["rebuild", "--add", "--yes"]).expect(0);
    assert_eq!(
        listed(&host),
        [
            "1 one committed",
            "2 two committed",
            "3 three prepared",
            "4 half executing",
            "5 four committed"
        ]
    );
    host.retire(&["rebuild", "--add", "--yes"]).expect(0);
    assert_eq!(listed(&host).len(), 5);
    host.retire(&["recover", "--yes"]).expect(0);
    for id in ["1", "2", "3", "5"] {
        host.retire(&["rollback", id, "--yes"]).expect(0);
    }
    for (name, identity) in &before {
        assert_same(
            &identity.ignoring(&["volumes"]),
            &Identity::capture(&host, name, &[]).ignoring(&["volumes"]),
        );
    }
}

/// An older version gave the number again.
#[test]
fn where_two_of_ours_have_one_number_both_come_back() {
    let host = PrivateHost::start();
    let (one, two) = (guest(&host, "one"), guest(&host, "two"));
    undefine(&host, "one", &[]);
    // As if the journal had been lost and begun anew without a look.
    host.shell(&format!("mv {0}/quarantine {0}/away", host.state));
    lose(&host);
    undefine(&host, "two", &[]);
    host.shell(&format!("mv {0}/away/* {0}/quarantine", host.state));
    host.retire(&["rebuild", "--add", "--yes"]).expect(0);
    assert_eq!(listed(&host), ["1 two committed", "2 one committed"]);
    for (id, name, before) in [("2", "one", one), ("1", "two", two)] {
        host.retire(&["rollback", id, "--yes"]).expect(0);
        assert_same(
            &before.ignoring(&["volumes"]),
            &Identity::capture(&host, name, &[]).ignoring(&["volumes"]),
        );
    }
}

#[test]
fn of_a_lost_state_folder_everything_else_can_be_imported() {
    let host = PrivateHost::start();
    let before = at_stick(&host, "shop");
    undefine(&host, "shop", &[]);
    host.shell(&format!("rm -r {}", host.state));
    let rebuilt = host.retire(&["rebuild", "--yes"]).expect(0);
    assert!(rebuilt.stdout.contains("rebuild --from"), "{rebuilt}");
    assert_eq!(listed(&host), [""; 0]);
    host.retire(&["rebuild", "--from", "/mnt/stick", "--yes"])
        .expect(0);
    assert_eq!(listed(&host), ["1 shop committed"]);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "shop", &[]));
}

/// An older version wrote neither key nor proofs.
#[test]
fn what_an_older_version_left_is_ours_by_the_journal_or_by_the_state_folder() {
    let host = PrivateHost::start();
    let before = guest(&host, "shop");
    let strip = || {
        host.shell(&format!(
            "cd {}; rm key quarantine/*/record.mac",
            host.state
        ))
    };
    undefine(&host, "shop", &[]);
    strip();
    host.retire(&["recover", "--yes"]).expect(0);
    host.shell(&format!("test -e {}/quarantine/1-*/record.mac", host.state));
    lose(&host);
    host.retire(&["rebuild", "--yes"]).expect(0);
    assert_eq!(listed(&host), ["1 shop committed"]);
    strip();
    lose(&host);
    host.retire(&["rebuild", "--yes"]).expect(0);
    assert_eq!(listed(&host), ["1 shop committed"]);
    host.shell(&format!("test -e {}/quarantine/1-*/record.mac", host.state));
    // With a key, what has no proof is nobody's.
    fs::remove_file(
        host.path(
            host.shell(&format!("ls {}/quarantine/1-*/record.mac", host.state))
                .trim(),
        ),
    )
    .unwrap();
    lose(&host);
    let rebuilt = host.retire_json(&["rebuild", "--yes"]).expect(0).json();
    assert_eq!(listed(&host), [""; 0]);
    assert_eq!(rebuilt["others"].as_array().unwrap().len(), 1, "{rebuilt}");
    let from = format!("{}/quarantine", host.state);
    host.retire(&["rebuild", "--from", &from, "--yes"])
        .expect(0);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "shop", &[]));
}
