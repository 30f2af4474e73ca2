//! Between the plan and the move the world goes on: somebody starts the guest, attaches its disk to
//! another, opens it, or puts another file under its name. Whoever trusts the plan then takes a disk
//! away under a running guest. Each such moment here: everything is back, exit 4, or the retirement
//! came first and is whole.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::{Disk, GuestBuilder, Identity, Outcome, PrivateHost, assert_same};

const UNDEFINE: [&str; 4] = ["undefine", "web", "--remove-all-storage", "--yes"];

/// Where the program is held up once the domain is undefined.
const AT_THE_LAST_LOOK: &str = "openat2:delay_exit=700000";
const AT_THE_MOVE: &str = "renameat2:delay_enter=700000";

/// Runs undefine, slowed down by strace; `meanwhile` happens as soon as the domain is undefined.
/// Returns how it ended.
fn in_between(host: &PrivateHost, disk: &str, held_up: &str, meanwhile: impl FnOnce()) -> Outcome {
    let mut command = host.command("strace");
    command.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("inject={held_up}"),
    ]);
    if held_up == AT_THE_LAST_LOOK {
        command.args(["-P", disk]);
    }
    command
        .args([support::retire::BINARY, "--state-dir", &host.state])
        .args(UNDEFINE)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    while host.domains().contains(&"web".to_owned()) {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it began"
        );
    }
    meanwhile();
    let output = child.wait_with_output().unwrap();
    Outcome::new(
        format!("strace virt-retire {}", UNDEFINE.join(" ")),
        &output,
    )
}

#[test]
fn a_disk_attached_elsewhere_after_the_undefine() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web")
        .disk(Disk::pool("web.qcow2"))
        .define(&host);
    let before = Identity::capture(&host, "web", &[]);
    let xml = host
        .virsh(&["dumpxml", "web"])
        .replace("<name>web<", "<name>thief<");
    let uuid = format!("<uuid>{}</uuid>", guest.uuid);
    let xml = host.scratch(&xml.replace(&uuid, ""));
    let outcome = in_between(&host, guest.path("vda"), AT_THE_LAST_LOOK, || {
        host.virsh(&["define", &xml]);
    });
    assert_eq!(outcome.code, 4, "{outcome}");
    assert!(outcome.stderr.contains("thief"), "{outcome}");
    assert_same(&before, &Identity::capture(&host, "web", &[]));
}

#[test]
fn a_process_that_opens_it_after_the_undefine() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web")
        .disk(Disk::pool("web.qcow2"))
        .define(&host);
    let before = Identity::capture(&host, "web", &[]);
    // Before the last look, and after it, when the move is under way.
    for moment in [AT_THE_LAST_LOOK, AT_THE_MOVE] {
        let mut file = None;
        let outcome = in_between(&host, guest.path("vda"), moment, || {
            file = Some(std::fs::File::open(host.path(guest.path("vda"))).unwrap());
        });
        assert_eq!(outcome.code, 4, "{moment}: {outcome}");
        drop(file);
        assert_same(&before, &Identity::capture(&host, "web", &[]));
    }
}

#[test]
fn another_file_under_its_name_after_the_undefine() {
    let host = PrivateHost::start();
    for swap in [
        "cp -p D D.mine; rm D; mv D.mine D",
        "mv D D.old; ln -s D.old D",
    ] {
        let guest = GuestBuilder::new("web")
            .disk(Disk::unmanaged("web.raw"))
            .define(&host);
        let path = guest.path("vda");
        let outcome = in_between(&host, path, AT_THE_LAST_LOOK, || {
            host.shell(&swap.replace('D', path));
        });
        assert_eq!(outcome.code, 4, "{swap}: {outcome}");
        assert_eq!(host.domains(), ["web"]);
        assert!(host.exists(path), "{outcome}");
        host.virsh(&["undefine", "web"]);
        host.shell(&format!("rm -f {path} {path}.old"));
    }
}

/// As often as it takes to hit every moment: the guest is started, over and over, while it is
/// retired. Either it was retired whole, or it is there whole.
#[test]
fn a_guest_that_is_started_meanwhile_is_retired_whole_or_not_at_all() {
    let host = PrivateHost::start();
    let (mut retired, mut kept) = (0, 0);
    for round in 0..16 {
        let name = format!("race{round}");
        let guest = GuestBuilder::new(&name)
            .disk(Disk::pool(&format!("{name}.qcow2")))
            .disk(Disk::unmanaged(&format!("{name}.raw")))
            .define(&host);
        let over = AtomicBool::new(false);
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| {
                // Later in each round, to come upon every step.
                std::thread::sleep(Duration::from_millis(25 * round));
                while !over.load(Ordering::Relaxed) {
                    if host.try_virsh(&["start", &name]).code == 0 {
                        return;
                    }
                }
            });
            let outcome = host.retire(&["undefine", &name, "--remove-all-storage", "--yes"]);
            over.store(true, Ordering::Relaxed);
            outcome
        });
        let there = host.domains().contains(&name);
        let files = guest
            .disks
            .iter()
            .filter(|(_, path)| host.exists(path))
            .count();
        match outcome.code {
            0 => {
                retired += 1;
                assert!(
                    !there && files == 0,
                    "round {round}: half of it is left\n{outcome}"
                );
            }
            3 | 4 => {
                kept += 1;
                assert!(
                    there && files == 2,
                    "round {round}: half of it is gone\n{outcome}"
                );
                // Persistent as before, and nothing open in the journal.
                host.try_virsh(&["destroy", &name]);
                assert!(
                    host.domains().contains(&name),
                    "round {round}: it was left transient"
                );
                host.virsh(&["start", &name]);
                host.virsh(&["destroy", &name]);
            }
            _ => panic!("round {round}: {outcome}"),
        }
        let open = host.retire_json(&["list"]).expect(0).json();
        for one in open["transactions"].as_array().unwrap() {
            let state = one["state"].as_str().unwrap();
            assert!(matches!(state, "committed" | "rolled-back"), "{open:#}");
        }
    }
    eprintln!("{retired} retired, {kept} kept");
}
