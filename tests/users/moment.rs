//! Between the plan and the move the world goes on: somebody starts the guest, attaches its disk to
//! another, opens it, or puts another file under its name. Whoever trusts the plan then takes a
//! disk away under a running guest. Each such moment here: everything is back, exit 4, or the
//! retirement came first and is whole.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::tracer::{After, Traced};
use crate::support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

const UNDEFINE: [&str; 4] = ["undefine", "web", "--remove-all-storage", "--yes"];

/// Where the program stands still once the domain is undefined.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    /// Before the disk is looked at for the last time.
    BeforeTheLastLook,
    /// It has been found, and the kernel is about to be asked who has it open.
    WithinTheLastLook,
    /// All has been looked at, and it is about to be moved.
    AtTheMove,
}

const EACH: [Moment; 3] = [
    Moment::BeforeTheLastLook,
    Moment::WithinTheLastLook,
    Moment::AtTheMove,
];

/// Runs undefine; `meanwhile` happens at that moment, and the program goes on when it has happened.
/// Returns how it ended.
#[track_caller]
fn in_between(host: &PrivateHost, disk: &str, moment: Moment, meanwhile: impl FnOnce()) -> Traced {
    let mut meanwhile = Some(meanwhile);
    let mut found = false;
    let ran = host.traced_looking(&UNDEFINE, &mut |point| {
        if !point.step.starts_with("do quarantine-disk") {
            return After::GoOn;
        }
        let of_the_disk = |call: &str| point.call == call && point.target == disk;
        let is_it = match moment {
            Moment::BeforeTheLastLook => of_the_disk("openat2"),
            Moment::WithinTheLastLook => found && point.call == "openat",
            Moment::AtTheMove => of_the_disk("renameat2"),
        };
        found |= of_the_disk("openat2");
        if is_it && let Some(meanwhile) = meanwhile.take() {
            assert!(host.domains().is_empty(), "it is undefined by now");
            meanwhile();
        }
        After::GoOn
    });
    assert!(meanwhile.is_none(), "{moment:?} never came: {ran:#?}");
    ran
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
    for moment in EACH {
        let outcome = in_between(&host, guest.path("vda"), moment, || {
            host.virsh(&["define", &xml]);
        });
        assert_eq!(outcome.code, 4, "{moment:?}: {outcome}");
        assert!(outcome.stderr.contains("thief"), "{outcome}");
        assert_same(&before, &Identity::capture(&host, "web", &[]));
        host.virsh(&["undefine", "thief"]);
    }
}

#[test]
fn a_process_that_opens_it_after_the_undefine() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web")
        .disk(Disk::pool("web.qcow2"))
        .define(&host);
    let before = Identity::capture(&host, "web", &[]);
    for moment in EACH {
        let mut file = None;
        let outcome = in_between(&host, guest.path("vda"), moment, || {
            file = Some(std::fs::File::open(host.path(guest.path("vda"))).unwrap());
        });
        assert_eq!(outcome.code, 4, "{moment:?}: {outcome}");
        drop(file);
        assert_same(&before, &Identity::capture(&host, "web", &[]));
    }
}

#[test]
fn another_file_under_its_name_after_the_undefine() {
    let host = PrivateHost::start();
    let swaps = [
        "cp -p D D.mine; rm D; mv D.mine D",
        "mv D D.old; ln -s D.old D",
    ];
    for (swap, moment) in swaps.iter().flat_map(|swap| EACH.map(|it| (swap, it))) {
        let guest = GuestBuilder::new("web")
            .disk(Disk::unmanaged("web.raw"))
            .define(&host);
        let path = guest.path("vda");
        let outcome = in_between(&host, path, moment, || {
            host.shell(&swap.replace('D', path));
        });
        assert_eq!(outcome.code, 4, "{swap} {moment:?}: {outcome}");
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

#[test]
fn a_file_put_in_a_disks_place_between_the_moves_is_told() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web")
        .disk(Disk::unmanaged("first.raw"))
        .disk(Disk::unmanaged("second.raw"))
        .define(&host);
    let first = guest.path("vda").to_owned();
    let ran = in_between(&host, guest.path("vdb"), Moment::AtTheMove, || {
        host.shell(&format!("echo foreign >{first}"));
    });
    assert_eq!(ran.code, 0, "{ran}");
    assert!(
        ran.stdout
            .contains(&format!("{first} is another file by now")),
        "{ran}"
    );
    host.retire(&["rollback", "1", "--yes"]).expect(3);
    host.shell(&format!("rm {first}"));
    host.retire(&["rollback", "1", "--yes"]).expect(0);
}
