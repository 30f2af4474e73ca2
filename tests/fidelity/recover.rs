//! After a crash: what is claimed, what `recover` does, and what it leaves alone. If these tests
//! fail, the next command makes a crash worse, or one bad transaction keeps all others from being
//! put right.

use std::fs;

use crate::support::tracer::{After, Point};
use crate::support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

fn guest(host: &PrivateHost, name: &str) -> Identity {
    GuestBuilder::new(name)
        .disk(Disk::unmanaged(&format!("{name}-a.raw")))
        .disk(Disk::unmanaged(&format!("{name}-b.raw")))
        .define(host);
    Identity::capture(host, name, &[])
}

fn undefine(name: &str) -> [&str; 4] {
    ["undefine", name, "--remove-all-storage", "--yes"]
}

/// Kills an undefine at its `nth` call of this name in a step of this kind.
#[track_caller]
fn crash(host: &PrivateHost, name: &str, step: &str, call: &str, nth: usize) {
    let mut met = 0;
    let killed = host.traced(&undefine(name), &mut |point| {
        met += usize::from(point.step.contains(step) && point.call == call);
        if met == nth { After::Kill } else { After::GoOn }
    });
    assert_eq!(killed.code, 137, "{killed}");
}

/// Kills a command at its first call of this name in a step of this kind.
#[track_caller]
fn crash_of(host: &PrivateHost, words: &[&str], step: &str, call: &str) {
    let killed = host.traced(words, &mut |point| {
        let met = point.step.contains(step) && point.call == call;
        if met { After::Kill } else { After::GoOn }
    });
    assert_eq!(killed.code, 137, "{killed}");
}

#[test]
fn what_an_open_transaction_claims_is_refused_by_name() {
    let host = PrivateHost::start();
    guest(&host, "shop");
    host.retire(&undefine("shop")).expect(0);
    // Another domain takes the name; its retirement crashes when one of its disks has moved.
    let later = guest(&host, "shop");
    crash(&host, "shop", "quarantine-disk", "renameat2", 2);
    let claimed = |words: &[&str], subject: &str| {
        let refused = host.retire_json(words).expect(3);
        let error = &refused.json_error()["error"];
        assert_eq!(error["code"], "claimed", "{refused}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains(subject) && message.contains("transaction 2"),
            "{refused}"
        );
        assert!(error["hint"].as_str().unwrap().contains("recover"));
    };
    // The first transaction would come back onto what the second has not let go of.
    claimed(&["rollback", "1", "--yes"], "shop");
    // A third domain whose disk has the path of one that moved.
    let path = format!("{}/shop-a.raw", host.images);
    GuestBuilder::new("other")
        .disk(Disk::unmanaged(&path))
        .define(&host);
    claimed(&undefine("other"), &path);
    host.virsh(&["undefine", "other"]);
    fs::remove_file(host.path(&path)).unwrap();

    let recovered = host.retire_json(&["recover", "--yes"]).expect(0).json();
    let one = &recovered["transactions"][0];
    assert_eq!(
        (&one["id"], &one["recovery"]),
        (&2.into(), &"undone".into())
    );
    assert_eq!(one["state"], "rolled-back");
    assert_same(&later, &Identity::capture(&host, "shop", &[]));
}

#[test]
fn what_was_prepared_on_purpose_waits_for_its_decision() {
    let host = PrivateHost::start();
    guest(&host, "shop");
    let prepare = [&undefine("shop")[..], &["--prepare"]].concat();
    host.retire(&prepare).expect(0);
    let recovered = host.retire_json(&["recover", "--yes"]).expect(0).json();
    assert_eq!(recovered["transactions"].as_array().unwrap().len(), 0);
    let listed = host.retire_json(&["list"]).expect(0).json();
    assert_eq!(listed["transactions"][0]["state"], "prepared");
    // Whether the domain is defined again only libvirt knows: nobody decides without asking it.
    host.kill_libvirtd();
    let unasked = host.retire_json(&["commit", "1", "--yes"]).expect(1);
    assert_eq!(unasked.json_error()["error"]["code"], "libvirt-unreachable");
    let listed = host.retire_json(&["list"]).expect(0).json();
    assert_eq!(listed["transactions"][0]["state"], "prepared");
    host.start_libvirtd();
    host.retire(&["commit", "1", "--yes"]).expect(0);
}

