//! The one verb that cannot be undone. If these tests fail, a disk is destroyed that somebody
//! stands on, that was held, that was retired a minute ago, or that nobody ever recorded; or a
//! quarantine is never emptied.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use crate::support::{Disk, GuestBuilder, Outcome, PrivateHost};
use serde_json::Value;

fn host() -> PrivateHost {
    let host = PrivateHost::start();
    young_may_go(&host);
    host
}

fn young_may_go(host: &PrivateHost) {
    let file = host.path("/etc/virt-retire/config.toml");
    fs::write(file, "minimum-age = \"0s\"\n").unwrap();
}

fn retire(host: &PrivateHost, name: &str, more: &[&str]) {
    GuestBuilder::new(name)
        .disk(Disk::unmanaged(&format!("{name}.raw")))
        .define(host);
    let words = [
        &["undefine", name, "--remove-all-storage", "--yes"][..],
        more,
    ]
    .concat();
    host.retire(&words).expect(0);
}

fn listed(host: &PrivateHost, id: u64) -> Value {
    let all = host.retire_json(&["list"]).expect(0).json();
    let all = all["transactions"].as_array().unwrap();
    all.iter().find(|it| it["id"] == id).unwrap().clone()
}

fn states(host: &PrivateHost) -> Vec<String> {
    let all = host.retire_json(&["list"]).expect(0).json();
    let mut all: Vec<_> = all["transactions"].as_array().unwrap().to_vec();
    all.sort_by_key(|it| it["id"].as_u64());
    all.iter()
        .map(|it| it["state"].as_str().unwrap().to_owned())
        .collect()
}

fn shown(host: &PrivateHost, id: u64) -> Value {
    host.retire_json(&["show", &id.to_string()])
        .expect(0)
        .json()
}

