//! The tests of the tests' own tools. If these fail, every other test may pass while an operator
//! loses a guest: an identity check that notices nothing, a power cut that loses nothing, a kill
//! that never strikes, or guests of a dead test that go on writing on the developer's machine.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Disk, Fault, GuestBuilder, Identity, PrivateHost, assert_same};

#[test]
fn a_guest_with_two_disks_starts_and_its_identity_equals_itself() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web1")
        .disk(Disk::pool("system.qcow2"))
        .disk(Disk::unmanaged("data.raw"))
        .disk(Disk::volume("logs.raw"))
        .disk(Disk::unmanaged("tools.iso").cdrom())
        .disk(Disk::unmanaged("boot.img").floppy().size_mib(1))
        .vnc_password("geheim")
        .described()
        .autostart()
        .define(&host);
    let defined = Identity::capture(&host, "web1", &[]);
    // Access times too: the second look must not see the first.
    assert_same(&defined, &Identity::capture(&host, "web1", &[]));
    guest.run_once();
    assert_eq!(host.domains(), ["web1"]);
    let volumes = host.virsh(&["vol-list", "default"]);
    assert!(
        volumes.contains("system.qcow2") && volumes.contains("logs.raw"),
        "{volumes}"
    );
}

/// A guest with everything a rollback must bring back, each kind made as an operator makes it.
#[test]
fn everything_that_libvirt_keeps_is_in_the_identity() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("full")
        .disk(Disk::pool("full.qcow2"))
        .efi()
        .tpm()
        .define(&host);
    guest.snapshot_disk_only("snap1");
    guest.checkpoints(&["check1", "check2"]);
    guest.start();
    let memory = guest.snapshot_with_memory("snap2");
    guest.stop();
    host.virsh(&["autostart", "full", "--once"]);
    let save = guest.managed_save();
    let t = Instant::now();
    let identity = Identity::capture(&host, "full", &[]);
    eprintln!("capture {:?}", t.elapsed());
    let nvram = "/var/lib/libvirt/qemu/nvram/full_VARS.fd";
    let tpm = format!("/var/lib/libvirt/swtpm/{}/tpm2/tpm2-00.permall", guest.uuid);
    // The chain is base, snap1's overlay, snap2's overlay.
    let overlay = |name: &str| format!("{}/full.{name}", host.pool);
    for path in [
        guest.path("vda"),
        nvram,
        &tpm,
        &save,
        &memory,
        &overlay("snap1"),
        &overlay("snap2"),
    ] {
        let fact = format!("file {path}: bytes");
        assert!(identity.fact(&fact).is_some(), "no {fact} in {identity:#?}");
    }
    assert_eq!(identity.fact("domain: Autostart Once"), Some("enable"));
    assert_eq!(identity.fact("snapshots: current"), Some("snap2"));
    assert_eq!(identity.fact("snapshot snap2: parent"), Some("snap1"));
    assert_eq!(identity.fact("checkpoint check2: parent"), Some("check1"));
    assert_eq!(identity.fact("checkpoints: current"), Some("check2"));
    // What lies on the disk is what libvirt knows: a new daemon says the same.
    host.restart_libvirtd();
    assert_same(&identity, &Identity::capture(&host, "full", &[]));
}

#[test]
fn internal_snapshots_form_a_tree() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("tree")
        .disk(Disk::volume("tree.qcow2"))
        .define(&host);
    guest.snapshot_internal("root");
    guest.snapshot_internal("left");
    host.virsh(&["snapshot-revert", "tree", "root"]);
    guest.snapshot_internal("right");
    let identity = Identity::capture(&host, "tree", &[]);
    assert_eq!(identity.fact("snapshot left: parent"), Some("root"));
    assert_eq!(identity.fact("snapshot right: parent"), Some("root"));
    assert_eq!(identity.fact("snapshots: current"), Some("right"));
}

#[test]
fn a_power_cut_loses_what_was_not_synced_and_keeps_the_rest() {
    for kind in ["xfs", "ext4"] {
        let (host, medium) = PrivateHost::start_on(kind);
        let (kept, lost) = (medium.path("kept"), medium.path("lost"));
        std::fs::write(host.path(&kept), "kept").unwrap();
        medium.sync(&host);
        std::fs::write(host.path(&lost), "lost").unwrap();
        medium.cut_power(&host);
        assert!(
            std::fs::read(host.path(&kept)).is_err(),
            "{kind}: no access without power"
        );
        medium.remount(&host);
        assert_eq!(
            std::fs::read_to_string(host.path(&kept)).unwrap(),
            "kept",
            "{kind}"
        );
        assert!(
            !host.exists(&lost),
            "{kind}: a file that was not synced survived"
        );
    }
}

#[test]
fn what_was_synced_keeps_its_identity_through_a_power_cut() {
    let (host, medium) = PrivateHost::start_on("xfs");
    let guest = GuestBuilder::new("web1")
        .disk(Disk::pool("a.qcow2"))
        .disk(Disk::unmanaged("b.raw"))
        .define(&host);
    guest.run_once();
    medium.sync(&host);
    let before = Identity::capture(&host, "web1", &[]);
    medium.cut_power(&host);
    medium.remount(&host);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
    guest.run_once();
}

