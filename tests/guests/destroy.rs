//! If this fails, `destroy` pulls the plug of a guest and then finds that it may not take its
//! disks, or takes them and cannot give them back: a transient guest has no other definition than
//! the one that its end throws away.

use std::process::Stdio;

use crate::support::tracer::After;
use crate::support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

fn code(host: &PrivateHost, exit: i32, words: &[&str]) -> String {
    let outcome = host.retire_json(words).expect(exit);
    let error = outcome.json_error();
    error["error"]["code"].as_str().unwrap().to_owned()
}

fn hash(host: &PrivateHost, folder: &str) -> String {
    host.shell(&format!(
        "cd {folder} && find . -type f | sort | xargs sha256sum"
    ))
}

/// Every refusal comes before the guest is touched; then it stops and goes, and comes back.
#[test]
fn a_running_persistent_guest_is_stopped_retired_and_brought_back() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web1")
        .disk(Disk::pool("web1.qcow2"))
        .disk(Disk::unmanaged("web1.raw"))
        .vnc_password("secret")
        .autostart()
        .define(&host);
    guest.start();
    assert_eq!(
        code(&host, 3, &["destroy", "web1", "--yes"]),
        "undecided-disk"
    );
    assert_eq!(
        code(
            &host,
            3,
            &["undefine", "web1", "--remove-all-storage", "--yes"]
        ),
        "active-domain"
    );
    host.retire(&["destroy", "web1", "--remove-all-storage"])
        .expect(1);
    host.retire(&[
        "destroy",
        "web1",
        "--remove-all-storage",
        "--keep-storage",
        "--yes",
    ])
    .expect(2);
    assert!(host.is_running("web1"), "a refusal leaves the guest alone");

    let before = Identity::capture(&host, "web1", &[]);
    let plan = host
        .retire_json(&["plan", "web1", "--destroy", "--remove-all-storage"])
        .expect(0);
    assert!(plan.stdout.contains("\"stop\""), "{plan}");
    let done = host
        .retire_json(&[
            "destroy",
            "web1",
            "--remove-all-storage",
            "--yes",
            "--reason",
            "old",
        ])
        .expect(0)
        .json();
    assert_eq!(done["transactions"][0]["state"], "committed");
    assert!(host.domains().iter().all(|name| name != "web1"));
    assert!(!host.exists(guest.path("vda")) && !host.exists(guest.path("vdb")));
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
    assert!(!host.is_running("web1"));

    // With --start it runs again, and is as persistent as it was.
    guest.start();
    host.retire(&["destroy", "web1", "--remove-all-storage", "--yes"])
        .expect(0);
    let told = host
        .retire(&["rollback", "2", "--start", "--yes"])
        .expect(0);
    assert!(told.stdout.contains("web1 runs again"), "{told}");
    assert!(host.is_running("web1") && host.is_persistent("web1"));
    guest.stop();
    // A domain that is off goes as by undefine.
    host.retire(&["destroy", "web1", "--remove-all-storage", "--yes"])
        .expect(0);
    host.retire(&["rollback", "3", "--yes"]).expect(0);
}

/// The way back is whole and only the start fails: no work is left for `recover`, and the exit code
/// must not send a script there, nor say that nothing was changed.
#[test]
fn a_start_that_fails_after_the_rollback_is_told_as_that() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web5")
        .disk(Disk::pool("web5.qcow2"))
        .disk(Disk::unmanaged("tools.iso").cdrom())
        .define(&host);
    guest.start();
    let words = ["destroy", "web5", "--remove-all-storage", "--yes"];
    host.retire(&words).expect(0);
    // The medium was kept, and somebody else has removed it.
    host.shell("rm /var/lib/libvirt/images/tools.iso");
    let told = host
        .retire_json(&["rollback", "1", "--start", "--yes"])
        .expect(4);
    assert_eq!(told.json()["transactions"][0]["state"], "rolled-back");
    let error = told.json_error()["error"].clone();
    assert_eq!(error["code"], "not-started");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("web5 is back with its storage"), "{told}");
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("virsh start web5"), "{told}");
    assert!(host.is_persistent("web5") && host.exists(guest.path("vda")));
    let left = host.retire_json(&["recover", "--yes"]).expect(0).json();
    assert_eq!(left["transactions"].as_array().unwrap().len(), 0);

    // Who decided so is in the log, from where as well.
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    let events = shown["events"].as_array().unwrap();
    let decided = events.iter().find(|event| event["kind"] == "decided");
    let decided = decided.unwrap();
    for key in ["user", "login", "host", "from"] {
        assert_eq!(decided[key], shown[key], "{key}: {decided:#}");
    }
    assert!(decided["command"].to_string().contains("rollback"));
}

