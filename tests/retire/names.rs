//! Names are other people's: a disk called "it's a \"disk\".raw", a guest called "--all", a title that repaints the
//! terminal, a backing file whose name is no text. If these fail, the wrong file is moved, the right one is not
//! found again, or a title has typed for the operator.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::support::{Disk, GuestBuilder, Identity, Outcome, PrivateHost, assert_same};

fn undefine(host: &PrivateHost, name: &str) -> Outcome {
    host.retire_json(&["undefine", "--remove-all-storage", "--yes", "--", name])
        .expect(0)
}

/// Not one character that steers a terminal, or turns the reading direction.
#[track_caller]
fn harmless(told: &Outcome) {
    for text in [&told.stdout, &told.stderr] {
        let bad = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!text.contains(bad), "{told:?}");
    }
}

#[test]
fn disks_of_any_name_go_and_come_back() {
    let host = PrivateHost::start();
    let names = [
        "with blanks  and\ttab.raw",
        "it's a \"disk\" & <more>; $(reboot) `x`.raw",
        "two\nlines.raw",
        "größe-磁盘-💾.raw",
        "-rf.raw",
        "--all",
        "%s%n\\x41\\.raw",
        "a,b=c:d.raw",
        ".hidden",
        "\u{202e}war.evil\u{9b}31m",
    ];
    let long = "x".repeat(255);
    let mut builder = GuestBuilder::new("web1");
    for (index, name) in names.iter().chain([&long.as_str()]).enumerate() {
        builder = builder
            .disk(Disk::unmanaged(name).target(&format!("vd{}", char::from(b'a' + index as u8))));
    }
    for name in ["pool it's.qcow2", "größe.raw"] {
        builder =
            builder.disk(Disk::volume(name).target(if name.len() > 12 { "vdy" } else { "vdz" }));
    }
    let guest = builder.define(&host);
    for (target, path) in &guest.disks {
        assert!(host.exists(path), "{target} at {path:?}");
    }
    let before = Identity::capture(&host, "web1", &[]);
    for words in [
        &["plan", "web1", "--remove-all-storage"][..],
        &["undefine", "web1", "--remove-all-storage", "--yes", "-v"],
    ] {
        harmless(&host.retire(words).expect(0));
    }
    for (target, path) in &guest.disks {
        assert!(
            !host.exists(path),
            "{target} should have moved from {path:?}"
        );
    }
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    let originals: Vec<_> = shown["quarantine"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["original"].as_str().unwrap())
        .collect();
    for (_, path) in &guest.disks {
        assert!(
            originals.contains(&path.as_str()),
            "{path:?} is not in {originals:?}"
        );
    }
    harmless(&host.retire(&["show", "1"]).expect(0));
    harmless(&host.retire(&["rollback", "1", "--yes", "-v"]).expect(0));
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
    // One of them by its path.
    let path = guest.path("vdb").to_owned();
    host.retire(&["undefine", "web1", "--storage", &path, "--yes"])
        .expect(0);
    assert!(!host.exists(&path) && host.exists(guest.path("vda")));
    host.retire(&["rollback", "2", "--yes"]).expect(0);
    guest.run_once();
}