#[test]
fn the_program_runs_inside_and_is_traced() {
    let host = PrivateHost::start();
    host.retire(&["--version"]).expect(0);
    let trace = host.trace("execve", &["--version"]);
    assert!(trace.calls[0].contains("virt-retire"), "{:#?}", trace.calls);
    assert_eq!(host.count("execve", &["--version"]), 1);
}

#[test]
fn a_daemon_that_is_killed_comes_back_with_its_guests() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web1")
        .disk(Disk::pool("a.raw"))
        .define(&host);
    guest.start();
    host.kill_libvirtd();
    assert_ne!(host.try_virsh(&["list"]).code, 0);
    host.start_libvirtd();
    assert_eq!(guest.state(), "running");
}

#[test]
fn a_full_disk_and_another_file_system_are_real() {
    let host = PrivateHost::start();
    let small = host.filesystem_of("ext4", 8);
    let full = host.run(&[
        "dd",
        "if=/dev/zero",
        &format!("of={}", small.path("zeros")),
        "bs=1M",
    ]);
    assert!(full.stderr.contains("No space left"), "{full}");
    std::fs::write(host.path("/var/lib/libvirt/images/here"), "").unwrap();
    let moved = std::fs::rename(
        host.path("/var/lib/libvirt/images/here"),
        host.path(small.path("there")),
    );
    assert_eq!(
        moved.unwrap_err().kind(),
        std::io::ErrorKind::CrossesDevices
    );
    // And where virt-retire works by default, files move by rename.
    let quarantined = host.path("/var/lib/virt-retire/here");
    std::fs::rename(host.path("/var/lib/libvirt/images/here"), quarantined).unwrap();
}

#[test]
fn a_fault_strikes_where_it_should() {
    let host = PrivateHost::start();
    let (old, new) = (
        format!("{}/old", host.images),
        format!("{}/new", host.images),
    );
    let there = || (host.exists(&old), host.exists(&new));
    std::fs::write(host.path(&old), "").unwrap();
    let step = ["mv", "-T", old.as_str(), new.as_str()];

    let kill = host.strace("renameat2", Some(&Fault::kill("renameat2", 1)), &step);
    assert!(kill.struck() && kill.outcome.killed(), "{}", kill.outcome);
    assert_eq!(
        there(),
        (true, false),
        "killed before the call had its effect"
    );
    let error = host.strace(
        "renameat2,rename",
        Some(&Fault::error("renameat2,rename", "ENOSPC", 0)),
        &step,
    );
    assert!(
        error.struck() && error.outcome.stderr.contains("No space left"),
        "{}",
        error.outcome
    );
    assert_eq!(there(), (true, false));
    // A fault beyond the last call strikes nothing, and says so.
    let late = host.strace("renameat2", Some(&Fault::kill("renameat2", 2)), &step);
    assert!(!late.struck() && late.outcome.code == 0, "{}", late.outcome);
    assert_eq!(there(), (false, true));

    // Two processes with one call each: the busiest thread makes one, so faults at 1 reach them
    // all.
    let twice = format!("mv -T {new} {old}; mv -T {old} {new}; true");
    assert_eq!(
        host.strace("renameat2", None, &["bash", "-c", &twice])
            .busiest(),
        1
    );
}

#[test]
fn a_terminal_is_one_and_takes_answers() {
    let host = PrivateHost::start();
    let asks = "[ -t 0 ] && [ -t 1 ] && read -p 'sure? ' word && echo \"got '$word'\"; exit 3";
    let outcome = host
        .on_terminal(&["bash", "-c", asks], "sure? ", || "y\n")
        .expect(3);
    assert!(
        outcome.stdout.contains("sure? ") && outcome.stdout.contains("got 'y'"),
        "{outcome}"
    );
    host.run(&["test", "-t", "0"]).expect(1);
}

/// Not a test: the process that the next test kills.
#[test]
#[ignore = "runs only as a child of a_killed_test_leaves_nothing"]
fn hold_a_running_guest_until_killed() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("orphan")
        .disk(Disk::pool("orphan.raw"))
        .tpm()
        .define(&host);
    guest.start();
    println!(
        "holding {} {} {}",
        host.pid,
        guest.uuid,
        host.folder.display()
    );
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn a_killed_test_leaves_nothing() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "harness::hold_a_running_guest_until_killed",
            "--ignored",
            "--exact",
            "--nocapture",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines
        .map(Result::unwrap)
        .find(|line| line.contains("holding "))
        .expect("a host");
    let mut words = line.rsplit(' ');
    let (folder, uuid) = (
        words.next().unwrap().to_owned(),
        words.next().unwrap().to_owned(),
    );
    assert!(processes_naming(&uuid) > 0, "QEMU should run: {line}");
    assert!(
        processes_naming(&folder) > 0,
        "the harness should run: {line}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while Path::new(&folder).exists() || processes_naming(&uuid) + processes_naming(&folder) > 0 {
        assert!(
            Instant::now() < end,
            "{folder} or a process of it is still there"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How many processes have this text in their command line or environment.
fn processes_naming(text: &str) -> usize {
    let naming = |process: &std::fs::DirEntry| {
        ["cmdline", "environ"].iter().any(|file| {
            let bytes = std::fs::read(process.path().join(file)).unwrap_or_default();
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        })
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(naming)
        .count()
}
