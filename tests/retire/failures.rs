//! Something goes wrong in the middle, or stands in the way of going back. If these fail, a domain
//! is left half retired or half restored, a file of somebody else is overwritten, or the exit code
//! says otherwise.

use std::fs;

use crate::support::tracer::After;
use crate::support::{Fault, Guest, GuestBuilder, Identity, Outcome, PrivateHost, assert_same};

fn guest(host: &PrivateHost) -> Guest<'_> {
    GuestBuilder::two_disks("web1")
        .vnc_password("geheim")
        .autostart()
        .define(host)
}

const UNDEFINE: [&str; 4] = ["undefine", "web1", "--remove-all-storage", "--yes"];

fn undefine(host: &PrivateHost) -> Outcome {
    host.retire_json(&UNDEFINE)
}

fn rollback(host: &PrivateHost, id: u64) -> Outcome {
    host.retire_json(&["rollback", &id.to_string(), "--yes"])
}

#[track_caller]
fn error(told: &Outcome) -> (String, String) {
    let error = &told.json_error()["error"];
    for field in ["code", "message", "hint"] {
        assert_ne!(error[field].as_str().unwrap(), "", "{told}");
    }
    let word = |field: &str| error[field].as_str().unwrap().to_owned();
    (word("code"), word("message"))
}

#[track_caller]
fn state(host: &PrivateHost, id: u64) -> String {
    let shown = host
        .retire_json(&["show", &id.to_string()])
        .expect(0)
        .json();
    shown["state"].as_str().unwrap().to_owned()
}

/// Everything below the quarantine, where nothing may move while a rollback is refused.
fn waiting(host: &PrivateHost) -> Identity {
    Identity::of_files(host, &[&format!("{}/quarantine", host.state)])
}

#[test]
fn a_file_that_cannot_be_moved_puts_everything_back() {
    let host = PrivateHost::start();
    guest(&host);
    let before = Identity::capture(&host, "web1", &[]);
    // Each rename of the run fails once; the first ones are probes, manifests and the like.
    let trace = host.trace("renameat2", &["plan", "web1", "--remove-all-storage"]);
    assert_eq!(trace.busiest(), 0, "a plan renames nothing");
    let mut failed = 0;
    let mut when = 1;
    loop {
        let fault = Fault::error("renameat2,renameat,rename", "EIO", when);
        let traced = host.inject(&fault, &[&["--output", "json"], &UNDEFINE[..]].concat());
        let told = traced.outcome.clone();
        if !traced.struck() {
            told.expect(0);
            break;
        }
        match told.code {
            // A probe failed: another place was tried, or nothing was begun.
            0 => {
                let id = told.json()["transactions"][0]["id"].as_u64().unwrap();
                rollback(&host, id).expect(0);
            }
            1 => assert!(told.stdout.is_empty(), "{told}"),
            4 => {
                failed += 1;
                let (code, message) = error(&told);
                assert_eq!(code, "step-failed");
                assert!(message.contains("put back"), "{told}");
                assert_eq!(told.json()["transactions"][0]["state"], "rolled-back");
            }
            _ => panic!("rename {when}: {told}"),
        }
        assert_same(&before, &Identity::capture(&host, "web1", &[]));
        when += 1;
    }
    assert!(
        failed >= 2,
        "both disks' moves should have failed once: {failed}"
    );
}

#[test]
fn an_undefine_that_libvirt_refuses_changes_nothing() {
    let host = PrivateHost::start();
    guest(&host);
    let before = Identity::capture(&host, "web1", &[]);
    // libvirt cannot unlink the definition it keeps.
    host.shell("chattr +i /etc/libvirt/qemu/web1.xml");
    let told = undefine(&host).expect(4);
    assert_eq!(error(&told).0, "step-failed");
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
    host.shell("chattr -i /etc/libvirt/qemu/web1.xml");
    undefine(&host).expect(0);
    rollback(&host, 2).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
}

#[test]
fn a_define_that_libvirt_refuses_leaves_the_domain_retired() {
    let host = PrivateHost::start();
    let guest = guest(&host);
    let before = Identity::capture(&host, "web1", &[]);
    undefine(&host).expect(0);
    let waits = waiting(&host);
    // libvirt cannot write the definition.
    host.shell("chattr +i /etc/libvirt/qemu");
    let told = rollback(&host, 1).expect(4);
    assert_eq!(error(&told).0, "step-failed");
    assert_eq!(told.json()["transactions"][0]["state"], "committed");
    assert!(host.domains().is_empty());
    assert!(!host.exists(guest.path("vda")) && !host.exists(guest.path("vdb")));
    assert_same(&waits, &waiting(&host).ignoring(&[]));
    assert_eq!(host.virsh(&["vol-list", "default"]), "");
    assert_eq!(state(&host, 1), "committed");
    host.shell("chattr -i /etc/libvirt/qemu");
    rollback(&host, 1).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
}