#[test]
fn without_libvirt_nothing_is_lost_and_the_next_recover_does_it() {
    let host = PrivateHost::start();
    let before = guest(&host, "shop");
    crash(&host, "shop", "quarantine-disk", "renameat2", 2);
    host.kill_libvirtd();
    let left = host.retire_json(&["recover", "--yes"]).expect(5);
    assert_eq!(left.json()["transactions"][0]["recovery"], "left");
    let message = left.json_error()["error"]["message"].to_string();
    assert!(message.contains("libvirt"), "{left}");
    host.start_libvirtd();
    // Whatever the default is of whoever recovers: a transaction knows its libvirt.
    let elsewhere = [("LIBVIRT_DEFAULT_URI", "test:///default")];
    host.retire_with(&["recover", "--yes"], &elsewhere)
        .expect(0);
    assert_same(&before, &Identity::capture(&host, "shop", &[]));
}

/// The first can go neither back nor forward; the second can.
#[test]
fn one_that_is_stuck_keeps_both_causes_and_no_other_waiting() {
    let host = PrivateHost::start();
    let stuck = guest(&host, "stuck");
    let fine = guest(&host, "fine");
    crash(&host, "stuck", "quarantine-disk", "renameat2", 2);
    crash(&host, "fine", "quarantine-disk", "renameat2", 2);
    let stored = host.shell(&format!("ls -d {}/quarantine/1-*/00?", host.state));
    let (stored, away) = (stored.trim(), host.path(&host.images).join("away"));
    fs::rename(host.path(stored), &away).unwrap();
    let swapped = host.path(&host.images).join("stuck-b.raw");
    let kept = host.path(&host.images).join("kept");
    fs::rename(&swapped, &kept).unwrap();
    fs::write(&swapped, "another").unwrap();

    let recovered = host.retire_json(&["recover", "--yes"]).expect(5);
    let both = recovered.json();
    let word = |id: u64, key: &str| {
        let all = both["transactions"].as_array().unwrap();
        all.iter().find(|it| it["id"] == id).unwrap()[key].clone()
    };
    assert_eq!(
        (word(1, "recovery"), word(2, "recovery")),
        ("stuck".into(), "undone".into())
    );
    assert_eq!(word(1, "state"), "stuck");
    // Whoever tries to decide it is told what comes first.
    for verb in ["commit", "rollback"] {
        let told = host.retire(&[verb, "1", "--yes"]);
        assert_ne!(told.code, 0, "{told}");
        assert!(told.stderr.contains("virt-retire recover"), "{told}");
    }
    assert!(word(1, "back").is_string() && word(1, "forward").is_string());
    let shown = host.retire(&["show", "1"]).expect(0).stdout;
    assert!(
        shown.contains("forward: ") && shown.contains("back: "),
        "{shown}"
    );

    // Both causes are gone: it goes back.
    fs::rename(&away, host.path(stored)).unwrap();
    fs::rename(&kept, &swapped).unwrap();
    host.retire(&["recover", "--yes"]).expect(0);
    assert_same(&stuck, &Identity::capture(&host, "stuck", &[]));
    assert_same(&fine, &Identity::capture(&host, "fine", &[]));
}

/// Begun, and killed before it changed anything: nobody has to `recover` first.
#[test]
fn what_never_got_to_its_first_step_is_closed_by_the_next_command() {
    let host = PrivateHost::start();
    guest(&host, "shop");
    let mut fsyncs = 0;
    let killed = host.traced(&undefine("shop"), &mut |point| {
        let is_view = point.target.contains("/view/1");
        fsyncs += usize::from(is_view);
        if fsyncs == 1 {
            After::Kill
        } else {
            After::GoOn
        }
    });
    assert_eq!(killed.code, 137, "{killed}");
    let listed = host.retire_json(&["list"]).expect(0).json();
    assert_eq!(listed["transactions"][0]["state"], "executing");
    host.retire(&undefine("shop")).expect(0);
    let listed = host.retire_json(&["list"]).expect(0).json();
    assert_eq!(listed["transactions"][1]["state"], "rolled-back");
    assert_eq!(listed["transactions"][0]["state"], "committed");
}

