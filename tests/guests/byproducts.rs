//! If this fails, a file that libvirt makes for a guest while it runs is taken for a stranger's, or
//! for a disk: a guest with a `<transient/>` disk comes back on an overlay that libvirt has
//! deleted, a crash makes its disk nobody's to remove, or what a copy had written so far is left
//! without a word.

use serde_json::Value;

use crate::support::{Disk, Guest, GuestBuilder, Identity, PrivateHost, assert_same};

/// With vda transient, on a base; not started.
fn transient<'h>(host: &'h PrivateHost, name: &str) -> Guest<'h> {
    let guest = GuestBuilder::new(name)
        .disk(Disk::pool(&format!("{name}.qcow2")))
        .disk(Disk::unmanaged("data.raw"))
        .define(host);
    let xml = host.virsh(&["dumpxml", "--inactive", name]);
    let xml = xml.replace("<target dev=", "<transient/><target dev=");
    host.virsh(&["define", &host.scratch(&xml)]);
    guest
}

fn overlay(guest: &Guest, target: &str) -> String {
    format!("{}.TRANSIENT-{}", guest.path(target), guest.name)
}

/// Path and fate of every disk and of all below it.
fn fates(plan: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let one = |value: &Value| (text(&value["path"]), text(&value["fate"]));
    let disks = plan["plans"][0]["disks"].as_array().unwrap();
    let all = disks.iter().flat_map(|disk| {
        let chain = disk["chain"].as_array().unwrap().iter();
        [one(disk)].into_iter().chain(chain.map(one))
    });
    all.collect()
}

#[track_caller]
fn has(plan: &Value, path: &str, fate: &str) {
    let fates = fates(plan);
    assert!(
        fates.contains(&(path.to_owned(), fate.to_owned())),
        "no {path} with {fate}: {fates:?}"
    );
}

#[test]
fn a_transient_guest_on_transient_disks_goes_and_comes_back_with_the_disks() {
    let host = PrivateHost::start();
    let guest = transient(&host, "web");
    let written = host.virsh(&["dumpxml", "--inactive", "web"]);
    guest.run_transient(&host);
    assert!(host.exists(&overlay(&guest, "vda")));

    // Its plan is that of its disks.
    let plan = host.retire_json(&["plan", "web", "--remove-all-storage"]);
    let plan = plan.expect(3).json();
    let codes = plan["plans"][0]["refusals"].as_array().unwrap().len();
    assert_eq!(codes, 1, "transient, and nothing else: {plan}");
    has(&plan, guest.path("vda"), "quarantine");
    assert!(!plan.to_string().contains("TRANSIENT"), "{plan}");

    let destroy = ["destroy", "web", "--remove-all-storage", "--yes"];
    host.retire(&destroy).expect(0);
    for target in ["vda", "vdb"] {
        assert!(!host.exists(guest.path(target)));
        assert!(!host.exists(&overlay(&guest, target)));
    }
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    let back = host.virsh(&["dumpxml", "--inactive", "web"]);
    assert!(!back.contains("TRANSIENT"), "{back}");
    assert_eq!(back.matches("<transient/>").count(), 2, "{back}");
    let images = |xml: &str| -> Vec<String> {
        let lines = xml.lines().filter(|line| line.contains("<source file="));
        lines
            .map(|line| {
                line.split(" index=")
                    .next()
                    .unwrap()
                    .trim_end_matches("/>")
                    .into()
            })
            .collect()
    };
    assert_eq!(images(&back), images(&written));
    guest.start();
}

#[test]
fn a_guest_undefined_while_it_runs_is_as_it_was_defined() {
    let host = PrivateHost::start();
    let guest = transient(&host, "web");
    let written = host.virsh(&["dumpxml", "--inactive", "web"]);
    guest.start();
    host.virsh(&["undefine", "web"]);
    let destroy = ["destroy", "web", "--remove-all-storage", "--yes"];
    host.retire(&destroy).expect(0);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_eq!(host.virsh(&["dumpxml", "--inactive", "web"]), written);
    guest.start();
}

/// The host went down, or both were killed: nobody has deleted the overlay.
#[test]
fn an_overlay_that_a_crash_has_left_is_part_of_the_disk() {
    let host = PrivateHost::start();
    let guest = transient(&host, "web");
    let other = GuestBuilder::new("other")
        .disk(Disk::pool("other.qcow2"))
        .define(&host);
    guest.start();
    host.kill_libvirtd();
    host.kill_guest("web");
    host.start_libvirtd();
    let stale = overlay(&guest, "vda");
    assert!(host.exists(&stale), "the scene needs it");
    assert_eq!(guest.state(), "shut off");

    let before = Identity::capture(&host, "web", &[&stale]);
    let plan = host.retire_json(&["plan", "web", "--remove-all-storage"]);
    let plan = plan.expect(0).json();
    has(&plan, guest.path("vda"), "quarantine");
    has(&plan, &stale, "quarantine");
    host.retire(&["undefine", "web", "--remove-all-storage", "--yes"])
        .expect(0);
    assert!(!host.exists(guest.path("vda")) && !host.exists(&stale));
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web", &[&stale]));

    // An overlay of that name on somebody else's disk is a stranger.
    let strange = format!("{}.TRANSIENT-web", other.path("vda"));
    host.shell(&format!(
        "qemu-img create -q -f qcow2 -F qcow2 -b {} {strange}",
        other.path("vda")
    ));
    host.retire(&["undefine", "other", "--remove-all-storage", "--yes"])
        .expect(3);
}