#[test]
fn an_emulator_that_is_gone_leaves_the_domain_retired_until_it_is_back() {
    let host = PrivateHost::start();
    let emulator = "/var/lib/libvirt/qemu-of-ours";
    host.shell(&format!(
        "cp $(readlink -f $(command -v qemu-system-x86_64)) {emulator}"
    ));
    let guest = GuestBuilder::two_disks("web1")
        .device_xml(&format!("<emulator>{emulator}</emulator>"))
        .define(&host);
    let before = Identity::capture(&host, "web1", &[]);
    undefine(&host).expect(0);
    host.shell(&format!("mv {emulator} {emulator}.away"));
    host.restart_libvirtd();
    let told = rollback(&host, 1);
    if told.code == 0 {
        // libvirt defines a domain whose emulator it remembers; then it is whole but for that.
        assert_eq!(host.domains(), ["web1"], "{told}");
    } else {
        assert_eq!(told.code, 3, "{told}");
        assert_eq!(error(&told).0, "not-redefinable");
        assert!(host.domains().is_empty() && !host.exists(guest.path("vda")));
    }
    host.shell(&format!("mv {emulator}.away {emulator}"));
    if told.code != 0 {
        rollback(&host, 1).expect(0);
    }
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
}

#[test]
fn what_stands_in_the_way_of_a_rollback_is_named_and_left_alone() {
    let host = PrivateHost::start();
    let guest = guest(&host);
    let (pool, data) = (guest.path("vda").to_owned(), guest.path("vdb").to_owned());
    let before = Identity::capture(&host, "web1", &[]);
    undefine(&host).expect(0);
    let home = host.retire_json(&["show", "1"]).expect(0).json();
    let stored = |index: usize| {
        home["quarantine"][index]["stored"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let other = "<domain type='qemu'><name>NAME</name>UUID<memory>32768</memory><os><type>hvm</type></os></domain>";
    let define = |name: &str, uuid: &str| {
        let xml = other.replace("NAME", name).replace("UUID", uuid);
        host.virsh(&["define", &host.scratch(&xml)]);
    };
    let refused = |code: &str, names: &str| {
        let waits = waiting(&host);
        let domains = host.domains();
        let told = rollback(&host, 1).expect(3);
        let (found, message) = error(&told);
        assert_eq!(found, code, "{told}");
        assert!(message.contains(names), "{names} is not named: {told}");
        assert_eq!(told.stdout, "");
        assert_same(&waits, &waiting(&host));
        assert_eq!(host.domains(), domains);
        assert_eq!(state(&host, 1), "committed");
    };

    define("web1", "");
    refused("name-taken", "web1");
    host.virsh(&["undefine", "web1"]);

    define("other", &format!("<uuid>{}</uuid>", guest.uuid));
    refused("name-taken", "other");
    host.virsh(&["undefine", "other"]);

    // A running domain of that name that nobody defined.
    let transient = other.replace("NAME", "web1").replace("UUID", "");
    host.virsh(&["create", &host.scratch(&transient), "--paused"]);
    refused("name-taken", "web1");
    host.virsh(&["destroy", "web1"]);

    // A file, a folder, and a dangling symlink at the place.
    for make in ["echo theirs >", "mkdir ", "ln -s nowhere "] {
        for path in [&data, &pool] {
            host.shell(&format!("{make}{path}"));
            let theirs = Identity::of_files(&host, &[path]);
            refused("path-occupied", path);
            assert_same(&theirs, &Identity::of_files(&host, &[path]));
            host.shell(&format!("rm -r {path}"));
        }
    }

    // The folder it came from is gone, or is another.
    host.shell(&format!("mv {0} {0}.away", host.images));
    refused("place-changed", &host.images);
    host.shell(&format!("mv {0}.away {0}", host.images));

    // A quarantined file is gone, or was replaced.
    for index in [0, 1] {
        let file = stored(index);
        host.shell(&format!("mv {file} {file}.away"));
        refused("changed-since-plan", &file);
        host.shell(&format!("echo swapped >{file}"));
        refused("changed-since-plan", &file);
        host.shell(&format!("rm {file}; mv {file}.away {file}"));
    }

    rollback(&host, 1).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
    guest.run_once();
}

#[test]
fn a_rollback_that_cannot_move_a_file_back_leaves_the_domain_retired() {
    let host = PrivateHost::start();
    let guest = guest(&host);
    let before = Identity::capture(&host, "web1", &[]);
    undefine(&host).expect(0);
    let waits = waiting(&host);
    host.shell(&format!("chattr +i {}", host.images));
    let told = rollback(&host, 1).expect(3);
    assert_eq!(error(&told).0, "place-changed");
    assert!(error(&told).1.contains(&host.images), "{told}");
    assert!(host.domains().is_empty() && !host.exists(guest.path("vda")));
    assert_same(&waits, &waiting(&host));
    host.shell(&format!("chattr -i {}", host.images));
    rollback(&host, 1).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
}

#[test]
fn a_folder_that_lets_nothing_out_is_noticed_before_anything_changes() {
    let host = PrivateHost::start();
    guest(&host);
    let before = Identity::capture(&host, "web1", &[]);
    let try_it = |make: &str, unmake: &str| {
        host.shell(make);
        let told = undefine(&host);
        assert!([1, 3, 4].contains(&told.code), "{told}");
        error(&told);
        host.shell(unmake);
        assert_same(&before, &Identity::capture(&host, "web1", &[]));
    };
    let images = &host.images;
    try_it(
        &format!("chattr +i {images}"),
        &format!("chattr -i {images}"),
    );
    try_it(
        &format!("chattr +a {images}"),
        &format!("chattr -a {images}"),
    );
    try_it(
        &format!("mount --bind {images} {images}; mount -o remount,bind,ro {images}"),
        &format!("umount {images}"),
    );
    undefine(&host).expect(0);
}

#[test]
fn a_file_changed_between_plan_and_move_is_not_taken() {
    let host = PrivateHost::start();
    let guest = guest(&host);
    let data = guest.path("vdb").to_owned();
    let before = fs::read(host.path(&data)).unwrap().len();
    // While the pool's disk is on its way, the other one is written to.
    let mut written = false;
    let told = host.traced(&UNDEFINE, &mut |point| {
        let is_move = point.call == "renameat2" && point.target.ends_with("/system.qcow2");
        if is_move && !written {
            written = true;
            host.shell(&format!("echo written >>{data}"));
        }
        After::GoOn
    });
    assert!(written, "the pool's disk was not moved: {told}");
    assert_eq!(told.code, 4, "{told}");
    assert!(told.stderr.contains(&data), "{told}");
    assert_eq!(fs::read(host.path(&data)).unwrap().len(), before + 8);
    assert_eq!(host.domains(), ["web1"]);
    guest.run_once();
}

/// Where files could wait is tried out before anything is written down. What was made for that goes
/// again when nothing comes of it.
#[test]
fn a_place_that_was_made_for_nothing_is_gone_again() {
    let host = PrivateHost::start();
    let at = |disk: &str| format!("/var/lib/libvirt/boot/{disk}");
    for disk in ["a", "b"] {
        let folder = at(disk);
        host.shell(&format!(
            "mkdir -p {folder}; mount -t tmpfs {disk} {folder}; truncate -s 1M {folder}/disk.raw"
        ));
    }
    let disk = |name: &str, target: &str| {
        format!(
            "<disk type='file' device='disk'><driver name='qemu' type='raw'/>\
             <source file='{}/disk.raw'/><target dev='{target}' bus='virtio'/></disk>",
            at(name)
        )
    };
    GuestBuilder::new("web9")
        .device_xml(&disk("a", "vda"))
        .device_xml(&disk("b", "vdb"))
        .define(&host);
    // Nothing gets out of this one.
    host.shell(&format!("mount -o remount,ro {}", at("b")));
    let words = ["undefine", "web9", "--remove-all-storage", "--yes"];
    let told = host.retire_json(&words).expect(1);
    assert_eq!(told.json_error()["error"]["code"], "storage", "{told}");
    // The plan knows that beforehand, without trying it out.
    let plan = ["plan", "web9", "--remove-all-storage"];
    let planned = host.retire_json(&plan).expect(1);
    assert_eq!(planned.json_error()["error"], told.json_error()["error"]);
    assert_eq!(
        planned.json()["plans"][0]["disks"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    host.retire(&["plan", "web9", "--storage", "vda"]).expect(0);
    assert_eq!(host.shell(&format!("ls -A {}", at("a"))).trim(), "disk.raw");
    assert_eq!(host.domains(), ["web9"]);
    let list = host.retire_json(&["list"]).expect(0).json();
    assert_eq!(list["transactions"].as_array().unwrap().len(), 0);
    // The same goes where the file is, and stays where it is used.
    host.shell(&format!("mount -o remount,rw {}", at("b")));
    host.retire(&words).expect(0);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert!(host.exists(&format!("{}/disk.raw", at("b"))));
}

/// The record of the beginning is on the disk or not, and nobody knows: 1 would say that nothing is
/// left to do.
#[test]
fn a_sync_that_fails_is_not_called_nothing() {
    let host = PrivateHost::start();
    guest(&host);
    let before = Identity::capture(&host, "web1", &[]);
    let mut unfinished = 0;
    for call in ["fsync", "fdatasync"] {
        for when in 1..8 {
            let trace = host.inject(&Fault::error(call, "EIO", when), &UNDEFINE);
            if !trace.struck() {
                break;
            }
            let code = trace.outcome.code;
            let listed = host.retire_json(&["list"]).expect(0).json();
            let newest = listed["transactions"][0]["state"]
                .as_str()
                .unwrap_or("none");
            let is_open = !matches!(newest, "none" | "committed" | "rolled-back");
            assert!(
                !is_open || code == 5,
                "{call} {when}: {newest} after {}",
                trace.outcome
            );
            unfinished += u32::from(code == 5);
            host.retire(&["recover", "--yes"]).expect(0);
            if host.domains().is_empty() {
                host.retire(&["rollback", "last", "--yes"]).expect(0);
            }
            assert_same(&before, &Identity::capture(&host, "web1", &[]));
        }
    }
    assert!(unfinished > 0, "no record was ever in doubt");
}