/// Somebody defines the domain anew, from an older file, before anyone thinks of `recover`.
#[test]
fn a_definition_made_meanwhile_stays_and_is_told() {
    let host = PrivateHost::start();
    guest(&host, "desk");
    let xml = host.virsh(&["dumpxml", "desk"]);
    crash(&host, "desk", "quarantine-disk", "renameat2", 2);
    let edited = xml.replace("</name>", "</name><title>edited</title>");
    host.virsh(&["define", &host.scratch(&edited)]);
    let told = host.retire(&["recover", "--yes"]).expect(0);
    assert!(told.stdout.contains("otherwise than it was"), "{told}");
    assert!(!told.stdout.contains("back as it was"), "{told}");
    let listed = host.retire_json(&["list"]).expect(0).json();
    assert_eq!(listed["transactions"][0]["state"], "rolled-back");
    assert!(host.virsh(&["dumpxml", "desk"]).contains("edited"));
    assert!(host.exists(&format!("{}/desk-a.raw", host.images)));
}

/// Killed when libvirt had defined the domain and before that was synced: the next run finds it
/// defined, and must not write so before it is durable.
#[test]
fn what_an_interrupted_run_told_libvirt_is_made_durable_by_the_next() {
    let host = PrivateHost::start();
    let before = guest(&host, "shop");
    host.retire(&undefine("shop")).expect(0);
    let is_libvirts = |point: &Point| point.is_sync() && point.target == "/etc/libvirt/qemu";
    let killed = host.traced(
        &["rollback", "1", "--yes"],
        &mut |point| match is_libvirts(point) {
            true => After::Kill,
            false => After::GoOn,
        },
    );
    assert_eq!(killed.code, 137, "{killed}");
    assert!(host.virsh(&["list", "--all", "--name"]).contains("shop"));
    let recovered = host.traced(&["recover", "--yes"], &mut |_| After::GoOn);
    assert_eq!(recovered.code, 0, "{recovered}");
    assert!(recovered.points.iter().any(is_libvirts), "{recovered}");
    assert_same(&before, &Identity::capture(&host, "shop", &[]));
}

/// Found by `tests/simulation`: whoever starts a guest from its managed save before that has its
/// second name uses it up. There is nothing to bring back then, and nothing that should be stuck.
#[test]
fn a_saved_state_that_somebody_used_before_it_was_ours_makes_nobody_stuck() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("saved").define(&host);
    guest.managed_save();
    crash_of(
        &host,
        &[
            "undefine",
            "saved",
            "--managed-save",
            "--remove-all-storage",
            "--yes",
        ],
        "save-managed-save",
        "linkat",
    );
    guest.start();
    let recovered = host.retire_json(&["recover", "--yes"]).expect(0).json();
    let one = &recovered["transactions"][0];
    assert_eq!(one["recovery"], "undone", "{one}");
    assert_eq!(host.virsh(&["domstate", "saved"]), "running");
    guest.stop();
    host.retire(&["undefine", "saved", "--remove-all-storage", "--yes"])
        .expect(0);
}

/// Found by `tests/simulation`: somebody undefines the domain while its rollback is interrupted,
/// and the rollback, which cannot go on, is undone. libvirt's name for the saved state must go,
/// too: the next guest of that name would resume it.
#[test]
fn a_saved_state_is_not_left_to_the_next_guest_of_that_name() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("saved").autostart().define(&host);
    let save = guest.managed_save();
    host.retire(&[
        "undefine",
        "saved",
        "--managed-save",
        "--remove-all-storage",
        "--yes",
    ])
    .expect(0);
    crash_of(
        &host,
        &["rollback", "1", "--yes"],
        "save-managed-save",
        "renameat2",
    );
    host.virsh(&["undefine", "saved"]);
    let recovered = host.retire_json(&["recover", "--yes"]).expect(0).json();
    let one = &recovered["transactions"][0];
    match one["state"].as_str() {
        Some("committed") => assert!(!host.exists(&save), "the next 'saved' would resume it"),
        Some("rolled-back") => assert!(host.virsh(&["list", "--all", "--name"]).contains("saved")),
        _ => panic!("{one}"),
    }
}
