//! A world that moves while a domain is retired: somebody defines it again, undefines it first,
//! puts an overlay on its disk, or builds a new guest on what a crash has left. If these tests
//! fail, a domain is there without its disks, or another's disk is in quarantine.

use std::fs;

use crate::support::tracer::{After, Point, Traced};
use crate::support::{Disk, Guest, GuestBuilder, Identity, PrivateHost, assert_same};

const UNDEFINE: [&str; 4] = ["undefine", "web", "--remove-all-storage", "--yes"];

fn two_disks(host: &PrivateHost) -> Guest<'_> {
    GuestBuilder::two_disks("web").define(host)
}

/// The secure inactive XML, as a file inside the host.
fn xml(host: &PrivateHost, name: &str) -> String {
    host.scratch(&host.virsh(&["dumpxml", "--inactive", "--security-info", name]))
}

/// The XML of a guest of another UUID, and of another name if one is given, on the same disks.
fn sibling(host: &PrivateHost, guest: &Guest, name: &str) -> String {
    let xml = host.virsh(&["dumpxml", "--inactive", "web"]);
    let uuid = format!("<uuid>{}</uuid>", guest.uuid);
    let name = format!("<name>{name}</name>");
    host.scratch(&xml.replace(&uuid, "").replace("<name>web</name>", &name))
}

/// By their ids.
fn states(host: &PrivateHost) -> Vec<String> {
    let listed = host.retire_json(&["list"]).expect(0).json();
    let mut all = listed["transactions"].as_array().unwrap().clone();
    all.sort_by_key(|one| one["id"].as_u64());
    let word = |one: &serde_json::Value| one["state"].as_str().unwrap().to_owned();
    all.iter().map(word).collect()
}

/// Runs `words`; `meanwhile` happens at the first point that `is_it`.
#[track_caller]
fn when(
    host: &PrivateHost,
    words: &[&str],
    is_it: impl Fn(&Point) -> bool,
    meanwhile: impl FnOnce(),
) -> Traced {
    let mut meanwhile = Some(meanwhile);
    let ran = host.traced(words, &mut |point| {
        if is_it(point)
            && let Some(meanwhile) = meanwhile.take()
        {
            meanwhile();
        }
        After::GoOn
    });
    assert!(meanwhile.is_none(), "that moment never came: {ran:#?}");
    ran
}

/// Where the program stands still.
type Moment = Box<dyn Fn(&Point) -> bool>;

fn at_step(step: &'static str) -> impl Fn(&Point) -> bool {
    move |point| point.step.starts_with(step)
}

fn at_move(nth: &'static str) -> impl Fn(&Point) -> bool {
    move |point| point.call == "renameat2" && point.target.ends_with(nth)
}

#[test]
fn a_domain_that_is_defined_again_in_the_middle_comes_back_whole() {
    let host = PrivateHost::start();
    two_disks(&host);
    let before = Identity::capture(&host, "web", &[]);
    let xml = xml(&host, "web");
    let moments: [Moment; 4] = [
        Box::new(at_step("do confirm-inactive")),
        Box::new(at_move("system.qcow2")),
        Box::new(at_move("data.raw")),
        // After the last move.
        Box::new(at_step("do refresh-pool")),
    ];
    for (number, moment) in moments.iter().enumerate() {
        let ended = when(&host, &UNDEFINE, moment, || {
            host.virsh(&["define", &xml]);
        });
        assert_eq!(ended.code, 4, "moment {number}: {ended}");
        assert!(ended.stderr.contains("defined"), "{ended}");
        assert_same(&before, &Identity::capture(&host, "web", &[]));
    }
    assert_eq!(states(&host), ["rolled-back"; 4]);
}

/// After the last move: prepared and committed are one record, and the look is right before it.
/// What waits between the two is asked of `commit`.
#[test]
fn it_is_looked_for_again_before_the_decision() {
    let host = PrivateHost::start();
    GuestBuilder::new("web")
        .disk(Disk::unmanaged("web.raw"))
        .define(&host);
    let before = Identity::capture(&host, "web", &[]);
    let xml = xml(&host, "web");
    let mut moved = 0;
    let mut is_done = false;
    let ended = host.traced(&UNDEFINE, &mut |point| {
        if point.call == "renameat2" && point.target.ends_with("web.raw") {
            moved = point.number;
        }
        if moved > 0 && point.number > moved && !is_done {
            is_done = true;
            host.virsh(&["define", &xml]);
        }
        After::GoOn
    });
    assert!(is_done);
    assert_eq!(ended.code, 4, "{ended}");
    assert_same(&before, &Identity::capture(&host, "web", &[]));
}

