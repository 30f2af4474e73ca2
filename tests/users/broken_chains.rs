//! If this fails, a guest whose chain is broken or goes on over the network, which is what people
//! delete, cannot be retired with its disk by any flag; or the flag takes what nobody has read.

use serde_json::Value;

use crate::support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

const ACCEPTED: &str = "--accept-broken-chain";

/// A guest `web` on `top`, which stands on `middle`, which stands on the backing file `below`.
fn broken(host: &PrivateHost, below: &str, format: &str) -> (String, String) {
    let path = |name: &str| format!("{}/{name}.qcow2", host.images);
    let (top, middle) = (path("top"), path("middle"));
    host.shell(&format!(
        "cd {0}; qemu-img create -q -f qcow2 middle.qcow2 4M
        qemu-img create -q -f qcow2 -F qcow2 -b {middle} top.qcow2 4M
        qemu-img rebase -q -u -f qcow2 -F {format} -b '{below}' middle.qcow2",
        host.images
    ));
    let xml = format!(
        "<domain type='qemu'><name>web</name><memory unit='MiB'>32</memory><vcpu>1</vcpu><os>\
         <type arch='x86_64' machine='pc'>hvm</type></os><devices><disk type='file'>\
         <driver name='qemu' type='qcow2'/><source file='{top}'/><target dev='vda' bus='virtio'/>\
         </disk><controller type='usb' model='none'/><memballoon model='none'/></devices></domain>"
    );
    host.virsh(&["define", &host.scratch(&xml)]);
    (top, middle)
}

fn link<'a>(plan: &'a Value, path: &str) -> &'a Value {
    let chain = plan["plans"][0]["disks"][0]["chain"].as_array().unwrap();
    let found = chain.iter().find(|link| link["path"] == path);
    found.unwrap_or_else(|| panic!("no {path} in {chain:#?}"))
}

/// Refused without the flag, which the hint names; with it, what could be read goes and comes back,
/// and `left` is told and stays.
#[track_caller]
fn taken_as_far_as_it_is_read(host: &PrivateHost, top: &str, middle: &str, left: &str) {
    let before = Identity::capture(host, "web", &[top, middle]);
    for verb in ["plan", "undefine"] {
        let mut words = vec![verb, "web", "--remove-all-storage"];
        words.extend((verb == "undefine").then_some("--yes"));
        let refused = host.retire(&words).expect(3);
        assert!(refused.to_string().contains(ACCEPTED), "{refused}");
    }
    assert_same(&before, &Identity::capture(host, "web", &[top, middle]));

    let plan = host.retire_json(&["plan", "web", "--remove-all-storage", ACCEPTED]);
    let plan = plan.expect(0).json();
    assert_eq!(plan["plans"][0]["disks"][0]["fate"], "quarantine");
    assert_eq!(link(&plan, middle)["fate"], "quarantine");
    assert_eq!(link(&plan, left)["fate"], "keep");
    assert!(link(&plan, left)["reason"].is_string(), "{plan:#}");
    let there = host.exists(left);
    let words = ["undefine", "web", "--remove-all-storage", ACCEPTED, "--yes"];
    let done = host.retire(&words).expect(0);
    assert!(done.stdout.contains(left), "{done}");
    assert!(!host.exists(top) && !host.exists(middle));
    assert_eq!(host.exists(left), there);
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    assert!(
        shown["plan"]["unread"][0].as_str().unwrap().contains(left),
        "{shown:#}"
    );
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(host, "web", &[top, middle]));
}

#[test]
fn the_base_was_deleted() {
    let host = PrivateHost::start();
    let base = format!("{}/base.qcow2", host.images);
    let (top, middle) = broken(&host, &base, "qcow2");
    taken_as_far_as_it_is_read(&host, &top, &middle, &base);
}

/// With its whole folder, which looks like a file system that is not mounted.
#[test]
fn the_base_is_away_with_all_beside_it() {
    let host = PrivateHost::start();
    let base = format!("{}/elsewhere/base.qcow2", host.images);
    host.shell(&format!("mkdir {}/elsewhere", host.images));
    let (top, middle) = broken(&host, &base, "qcow2");
    taken_as_far_as_it_is_read(&host, &top, &middle, &base);
}

#[test]
fn the_base_is_garbage() {
    let host = PrivateHost::start();
    let base = format!("{}/base.qcow2", host.images);
    host.shell(&format!("head -c 100000 /dev/urandom > {base}"));
    let (top, middle) = broken(&host, &base, "qcow2");
    taken_as_far_as_it_is_read(&host, &top, &middle, &base);
}

#[test]
fn the_base_is_on_the_network() {
    let host = PrivateHost::start();
    let base = "nbd://example.com:10809/base";
    let (top, middle) = broken(&host, base, "raw");
    taken_as_far_as_it_is_read(&host, &top, &middle, base);
}

/// The flag lifts nothing but this: what somebody uses stays, with all below it.
#[test]
fn what_somebody_uses_stays_all_the_same() {
    let host = PrivateHost::start();
    let base = format!("{}/base.qcow2", host.images);
    let (top, middle) = broken(&host, &base, "qcow2");
    let other = format!("{}/other.qcow2", host.images);
    host.shell(&format!(
        "qemu-img create -q -u -f qcow2 -F qcow2 -b {middle} {other} 4M"
    ));
    let words = ["undefine", "web", "--remove-all-storage", ACCEPTED, "--yes"];
    host.retire(&words).expect(0);
    assert!(!host.exists(&top) && host.exists(&middle));
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    host.shell(&format!(
        "qemu-img create -q -u -f qcow2 -F qcow2 -b {top} {other} 4M"
    ));
    host.retire(&words).expect(3);
    assert!(host.exists(&top) && host.exists(&middle));
}

/// Of the disk's own image too, which is a file whatever is in it.
#[test]
fn the_disk_itself_is_garbage_or_a_loop() {
    let host = PrivateHost::start();
    let (top, middle) = broken(&host, "top.qcow2", "qcow2");
    let words = ["undefine", "web", "--remove-all-storage", ACCEPTED, "--yes"];
    host.retire(&words).expect(0);
    assert!(!host.exists(&top) && !host.exists(&middle));
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    host.shell(&format!("rm {middle}; head -c 100000 /dev/urandom > {top}"));
    host.retire(&["undefine", "web", "--remove-all-storage", "--yes"])
        .expect(3);
    host.retire(&words).expect(0);
    assert!(!host.exists(&top));
    host.retire(&["rollback", "2", "--yes"]).expect(0);
    // Of a disk that is not there nothing can be taken, and no hint says so.
    host.shell(&format!("rm {top}"));
    let refused = host.retire(&words).expect(3);
    assert!(!refused.stderr.contains(ACCEPTED), "{refused}");
}

#[test]
fn a_table_names_a_few_users_and_counts_the_rest() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("base")
        .disk(Disk::unmanaged("base.raw"))
        .define(&host);
    host.shell(&format!(
        "cd {}; qemu-img create -q -f qcow2 -F raw -b {} one.qcow2
        for number in $(seq 600); do cp one.qcow2 clone-$number.qcow2; done",
        host.images,
        guest.path("vda")
    ));
    let plan = host
        .retire(&["plan", "base", "--remove-all-storage"])
        .expect(3);
    assert!(plan.stdout.contains("and 596 more"), "{plan}");
    assert!(plan.stdout.lines().count() < 60, "{plan}");
    let plan = host
        .retire_json(&["plan", "base", "--remove-all-storage"])
        .expect(3);
    let users = &plan.json()["plans"][0]["disks"][0]["used_by"];
    assert_eq!(users.as_array().unwrap().len(), 601);
}