/// Issue item 6: a transient guest with all that its end would take along.
#[test]
fn a_transient_guest_comes_back_with_its_tpm_and_nvram() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("brief")
        .efi()
        .tpm()
        .disk(Disk::pool("brief.qcow2"))
        .described()
        .define(&host);
    guest.run_once();
    // So that its TPM's state is its last when it is looked at.
    guest.run_transient_paused(&host);
    host.virsh(&["snapshot-create-as", "brief", "s1", "--disk-only"]);
    host.refresh_pools();
    let tpm = format!("/var/lib/libvirt/swtpm/{}", guest.uuid);
    let nvram = "/var/lib/libvirt/qemu/nvram/brief_VARS.fd";
    let state = hash(&host, &tpm);

    let undefine = ["undefine", "brief", "--remove-all-storage", "--yes"];
    assert_eq!(code(&host, 3, &undefine), "active-domain");
    let some = ["destroy", "brief", "--remove-all-storage", "--yes"];
    assert_eq!(code(&host, 3, &some), "snapshots-exist");
    assert!(host.is_running("brief") && !host.is_persistent("brief"));

    let words = ["destroy", "brief", "--remove-all-storage", "--all", "--yes"];
    host.retire(&words).expect(0);
    assert!(host.domains().iter().all(|name| name != "brief"));
    for path in [&tpm, nvram, guest.path("vda")] {
        assert!(!host.exists(path), "{path}");
    }

    // Without --start: all is there, and the domain is kept as a definition.
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert!(!host.is_running("brief") && host.is_persistent("brief"));
    assert_eq!(
        hash(&host, &tpm),
        state,
        "the TPM's state is the guest's last"
    );
    assert!(host.exists(nvram) && host.exists(guest.path("vda")));
    assert_eq!(host.virsh(&["snapshot-list", "brief", "--name"]), "s1");

    host.virsh(&["start", "brief"]);
    host.virsh(&["undefine", "brief", "--keep-nvram", "--keep-tpm"]);
    host.retire(&words).expect(0);
    host.retire(&["rollback", "2", "--start", "--yes"])
        .expect(0);
    assert!(host.is_running("brief") && !host.is_persistent("brief"));
    assert!(host.virsh(&["dumpxml", "brief"]).contains("owner.example"));
    host.virsh(&["destroy", "brief"]);
}

/// Asked, the guest goes by itself; its disks are taken as they are then, not as they were planned.
#[test]
fn a_graceful_stop_waits_for_the_guest() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("polite")
        .disk(Disk::unmanaged("polite.raw"))
        .define(&host);
    host.make_obedient(guest.path("vda"));
    guest.start();
    host.wait_until_it_listens("polite");
    let words = [
        "destroy",
        "polite",
        "--graceful",
        "--timeout",
        "120",
        "--remove-all-storage",
        "--yes",
    ];
    host.retire(&words).expect(0);
    assert!(!host.exists(guest.path("vda")));
    let log = host.shell("cat /var/log/libvirt/qemu/polite.log");
    assert!(log.contains("reason=shutdown"), "{log}");
    host.retire(&["rollback", "1", "--yes"]).expect(0);
}