#[test]
fn a_guest_that_runs_on_after_its_definition_went_is_not_defined() {
    let host = PrivateHost::start();
    two_disks(&host);
    host.virsh(&["start", "web"]);
    let keep = ["undefine", "web", "--keep-storage", "--yes"];
    host.retire(&[&keep[..], &["--prepare"]].concat()).expect(0);
    host.retire(&["commit", "1", "--yes"]).expect(0);
    assert_eq!(states(&host), ["committed"]);
    host.virsh(&["destroy", "web"]);
    assert!(host.domains().is_empty());
}

#[test]
fn somebody_else_who_undefines_it_first_is_not_undone() {
    let host = PrivateHost::start();
    let guest = two_disks(&host);
    let ended = when(&host, &UNDEFINE, at_step("do undefine"), || {
        host.virsh(&["undefine", "web"]);
        // As another retirement would.
        host.shell(&format!("mv {0} {0}.elsewhere", guest.path("vda")));
    });
    assert_eq!(ended.code, 4, "{ended}");
    assert!(host.domains().is_empty(), "half a domain: {ended}");
    assert!(host.exists(guest.path("vdb")), "{ended}");
    assert_eq!(states(&host), ["rolled-back"]);
    host.retire(&["recover", "--yes"]).expect(0);
    assert!(host.domains().is_empty());
}

/// The same with what hangs on a definition, none of which there is a domain for any more.
#[test]
fn nor_is_anything_put_back_that_hung_on_the_definition() {
    let host = PrivateHost::start();
    GuestBuilder::new("web")
        .disk(Disk::pool("web.qcow2"))
        .autostart()
        .define(&host);
    host.virsh(&["snapshot-create-as", "web", "first"]);
    let undefine = [&UNDEFINE[..], &["--snapshots-metadata"]].concat();
    let ended = when(&host, &undefine, at_step("do undefine"), || {
        host.virsh(&["undefine", "web", "--snapshots-metadata"]);
    });
    assert_eq!(ended.code, 4, "{ended}");
    assert!(host.domains().is_empty(), "{ended}");
    assert_eq!(states(&host), ["rolled-back"]);
}

#[test]
fn what_was_prepared_is_not_committed_over_a_domain_that_is_back() {
    let host = PrivateHost::start();
    let guest = two_disks(&host);
    let before = Identity::capture(&host, "web", &[]);
    let same = xml(&host, "web");
    let renamed = host.virsh(&["dumpxml", "--inactive", "web"]);
    let renamed = host.scratch(&renamed.replace("<name>web</name>", "<name>new</name>"));
    let other = sibling(&host, &guest, "other");
    let prepare = [&UNDEFINE[..], &["--prepare"]].concat();
    host.retire(&prepare).expect(0);
    let refused = |code: &str| {
        let refused = host.retire_json(&["commit", "1", "--yes"]).expect(3);
        assert_eq!(refused.json_error()["error"]["code"], code, "{refused}");
        assert_eq!(states(&host), ["prepared"]);
    };
    host.virsh(&["define", &same]);
    refused("name-taken");
    host.virsh(&["undefine", "web"]);
    // Its UUID is what it is.
    host.virsh(&["define", &renamed]);
    refused("name-taken");
    host.virsh(&["undefine", "new"]);
    // Another domain's by now.
    host.virsh(&["define", &other]);
    refused("in-use");
    host.virsh(&["undefine", "other"]);
    let place = host.path(guest.path("vdb"));
    fs::write(&place, "another").unwrap();
    refused("path-occupied");
    fs::remove_file(&place).unwrap();
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web", &[]));
    host.retire(&prepare).expect(0);
    // Of the same name, and another domain.
    GuestBuilder::new("web").define(&host);
    host.retire(&["commit", "2", "--yes"]).expect(0);
}

