//! If this fails there is an instant at which a kill of `destroy` leaves a transient guest dead, its
//! definition lost with it, and its disks behind: half a domain that no command knows.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashSet;

use support::tracer::After;
use support::{Disk, Guest, GuestBuilder, Identity, PrivateHost, assert_same};

const WORDS: [&str; 4] = ["destroy", "brief", "--remove-all-storage", "--yes"];

/// As it was: running, transient.
fn run_again(host: &PrivateHost, guest: &Guest, xml: &str) {
    if host.is_running("brief") {
        assert!(
            !host.is_persistent("brief"),
            "a guest that runs on is transient again"
        );
        return;
    }
    if host.try_virsh(&["domstate", "brief"]).code == 0 {
        host.virsh(&["undefine", &guest.name]);
    }
    host.virsh(&["create", &host.scratch(xml)]);
}

/// Killed once at every class of change; then one `recover`.
#[test]
fn a_killed_destroy_leaves_a_transient_guest_whole_or_wholly_retired() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("brief")
        .disk(Disk::pool("brief.qcow2"))
        .disk(Disk::unmanaged("brief.raw"))
        .define(&host);
    let xml = host.virsh(&["dumpxml", "brief", "--inactive", "--security-info"]);
    guest.run_transient(&host);
    let files = || Identity::of_files(&host, &[guest.path("vda"), guest.path("vdb")]);
    let before = files();

    // Which changes there are, by one run that nobody disturbs.
    let whole = host.traced(&WORDS, &mut |_| After::GoOn);
    assert_eq!(whole.code, 0, "{whole}");
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    run_again(&host, &guest, &xml);
    let mut seen = HashSet::new();
    let points: Vec<usize> = whole
        .points
        .iter()
        .filter(|point| seen.insert(point.class()))
        .map(|point| point.number)
        .collect();
    assert!(points.len() > 8, "{whole}");
    // All of them by `make sweep`.
    let every = if support::sweep::is_full() {
        1
    } else {
        points.len().div_ceil(14)
    };
    let points = points.into_iter().step_by(every);

    let (mut ran_on, mut came_back, mut retired) = (0, 0, 0);
    for number in points {
        let kill = &mut |point: &support::tracer::Point| match point.number == number {
            true => After::Kill,
            false => After::GoOn,
        };
        let killed = host.traced(&WORDS, kill);
        if killed.code == 0 && killed.points.len() < number {
            // Not every run makes the same number of changes; this one had ended before.
            let list = host.retire_json(&["list"]).expect(0).json();
            let id = list["transactions"].as_array().unwrap().len().to_string();
            host.retire(&["rollback", &id, "--yes"]).expect(0);
            run_again(&host, &guest, &xml);
            continue;
        }
        assert_eq!(killed.code, 137, "point {number}: {killed}");
        host.retire(&["recover", "--yes"]).expect(0);
        host.retire(&["recover", "--yes"]).expect(0);
        if host.is_running("brief") {
            ran_on += 1;
        } else if host.domains().iter().any(|name| name == "brief") {
            // Nothing gives the dead guest back; its definition and storage are there.
            came_back += 1;
        } else {
            retired += 1;
            let list = host.retire_json(&["list"]).expect(0).json();
            let last = list["transactions"]
                .as_array()
                .unwrap()
                .last()
                .unwrap()
                .clone();
            assert_eq!(last["state"], "committed", "point {number}: {killed}");
            assert!(!host.exists(guest.path("vda")) && !host.exists(guest.path("vdb")));
            host.retire(&["rollback", &last["id"].to_string(), "--yes"])
                .expect(0);
        }
        assert_same(&before, &files());
        run_again(&host, &guest, &xml);
    }
    assert!(
        ran_on > 0 && came_back > 0,
        "{ran_on} {came_back} {retired}"
    );
}