/// A guest that does not listen: rolled back, still running, as it was; then it writes while it is
/// waited for.
#[test]
fn a_guest_that_does_not_listen_runs_on() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("deaf")
        .disk(Disk::unmanaged("deaf.raw"))
        .define(&host);
    guest.run_transient(&host);
    let words = [
        "destroy",
        "deaf",
        "--graceful",
        "--timeout",
        "1",
        "--remove-all-storage",
        "--yes",
    ];
    let outcome = host.retire(&words).expect(4);
    assert!(outcome.stderr.contains("runs on"), "{outcome}");
    assert!(!outcome.stderr.contains("had been stopped"), "{outcome}");
    assert!(host.is_running("deaf") && !host.is_persistent("deaf"));
    assert!(host.exists(guest.path("vda")));

    let words = [
        "destroy",
        "deaf",
        "--graceful",
        "--timeout",
        "600",
        "--remove-all-storage",
        "--yes",
    ];
    let waiting = host
        .retire_command(&words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    host.wait_for("the guest is defined for its end", || {
        host.is_persistent("deaf")
    });
    // What the guest writes until it ends is no stranger's hand.
    // What is not on the disk yet takes other blocks when it gets there.
    host.shell(&format!("echo more >> {0}; sync {0}", guest.path("vda")));
    let written = Identity::of_files(&host, &[guest.path("vda")]);
    host.virsh(&["destroy", "deaf"]);
    let output = waiting.wait_with_output().unwrap();
    crate::support::Outcome::new(words.join(" "), &output).expect(0);
    assert!(!host.exists(guest.path("vda")));
    host.retire(&["rollback", "2", "--yes"]).expect(0);
    assert_same(&written, &Identity::of_files(&host, &[guest.path("vda")]));
}

/// A step fails after the stop: all is back, the guest is off, and that is said.
#[test]
fn what_fails_after_the_stop_is_put_back_and_said() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("late")
        .disk(Disk::unmanaged("late-a.raw"))
        .disk(Disk::unmanaged("late-b.raw"))
        .define(&host);
    guest.run_transient(&host);
    let before = Identity::of_files(&host, &[guest.path("vda")]);
    let words = [
        "destroy",
        "late",
        "--graceful",
        "--timeout",
        "600",
        "--remove-all-storage",
        "--yes",
    ];
    let waiting = host
        .retire_command(&words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    host.wait_for("the guest is defined for its end", || {
        host.is_persistent("late")
    });
    let other = guest.path("vdb");
    host.shell(&format!("mv {other} {other}.aside; echo other > {other}"));
    host.virsh(&["destroy", "late"]);
    let output = waiting.wait_with_output().unwrap();
    let outcome = crate::support::Outcome::new(words.join(" "), &output).expect(4);
    assert!(outcome.stderr.contains("had been stopped"), "{outcome}");
    assert!(host.is_persistent("late"), "nothing of it is lost");
    assert!(!host.is_running("late"));
    assert_same(&before, &Identity::of_files(&host, &[guest.path("vda")]));
    host.shell(&format!("mv -f {other}.aside {other}"));
    host.retire(&["undefine", "late", "--remove-all-storage", "--yes"])
        .expect(0);
}

/// Found by `tests/simulation`: somebody undefines the guest after the plan was made. It is
/// transient from then on, and libvirt removes what it keeps of a transient guest (its TPM's state)
/// at its end.
#[test]
fn a_guest_that_somebody_undefines_meanwhile_is_not_stopped() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("firm").efi().define(&host);
    guest.start();
    let nvram = "/var/lib/libvirt/qemu/nvram/firm_VARS.fd";
    assert!(host.exists(nvram));
    let words = [
        "destroy",
        "firm",
        "--remove-all-storage",
        "--nvram",
        "--yes",
    ];
    let mut is_undefined = false;
    let ended = host.traced(&words, &mut |point| {
        if point.step.contains("save-definition") && !is_undefined {
            is_undefined = true;
            host.virsh(&["undefine", "firm", "--keep-nvram"]);
        }
        After::GoOn
    });
    assert!(is_undefined);
    assert_eq!(ended.code, 4, "{ended}");
    assert!(
        ended.stderr.contains("was undefined in the meantime"),
        "{ended}"
    );
    assert!(host.is_running("firm"));
    assert!(host.exists(nvram));
}