/// An overlay that nobody has attached is a user too, from the moment that it is made.
#[test]
fn an_overlay_made_since_the_survey() {
    let host = PrivateHost::start();
    let guest = two_disks(&host);
    let before = Identity::capture(&host, "web", &[]);
    let create = |base: &str, overlay: &str| {
        let format = if base.ends_with("raw") {
            "raw"
        } else {
            "qcow2"
        };
        let made = format!("qemu-img create -q -f qcow2 -b {base} -F {format} {overlay}");
        host.shell(&made);
    };
    let (pooled, beside) = (guest.path("vda"), guest.path("vdb"));
    let in_pool = format!("{}/ov.qcow2", host.pool);
    let in_images = format!("{}/ov.qcow2", host.images);
    let moments: [(&str, Moment); 3] = [
        (
            "do save-definition",
            Box::new(at_step("do save-definition")),
        ),
        ("do undefine", Box::new(at_step("do undefine"))),
        ("the first move", Box::new(at_move("system.qcow2"))),
    ];
    for (base, overlay) in [(pooled, &in_pool), (beside, &in_images), (beside, &in_pool)] {
        for (name, moment) in &moments {
            let ended = when(&host, &UNDEFINE, moment, || create(base, overlay));
            assert_eq!(ended.code, 4, "{base} {overlay} {name}: {ended}");
            assert!(ended.stderr.contains("ov.qcow2"), "{ended}");
            host.shell(&format!("rm {overlay}"));
            host.refresh_pools();
            assert_same(&before, &Identity::capture(&host, "web", &[]));
        }
    }
}

/// Kills the undefine at its `nth` move, which has not happened then.
#[track_caller]
fn killed_at_move(host: &PrivateHost, nth: usize) {
    let mut met = 0;
    let killed = host.traced(&UNDEFINE, &mut |point| {
        let is_move = point.step.starts_with("do quarantine") && point.call == "renameat2";
        met += usize::from(is_move);
        if met == nth { After::Kill } else { After::GoOn }
    });
    assert_eq!(killed.code, 137, "{killed}");
}

#[test]
fn a_new_guest_on_the_disks_that_a_crash_left_keeps_them() {
    for (nth, runs) in [(1, false), (2, false), (1, true)] {
        let host = PrivateHost::start();
        let guest = two_disks(&host);
        let new = sibling(&host, &guest, "web");
        killed_at_move(&host, nth);
        host.virsh(&["define", &new]);
        if runs {
            host.virsh(&["start", "web"]);
        }
        let uuid = host.virsh(&["domuuid", "web"]);
        assert_ne!(uuid, guest.uuid);
        let recovered = host.retire_json(&["recover", "--yes"]).expect(0);
        let one = recovered.json()["transactions"][0].clone();
        assert_eq!(one["recovery"], "finished", "{recovered}");
        for target in ["vda", "vdb"] {
            let path = guest.path(target);
            assert!(
                host.exists(path),
                "{path} was taken, move {nth}: {recovered}"
            );
            let shown = host.retire(&["show", "1"]).expect(0);
            assert!(shown.stdout.contains(path), "{shown}");
        }
        assert_eq!(host.virsh(&["domuuid", "web"]), uuid);
        if !runs {
            host.virsh(&["start", "web"]);
        }
        assert_eq!(states(&host), ["committed"]);
        // Done is done: the next boot leaves the new guest alone, too.
        host.retire(&["recover", "--yes"]).expect(0);
        assert!(host.exists(guest.path("vda")) && host.exists(guest.path("vdb")));
        let mut verdict = host.retire_json(&["rollback", "1", "--yes"]).expect(3);
        assert_eq!(verdict.json_error()["error"]["code"], "name-taken");
        // When the new one is gone, the old one comes back to its disks.
        host.virsh(&["destroy", "web"]);
        host.virsh(&["undefine", "web"]);
        verdict = host.retire(&["rollback", "1", "--yes"]).expect(0);
        assert_eq!(host.virsh(&["domuuid", "web"]), guest.uuid, "{verdict}");
    }
}

#[test]
fn a_new_guest_of_another_name_beside_the_one_that_comes_back() {
    let host = PrivateHost::start();
    let guest = two_disks(&host);
    let new = sibling(&host, &guest, "new");
    let renamed = host.virsh(&["dumpxml", "--inactive", "web"]);
    let renamed = host.scratch(&renamed.replace("<name>web</name>", "<name>renamed</name>"));
    killed_at_move(&host, 1);
    host.virsh(&["define", &new]);
    host.retire(&["recover", "--yes"]).expect(0);
    assert_eq!(host.domains(), ["new", "web"]);
    assert!(host.exists(guest.path("vda")) && host.exists(guest.path("vdb")));
    host.virsh(&["undefine", "new"]);
    killed_at_move(&host, 2);
    host.virsh(&["define", &renamed]);
    host.retire(&["recover", "--yes"]).expect(0);
    assert_eq!(host.domains(), ["renamed"]);
    assert!(host.exists(guest.path("vda")) && host.exists(guest.path("vdb")));
    assert_eq!(states(&host), ["rolled-back", "rolled-back"]);
}