#[test]
fn names_that_are_no_text_are_kept_to_the_byte() {
    let host = PrivateHost::start();
    let images = host.path(&host.images);
    let odd = OsStr::from_bytes(b"odd \xff\xfe\x1b[31m\n.qcow2");
    let base = OsStr::from_bytes(b"base-\xe9.qcow2");
    let tool = |words: &[&OsStr]| {
        let status = Command::new("qemu-img")
            .args(words)
            .current_dir(&images)
            .status()
            .unwrap();
        assert!(status.success());
    };
    let word = OsStr::new;
    tool(&[word("create"), word("-qf"), word("qcow2"), base, word("4M")]);
    tool(&[
        word("create"),
        word("-qf"),
        word("qcow2"),
        word("-b"),
        base,
        word("-F"),
        word("qcow2"),
        odd,
    ]);
    std::os::unix::fs::symlink(odd, images.join("disk.qcow2")).unwrap();
    // QEMU itself cannot start on such a backing file; libvirt defines it all the same.
    GuestBuilder::new("web1")
        .disk(Disk::unmanaged("disk.qcow2").existing())
        .define(&host);
    let look = || {
        let mut found: Vec<(OsString, Option<Vec<u8>>)> = fs::read_dir(&images)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let bytes = entry
                    .file_type()
                    .unwrap()
                    .is_file()
                    .then(|| fs::read(entry.path()).unwrap());
                (entry.file_name(), bytes)
            })
            .collect();
        found.sort();
        found
    };
    let before = look();
    assert_eq!(before.len(), 3);
    harmless(
        &host
            .retire(&["plan", "web1", "--remove-all-storage"])
            .expect(0),
    );
    undefine(&host, "web1");
    assert_eq!(look(), [], "link, disk and base go together");
    let told = host.retire(&["show", "1"]).expect(0);
    harmless(&told);
    assert!(told.stdout.contains(r"odd \xff\xfe"), "{told}");
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    let home = shown["home"].as_str().unwrap();
    // By hand first, as the manifest says, to the byte.
    let manifest = fs::read(host.path(home).join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let moves: Vec<_> = manifest["restore"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .filter(|line| line.starts_with("mv "))
        .collect();
    host.shell(&moves.join("\n"));
    assert_eq!(look(), before);
    // What is at its place already is fine for the program, too.
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_eq!(look(), before);
    assert_eq!(host.domains(), ["web1"]);
}

#[test]
fn guests_of_any_name_go_and_come_back() {
    let host = PrivateHost::start();
    let names = [
        "-x",
        "--all",
        "with blank",
        "it's",
        "größe",
        "7",
        "$(reboot)",
        "\u{202e}evil\u{9b}31m",
    ];
    for (index, name) in names.iter().enumerate() {
        let defined = GuestBuilder::new("new")
            .disk(Disk::unmanaged(&format!("{index}.raw")))
            .define(&host);
        host.virsh(&["domrename", "new", "--new-name", name]);
        let uuid = defined.uuid.clone();
        let before = host.virsh(&["dumpxml", &uuid, "--inactive"]);
        // By name, and by UUID.
        let spec = if index % 2 == 0 { name } else { &*uuid };
        let done = undefine(&host, spec).json();
        assert_eq!(done["transactions"][0]["domain"], *name);
        let id = done["transactions"][0]["id"].to_string();
        harmless(&host.retire(&["list"]).expect(0));
        harmless(&host.retire(&["show", &id]).expect(0));
        harmless(&host.retire(&["rollback", &id, "--yes", "-v"]).expect(0));
        assert_eq!(host.virsh(&["dumpxml", &uuid, "--inactive"]), before);
        harmless(&host.retire(&["plan", "--", name]).expect(3));
    }
}

#[test]
fn a_title_types_nothing_on_the_operators_terminal() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web1")
        .disk(Disk::unmanaged("a.raw"))
        .define(&host);
    let title = "ok\u{9b}2J\u{9d}0;owned\u{9c}\u{202e}dne";
    host.virsh(&["desc", "web1", "--config", "--title", title]);
    let reason = "because\u{1b}[2J\u{7}\nand so";
    harmless(
        &host
            .retire(&["plan", "web1", "--remove-all-storage"])
            .expect(0),
    );
    harmless(
        &host
            .retire(&[
                "undefine",
                "web1",
                "--remove-all-storage",
                "--yes",
                "--reason",
                reason,
            ])
            .expect(0),
    );
    harmless(&host.retire(&["list"]).expect(0));
    harmless(&host.retire(&["show", "1"]).expect(0));
    harmless(&host.retire(&["show", "1", "--security-info"]).expect(0));
    // A program gets it as it is.
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    assert_eq!(shown["plan"]["domain"]["title"], title);
    assert_eq!(shown["reason"], reason);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_eq!(host.virsh(&["desc", "web1", "--title"]), title);
    guest.run_once();
}