fn backup(host: &PrivateHost, guest: &Guest, mode: &str, inner: &str) {
    let xml = format!("<domainbackup mode='{mode}'>{inner}</domainbackup>");
    host.virsh(&["backup-begin", &guest.name, &host.scratch(&xml)]);
}

#[test]
fn a_pull_backup_is_ended_by_a_command_that_is_named() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web")
        .disk(Disk::pool("web.qcow2"))
        .define(&host);
    guest.start();
    let scratch = format!("{}/scratch", host.images);
    let socket = format!("{}/nbd.sock", host.images);
    backup(
        &host,
        &guest,
        "pull",
        &format!(
            "<server transport='unix' socket='{socket}'/><disks><disk name='vda' type='file'>\
         <scratch file='{scratch}'/></disk></disks>"
        ),
    );
    for verb in ["undefine", "destroy"] {
        let words = [verb, "web", "--remove-all-storage", "--yes"];
        let told = host.retire(&words).expect(3).stderr;
        assert!(
            told.contains("pull backup") && told.contains(&scratch),
            "{told}"
        );
        assert!(told.contains("virsh domjobabort web"), "{told}");
    }
    assert_eq!(guest.state(), "running");
    host.virsh(&["domjobabort", "web"]);
    host.retire(&["destroy", "web", "--remove-all-storage", "--yes"])
        .expect(0);
}

/// What has been written so far is told: in the plan, and when it is done.
#[track_caller]
fn target_is_told(host: &PrivateHost, guest: &Guest, target: &str, job: &str) {
    let plan = host.retire_json(&["plan", "web", "--remove-all-storage"]);
    let plan = plan.expect(3).json();
    has(&plan, target, "keep");
    let disks = plan["plans"][0]["disks"].as_array().unwrap();
    let told = disks.iter().find(|disk| disk["path"] == target).unwrap();
    assert!(
        told["remembered_by"].as_str().unwrap().contains(job),
        "{told}"
    );
    let done = host
        .retire(&["destroy", "web", "--remove-all-storage", "--yes"])
        .expect(0);
    assert!(
        done.stdout.contains(target) && done.stdout.contains(job),
        "{done}"
    );
    assert!(!host.exists(guest.path("vda")));
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert!(host.exists(guest.path("vda")));
    guest.start();
}

#[test]
fn the_target_of_a_copy_stays_and_is_told() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web")
        .disk(Disk::pool("web.qcow2"))
        .define(&host);
    guest.start();
    let target = format!("{}/copy.qcow2", host.images);
    host.virsh(&["blockcopy", "web", "vda", &target, "--transient-job"]);
    target_is_told(&host, &guest, &target, "block job");
    assert!(host.exists(&target));
}

/// Of a guest that libvirt has no definition of, too. A shallow copy stands on the disk's base,
/// which therefore stays with it.
#[test]
fn a_shallow_copy_keeps_its_base() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web")
        .disk(Disk::pool("web.qcow2"))
        .define(&host);
    guest.snapshot_disk_only("s1");
    host.virsh(&["snapshot-delete", "web", "s1", "--metadata"]);
    guest.run_transient(&host);
    let target = format!("{}/copy.qcow2", host.images);
    let words = [
        "blockcopy",
        "web",
        "vda",
        &target,
        "--shallow",
        "--transient-job",
    ];
    host.virsh(&words);
    let done = host
        .retire(&["destroy", "web", "--remove-all-storage", "--yes"])
        .expect(0);
    assert!(done.stdout.contains(&target), "{done}");
    assert!(host.exists(guest.path("vda")), "the copy stands on it");
    host.shell(&format!("qemu-img check -q {target}"));
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    guest.start();
}

#[test]
fn the_target_of_a_push_backup_is_told() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web")
        .disk(Disk::pool("web.qcow2"))
        .define(&host);
    // Enough that it is not over before it can be slowed down.
    host.shell(&format!(
        "rm {0}; qemu-img create -q -f qcow2 {0} 512M; qemu-io -c 'write -q 0 512M' {0}",
        guest.path("vda")
    ));
    guest.start();
    let target = format!("{}/pushed.qcow2", host.images);
    let xml = host.scratch(&format!(
        "<domainbackup mode='push'><disks><disk name='vda' type='file'><driver type='qcow2'/>\
         <target file='{target}'/></disk></disks></domainbackup>"
    ));
    let slow = r#"{"execute":"block-job-set-speed","arguments":{"device":"backup-vda-libvirt-1-format","speed":1}}"#;
    let words = ["qemu-monitor-command", "web", "--hmp", "info block-jobs"];
    // On a busy machine it may be over all the same.
    let is_slow = (0..8).any(|_| {
        host.shell(&format!("rm -f {target}"));
        let begun = host.virsh_batch(&[
            vec!["backup-begin", "web", &xml],
            vec!["qemu-monitor-command", "web", slow],
            words.to_vec(),
        ]);
        eprintln!("{begun:?}");
        begun[2].contains("backup")
    });
    assert!(is_slow);
    target_is_told(&host, &guest, &target, "push backup");
}