/// Neither direction can be had: the domain is defined, by somebody else, and a file's place is
/// taken.
#[test]
fn a_recovery_that_cannot_go_back_takes_nothing_from_a_domain_that_is_back() {
    let host = PrivateHost::start();
    let guest = two_disks(&host);
    let before = Identity::capture(&host, "web", &[]);
    let same = xml(&host, "web");
    killed_at_move(&host, 2);
    host.virsh(&["define", &same]);
    let place = host.path(guest.path("vda"));
    fs::write(&place, "another").unwrap();
    host.retire(&["recover", "--yes"]).expect(5);
    assert_eq!(states(&host), ["stuck"]);
    assert!(host.exists(guest.path("vdb")));
    assert_eq!(host.domains(), ["web"]);
    fs::remove_file(&place).unwrap();
    host.retire(&["recover", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web", &[]));
}

/// A file in quarantine that somebody has built a guest on is theirs, too.
#[test]
fn what_is_used_where_it_waits_is_not_brought_back() {
    let host = PrivateHost::start();
    let guest = two_disks(&host);
    let other = sibling(&host, &guest, "other");
    host.retire(&UNDEFINE).expect(0);
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    let stored = shown["quarantine"][0]["stored"]
        .as_str()
        .unwrap()
        .to_owned();
    let original = shown["quarantine"][0]["original"]
        .as_str()
        .unwrap()
        .to_owned();
    let text = fs::read_to_string(host.path(&other)).unwrap();
    let other = host.scratch(&text.replace(&original, &stored));
    host.virsh(&["define", &other]);
    let refused = host.retire_json(&["rollback", "1", "--yes"]).expect(3);
    assert_eq!(refused.json_error()["error"]["code"], "in-use", "{refused}");
    assert!(host.exists(&stored));
    host.virsh(&["undefine", "other"]);
    let open = fs::File::open(host.path(&stored)).unwrap();
    host.retire(&["rollback", "1", "--yes"]).expect(3);
    drop(open);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
}

/// Killed at every change from the undefine on; each time the operator builds a new guest on the
/// disks that are there, and the next boot recovers.
#[test]
fn wherever_it_was_killed_a_new_guest_keeps_what_it_found() {
    let host = PrivateHost::start();
    let guest = two_disks(&host);
    let new = sibling(&host, &guest, "web");
    let back = xml(&host, "web");
    let probe = host.traced(&UNDEFINE, &mut |_| After::GoOn);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    let mut seen = Vec::new();
    for point in probe.points {
        let class = point.class();
        let late = ["do quarantine", "do refresh", "do confirm"];
        if seen.contains(&class) || !late.iter().any(|step| class.starts_with(step)) {
            continue;
        }
        seen.push(class.clone());
        let mut is_killed = false;
        let killed = host.traced(&UNDEFINE, &mut |at| {
            if !is_killed && at.class() == class {
                is_killed = true;
                return After::Kill;
            }
            After::GoOn
        });
        assert_eq!(killed.code, 137, "{class}: {killed}");
        let had: Vec<&str> = ["vda", "vdb"]
            .into_iter()
            .map(|target| guest.path(target))
            .filter(|path| host.exists(path))
            .collect();
        host.virsh(&["define", &new]);
        let recovered = host.retire(&["recover", "--yes"]).expect(0);
        for path in had {
            assert!(host.exists(path), "{class}: {path} was taken: {recovered}");
        }
        assert_ne!(host.virsh(&["domuuid", "web"]), guest.uuid, "{class}");
        host.virsh(&["undefine", "web"]);
        let last = states(&host);
        assert_eq!(last.last().unwrap(), "committed", "{class}: {recovered}");
        let id = last.len().to_string();
        host.retire(&["rollback", &id, "--yes"]).expect(0);
        assert!(host.exists(guest.path("vda")) && host.exists(guest.path("vdb")));
        // For the next round, exactly as it was.
        host.virsh(&["define", &back]);
    }
    assert!(seen.len() >= 5, "{seen:?}");
}