/// Where the first file of a transaction waits.
fn stored(host: &PrivateHost, id: u64) -> String {
    shown(host, id)["quarantine"][0]["stored"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[track_caller]
fn refused(told: Outcome, code: &str) -> Outcome {
    let told = told.expect(3);
    assert_eq!(told.json_error()["error"]["code"], code, "{told}");
    told
}

#[test]
fn what_is_purged_is_gone_and_its_record_stays() {
    let host = host();
    GuestBuilder::new("web")
        .disk(Disk::pool("system.qcow2"))
        .disk(Disk::unmanaged("data.raw"))
        .efi()
        .tpm()
        .define(&host)
        .run_once();
    host.retire(&[
        "undefine",
        "web",
        "--remove-all-storage",
        "--all",
        "--reason",
        "old",
        "--yes",
    ])
    .expect(0);
    let home = shown(&host, 1)["home"].as_str().unwrap().to_owned();
    let held = listed(&host, 1)["bytes"].as_u64().unwrap();
    // Nothing asks, and nothing says yes.
    let told = host.retire_json(&["purge", "1"]).expect(1);
    assert_eq!(told.json_error()["error"]["code"], "not-confirmed");
    let planned = host.retire_json(&["purge", "1", "-n"]).expect(0).json();
    assert_eq!(planned["transactions"][0]["purge"], true);
    assert_eq!(planned["freed_bytes"], 0);
    assert_eq!(states(&host), ["committed"]);

    let told = host
        .retire_json(&["purge", "1", "--reason", "over", "--yes"])
        .expect(0)
        .json();
    assert_eq!(told["transactions"][0]["state"], "purged");
    assert_eq!(told["transactions"][0]["restorable"], false);
    let freed = told["freed_bytes"].as_u64().unwrap();
    assert!(freed > 0 && freed >= held * 9 / 10, "{freed} of {held}");
    assert!(
        !host.exists(&home),
        "the folder with the XML and its secrets goes, too"
    );
    let left = host.shell(&format!(
        "find {}/quarantine -mindepth 1 | wc -l",
        host.state
    ));
    assert_eq!(left.trim(), "0");

    let record = shown(&host, 1);
    assert_eq!(record["reason"], "old");
    assert_eq!(record["quarantine"].as_array().unwrap().len(), 0);
    let events = record["events"].as_array().unwrap();
    let decided: Vec<_> = events.iter().filter(|it| it["kind"] == "decided").collect();
    assert_eq!(decided[0]["verb"], "purge");
    assert_eq!(decided[0]["reason"], "over");
    for (words, said) in [
        (&["rollback", "1", "--yes"][..], "data.raw"),
        (&["purge", "1", "--yes"], "purged"),
        (&["commit", "1", "--yes"], "purged"),
        (&["hold", "1", "--reason", "x", "--yes"], "purged"),
    ] {
        let told = host.retire(words).expect(1);
        assert!(told.stderr.contains(said), "{told}");
    }
    host.retire(&["recover", "--yes"]).expect(0);
    // A domain of the same name is retired anew.
    retire(&host, "web", &[]);
    assert_eq!(states(&host), ["purged", "committed"]);
}

#[test]
fn nothing_said_is_never_everything() {
    let host = host();
    retire(&host, "a", &[]);
    host.retire(&["purge", "--yes"]).expect(2);
    host.retire(&["purge", "--yes", "-n"]).expect(2);
    for wrong in [
        &["--older-than", "soon"][..],
        &["--keep-last", "-1"],
        &["--until-free", "much"],
        &["0"],
        &["2"],
        &["1-2"],
    ] {
        let words = [&["purge", "--yes"], wrong].concat();
        let told = host.retire(&words);
        assert!(matches!(told.code, 1 | 2), "{told}");
    }
    // With nothing to do a timer's mail is empty.
    for quiet in [
        &["--expired"][..],
        &["--older-than", "1d"],
        &["--keep-last", "1"],
    ] {
        let told = host
            .retire(&[&["purge", "--yes"], quiet].concat())
            .expect(0);
        assert_eq!(
            (told.stdout.as_str(), told.stderr.as_str()),
            ("", ""),
            "{quiet:?}"
        );
    }
    let told = host.retire(&["recover", "--yes"]).expect(0);
    assert_eq!((told.stdout.as_str(), told.stderr.as_str()), ("", ""));
    assert_eq!(states(&host), ["committed"]);
}

#[test]
fn what_expired_goes_and_the_rest_stays() {
    let host = host();
    retire(&host, "a", &["--expires", "1s"]);
    retire(&host, "b", &["--expires", "30d"]);
    retire(&host, "c", &[]);
    retire(&host, "d", &["--expires", "1s"]);
    host.retire(&["hold", "4", "--reason", "audit", "--yes"])
        .expect(0);
    retire(&host, "e", &["--expires", "1s", "--prepare"]);
    std::thread::sleep(std::time::Duration::from_secs(5));
    let told = host
        .retire_json(&["purge", "--expired", "-n"])
        .expect(0)
        .json();
    let of = |rows: &str, id: u64| {
        let mut rows = told[rows].as_array().unwrap().iter();
        rows.find(|row| row["id"] == id).unwrap().clone()
    };
    // As of a real run: those that go, and apart from them those that stay.
    assert_eq!(told["transactions"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(of("transactions", 1)["purge"], true);
    assert_eq!(of("stays", 4)["purge"], false);
    let why = of("stays", 4)["why"].clone();
    assert!(why.as_str().unwrap().contains("audit"));
    let told = host.retire(&["purge", "--expired", "--yes"]).expect(0);
    assert_eq!(
        told.stdout.lines().count(),
        1,
        "one line for a timer's mail\n{told}"
    );
    assert_eq!(
        states(&host),
        ["purged", "committed", "committed", "committed", "prepared"]
    );
    // Released, it goes; prepared, it never does.
    host.retire(&["release", "4", "--yes"]).expect(0);
    host.retire(&["purge", "--expired", "--yes"]).expect(0);
    let told = host.retire_json(&["purge", "5", "--yes"]).expect(1);
    assert_eq!(told.json_error()["error"]["code"], "wrong-state");
    assert_eq!(
        states(&host),
        ["purged", "committed", "committed", "purged", "prepared"]
    );
    // All that is said must fit.
    host.retire(&["purge", "2-3", "--older-than", "0s", "--expired", "--yes"])
        .expect(0);
    assert_eq!(states(&host)[1..3], ["committed", "committed"]);
    host.retire(&["purge", "--older-than", "1s", "--yes"])
        .expect(0);
    assert_eq!(states(&host)[1..3], ["purged", "purged"]);
}

#[test]
fn the_young_go_by_their_number_alone() {
    let host = PrivateHost::start();
    retire(&host, "a", &["--expires", "0s"]);
    for selection in [
        &["--expired"][..],
        &["--older-than", "0s"],
        &["--keep-last", "0"],
        &["1", "--expired"],
    ] {
        host.retire(&[&["purge", "--yes"], selection].concat())
            .expect(0);
        assert_eq!(states(&host), ["committed"], "{selection:?}");
    }
    let told = host.retire_json(&["purge", "--until-free", "99999T", "--yes"]);
    assert_eq!(told.expect(1).json_error()["error"]["code"], "still-short");
    assert_eq!(states(&host), ["committed"]);
    host.retire(&["purge", "1", "--yes"]).expect(0);
    assert_eq!(states(&host), ["purged"]);
}

#[test]
fn the_newest_of_each_name_stay_and_the_oldest_make_room() {
    let host = host();
    for name in ["a", "b", "a", "a"] {
        retire(&host, name, &[]);
    }
    host.retire(&["purge", "--keep-last", "2", "--yes"])
        .expect(0);
    assert_eq!(
        states(&host),
        ["purged", "committed", "committed", "committed"]
    );
    // There is room: nothing goes. There is never so much: the oldest first, until there is no
    // more.
    host.retire(&["purge", "--until-free", "1K", "--yes"])
        .expect(0);
    assert_eq!(states(&host)[1..], ["committed", "committed", "committed"]);
    let free = host.shell(&format!("stat -f -c '%a %S' {}", host.state));
    let free: Vec<u64> = free
        .split_whitespace()
        .map(|it| it.parse().unwrap())
        .collect();
    let far = ((free[0] * free[1]) * 2).to_string();
    let told = host
        .retire(&["purge", "--until-free", &far, "--keep-last", "1", "--yes"])
        .expect(5);
    assert!(told.stdout.contains("Purged for good"), "{told}");
    assert!(
        told.stderr.contains("not so much could be made free"),
        "{told}"
    );
    assert_eq!(states(&host)[1..], ["committed", "purged", "committed"]);
}

#[test]
fn what_is_held_is_purged_by_nothing() {
    let host = host();
    retire(&host, "a", &["--expires", "0s"]);
    for (name, reason) in [("legal", "case 7"), ("audit", "2026")] {
        host.retire(&["hold", "1", "--reason", reason, "--name", name, "--yes"])
            .expect(0);
    }
    let told = refused(host.retire_json(&["purge", "1", "--yes"]), "held");
    assert!(told.stderr.contains("case 7"), "{told}");
    host.retire(&["purge", "--expired", "--yes"]).expect(0);
    host.retire(&["release", "1", "--name", "legal", "--yes"])
        .expect(0);
    refused(host.retire_json(&["purge", "1", "--yes"]), "held");
    assert_eq!(states(&host), ["committed"]);
    host.retire(&["release", "1", "--name", "audit", "--yes"])
        .expect(0);
    host.retire(&["purge", "1", "--yes"]).expect(0);
    assert_eq!(states(&host), ["purged"]);
}

#[test]
fn what_somebody_uses_by_now_is_not_destroyed() {
    let host = host();
    retire(&host, "a", &[]);
    let waiting = stored(&host, 1);
    // Somebody's backing file.
    let overlay = format!("{}/overlay.qcow2", host.images);
    host.shell(&format!(
        "qemu-img create -q -f qcow2 -F raw -b {waiting} {overlay}"
    ));
    let told = refused(host.retire_json(&["purge", "1", "--yes"]), "in-use");
    assert!(told.stderr.contains("overlay.qcow2"), "{told}");
    // A table that says that it goes would be believed.
    let told = refused(host.retire_json(&["purge", "1", "-n"]), "in-use");
    assert_eq!(told.stdout, "", "{told}");
    host.shell(&format!("rm {overlay}"));
    // A domain's disk.
    GuestBuilder::new("thief")
        .disk(Disk::unmanaged(&waiting).existing())
        .define(&host);
    let told = refused(host.retire_json(&["purge", "1", "--yes"]), "in-use");
    assert!(told.stderr.contains("thief"), "{told}");
    host.virsh(&["undefine", "thief"]);
    // A second name.
    host.shell(&format!("ln {waiting} {}/second", host.state));
    let told = refused(host.retire_json(&["purge", "1", "--yes"]), "in-use");
    assert!(told.stderr.contains("2 names"), "{told}");
    host.shell(&format!("rm {}/second", host.state));
    // Open.
    let script = r#"exec 9<"$1"; echo open; read -r _"#;
    let mut reader = host
        .command("bash")
        .args(["-c", script, "reader", &waiting])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut open = [0; 4];
    reader
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut open)
        .unwrap();
    let told = refused(host.retire_json(&["purge", "1", "--yes"]), "in-use");
    drop(reader.stdin.take());
    reader.wait().unwrap();
    assert!(told.stderr.contains("open by"), "{told}");
    assert_eq!(states(&host), ["committed"]);
    assert!(host.exists(&waiting));
    host.retire(&["purge", "1", "--yes"]).expect(0);
}

#[test]
fn one_that_is_used_keeps_no_other_from_a_selection() {
    let host = host();
    for name in ["a", "b", "c"] {
        retire(&host, name, &["--expires", "0s"]);
    }
    let overlay = format!("{}/overlay.qcow2", host.images);
    let waiting = stored(&host, 1);
    host.shell(&format!(
        "qemu-img create -q -f qcow2 -F raw -b {waiting} {overlay}"
    ));
    let told = host
        .retire_json(&["purge", "--expired", "-n"])
        .expect(0)
        .json();
    let row = &told["stays"][0];
    assert_eq!(row["purge"], false, "{told}");
    assert!(
        row["why"].as_str().unwrap().contains("overlay.qcow2"),
        "{told}"
    );
    let told = host.retire(&["purge", "--expired", "--yes"]).expect(0);
    assert_eq!(told.stdout.lines().count(), 1, "{told}");
    assert!(told.stderr.starts_with("not purged: 1 (a): "), "{told}");
    assert_eq!(states(&host), ["committed", "purged", "purged"]);
    // With nothing else to do it is the whole answer; by its number it is refused, too.
    refused(host.retire_json(&["purge", "--expired", "--yes"]), "in-use");
    let told = refused(host.retire_json(&["purge", "--expired", "-n"]), "in-use");
    let row = &told.json()["stays"][0];
    assert_eq!(row["purge"], false, "{told}");
    refused(host.retire_json(&["purge", "1", "--yes"]), "in-use");
    host.shell(&format!("rm {overlay}"));
    let told = host
        .retire_json(&["purge", "--expired", "--yes"])
        .expect(0)
        .json();
    assert_eq!(told["skipped"].as_array().unwrap().len(), 0);
    assert_eq!(states(&host), ["purged", "purged", "purged"]);
}

#[test]
fn a_base_stays_as_long_as_another_retired_domain_stands_on_it() {
    let host = host();
    let base = format!("{}/base.qcow2", host.images);
    host.shell(&format!("qemu-img create -q -f qcow2 {base} 8M"));
    for name in ["one", "two"] {
        let top = format!("{}/{name}.qcow2", host.images);
        host.shell(&format!(
            "qemu-img create -q -f qcow2 -F qcow2 -b {base} {top}"
        ));
        GuestBuilder::new(name)
            .disk(Disk::unmanaged(&top).existing())
            .define(&host);
    }
    for name in ["one", "two"] {
        host.retire(&["undefine", name, "--remove-all-storage", "--yes"])
            .expect(0);
    }
    assert!(!host.exists(&base), "it went with the last of them");
    let told = refused(host.retire_json(&["purge", "2", "--yes"]), "in-use");
    assert!(told.stderr.contains("transaction 1"), "{told}");
    host.retire(&["purge", "1", "2", "--yes"]).expect(0);
    assert_eq!(states(&host), ["purged", "purged"]);
}

#[test]
fn what_the_journal_does_not_know_is_not_touched() {
    let host = host();
    retire(&host, "a", &[]);
    let home = shown(&host, 1)["home"].as_str().unwrap().to_owned();
    host.shell(&format!(
        "echo mine >{home}/notes.txt; echo mine >{home}/999"
    ));
    // Nor what has the name of one of ours and is another file.
    let waiting = stored(&host, 1);
    host.shell(&format!(
        "mv {waiting} {home}/aside; echo theirs >{waiting}"
    ));
    refused(
        host.retire_json(&["purge", "1", "--yes"]),
        "changed-since-plan",
    );
    assert_eq!(host.shell(&format!("cat {waiting}")), "theirs\n");
    host.shell(&format!("mv -f {home}/aside {waiting}"));
    let told = host.retire(&["purge", "1", "--yes"]).expect(0);
    for name in ["notes.txt", "999"] {
        assert!(told.stdout.contains(name), "{name} is told\n{told}");
        assert_eq!(host.shell(&format!("cat {home}/{name}")), "mine\n");
    }
    let left = host.shell(&format!("ls -A {home}"));
    assert_eq!(left, "999\nnotes.txt\n");
}

#[test]
fn where_nothing_else_is_left_the_name_must_be_typed() {
    let host = host();
    retire(&host, "a", &[]);
    retire(&host, "a", &[]);
    retire(&host, "b", &[]);
    let on_terminal = |words: &[&str], question: &str, answer: &str| {
        let binary = crate::support::retire::BINARY;
        let words = [&[binary, "--state-dir", &host.state, "purge"], words].concat();
        host.on_terminal(&words, question, || answer)
    };
    // Another one of the same name stays: a yes will do.
    on_terminal(&["1"], "[y/N]", "n\n").expect(1);
    on_terminal(&["1"], "[y/N]", "y\n").expect(0);
    assert_eq!(states(&host), ["purged", "committed", "committed"]);
    on_terminal(&["2"], "type its name", "y\n").expect(1);
    on_terminal(&["2-3"], "type its name", "a\nc\n").expect(1);
    assert_eq!(states(&host), ["purged", "committed", "committed"]);
    on_terminal(&["2-3"], "type its name", "a\nb\n").expect(0);
    assert_eq!(states(&host), ["purged", "purged", "purged"]);
}

#[test]
fn a_file_system_that_is_not_mounted_is_not_taken_for_empty() {
    let host = host();
    let medium = host.filesystem("ext4");
    let disk = medium.path("a.raw");
    host.shell(&format!(
        "dd if=/dev/urandom of={disk} bs=1M count=2 status=none"
    ));
    GuestBuilder::new("a")
        .disk(Disk::unmanaged(&disk).existing())
        .define(&host);
    host.retire(&["undefine", "a", "--remove-all-storage", "--yes"])
        .expect(0);
    let waiting = stored(&host, 1);
    medium.unmount(&host);
    refused(host.retire_json(&["purge", "1", "--yes"]), "place-changed");
    assert_eq!(states(&host), ["committed"]);
    medium.mount(&host);
    assert!(host.exists(&waiting));
    host.retire(&["purge", "1", "--yes"]).expect(0);
    assert!(!host.exists(&waiting));
}

#[test]
fn a_folder_that_was_renamed_is_told_with_the_command_that_brings_it_back() {
    let host = host();
    retire(&host, "a", &[]);
    let home = shown(&host, 1)["home"].as_str().unwrap().to_owned();
    let aside = format!("{}/quarantine/aside", host.state);
    host.shell(&format!("mv {home} {aside}"));
    let back = format!("mv -T '{aside}' '{home}'").replace('\'', "");
    for words in [
        &["rollback", "1", "--yes"][..],
        &["purge", "1", "--yes"],
        &["recover", "--yes"],
        &["verify"],
        &["rebuild", "--add", "--yes"],
    ] {
        let told = host.retire(words);
        let said = format!("{}{}", told.stdout, told.stderr).replace('\'', "");
        let is_rebuild = words[0] == "rebuild" && said.contains("renamed");
        assert!(said.contains(&back) || is_rebuild, "{told}");
    }
    host.shell(&format!("mv {aside} {home}"));
    assert_eq!(states(&host), ["committed"]);
    host.retire(&["verify"]).expect(0);

    // What cannot be destroyed is not begun.
    let medium = host.filesystem("ext4");
    GuestBuilder::new("b")
        .disk(Disk::unmanaged(&medium.path("b.raw")))
        .define(&host);
    host.retire(&["undefine", "b", "--remove-all-storage", "--yes"])
        .expect(0);
    host.shell(&format!("mount -o remount,ro {}", medium.mount_point));
    refused(host.retire_json(&["purge", "2", "--yes"]), "place-changed");
    let told = refused(
        host.retire_json(&["rollback", "2", "--yes"]),
        "place-changed",
    );
    assert!(told.stderr.contains("remount,rw"), "{told}");
    assert_eq!(states(&host), ["committed", "committed"]);
    host.shell(&format!("mount -o remount,rw {}", medium.mount_point));
    host.retire(&["purge", "1-2", "--yes"]).expect(0);
}
