//! Names are other people's: a disk called "it's a \"disk\".raw", a guest called "--all", a title
//! that repaints the terminal, a backing file whose name is no text. If these fail, the wrong file
//! is moved, the right one is not found again, or a title has typed for the operator.

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

/// virsh takes the one whose id or UUID it is, and says nothing of the other.
#[test]
fn a_name_that_is_another_ones_id_or_uuid_is_refused() {
    let host = PrivateHost::start();
    let db = GuestBuilder::new("db")
        .disk(Disk::pool("db.qcow2"))
        .define(&host);
    db.start();
    let id = host.virsh(&["domid", "db"]);
    for name in [id.clone(), db.uuid.clone()] {
        let other = GuestBuilder::new(&name)
            .disk(Disk::pool(&format!("{name}.qcow2")))
            .define(&host);
        // virsh, asked for that name, tells of the wrong one.
        let uuids = host.virsh(&["list", "--all", "--uuid"]);
        let uuid = uuids
            .lines()
            .map(str::trim)
            .find(|it| *it != db.uuid)
            .unwrap();
        for verb in ["plan", "undefine", "destroy", "volumes"] {
            let words: &[&str] = match verb {
                "volumes" => &[verb, &name],
                "plan" => &[verb, &name, "--remove-all-storage"],
                _ => &[verb, &name, "--remove-all-storage", "--yes"],
            };
            let refused = host.retire(words).expect(3);
            assert!(
                refused.stderr.contains("domain db ") && refused.stderr.contains(uuid),
                "{refused}"
            );
        }
        assert!(host.is_running("db") && host.exists(other.path("vda")));
        host.retire(&["undefine", uuid, "--remove-all-storage", "--yes"])
            .expect(0);
    }
    host.retire(&["destroy", "db", "--remove-all-storage", "--yes"])
        .expect(0);
}

/// Neither a text nor an error shows a name that looks like another one, and JSON has it as
/// escapes.
#[test]
fn what_nobody_sees_is_shown() {
    let host = PrivateHost::start();
    let hidden = [
        '\u{200b}',
        '\u{2028}',
        '\u{202e}',
        '\u{ad}',
        '\u{feff}',
        '\u{e0041}',
        '\u{3164}',
    ];
    let name = format!("we{}b", hidden.iter().collect::<String>());
    let guest = GuestBuilder::new(&name)
        .disk(Disk::pool(&format!("{name}.qcow2")))
        .define(&host);
    let raw = |told: &Outcome| {
        let all = format!("{}{}", told.stdout, told.stderr);
        assert!(!all.contains(hidden), "{all:?}");
    };
    raw(&host.retire(&["plan", &name]).expect(3));
    raw(&host.retire(&["volumes", &name]).expect(0));
    raw(&host.retire(&["users", guest.path("vda")]).expect(0));
    raw(&host.retire(&["plan", &format!("{name}x")]).expect(1));
    raw(&host.retire(&["show", &format!("1{}", hidden[0])]).expect(2));
    raw(&host
        .retire_json(&["show", &format!("1{}", hidden[1])])
        .expect(2));
    raw(&host.retire(&[&format!("pl{}an", hidden[0])]).expect(2));
    raw(&host
        .retire(&["plan", &name, &format!("--{}x", hidden[0])])
        .expect(2));
    let plan = host
        .retire_json(&["plan", &name, "--remove-all-storage"])
        .expect(0);
    raw(&plan);
    assert_eq!(plan.json()["plans"][0]["domain"]["name"], name.as_str());
    raw(&host
        .retire(&["-vvv", "undefine", &name, "--remove-all-storage", "--yes"])
        .expect(0));
    raw(&host.retire(&["list"]).expect(0));
    raw(&host.retire(&["show", "1", "--security-info"]).expect(0));
    raw(&host.retire_on_terminal(&["rollback", "1"], "y\n"));
    assert!(host.exists(guest.path("vda")));
}
