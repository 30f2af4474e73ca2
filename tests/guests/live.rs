//! If this fails, a disk that was plugged into a running guest is nobody's: it is neither shown nor
//! retired nor kept by anyone's decision, and "--remove-all-storage" leaves it behind without a
//! word.

use serde_json::Value;

use crate::support::{Disk, Guest, GuestBuilder, PrivateHost};

/// Running, with vda in the pool, and vdb that only the running guest has.
fn plugged<'h>(host: &'h PrivateHost, name: &str) -> (Guest<'h>, String) {
    let guest = GuestBuilder::new(name)
        .disk(Disk::volume(&format!("{name}.qcow2")))
        .define(host);
    guest.start();
    let extra = format!("{}/{name}-extra.qcow2", host.pool);
    host.shell(&format!("qemu-img create -q -f qcow2 {extra} 4M"));
    host.virsh(&["pool-refresh", "default"]);
    plug(host, name, &extra, "vdb", "--live");
    (guest, extra)
}

fn plug(host: &PrivateHost, name: &str, path: &str, target: &str, how: &str) {
    let words = ["attach-disk", name, path, target, how];
    host.virsh(&[&words[..], &["--driver", "qemu", "--subdriver", "qcow2"]].concat());
}

fn disks(plan: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let disks = plan["plans"][0]["disks"].as_array().unwrap();
    disks
        .iter()
        .map(|disk| {
            (
                text(&disk["target"]),
                text(&disk["path"]),
                text(&disk["fate"]),
            )
        })
        .collect()
}

#[test]
fn a_disk_that_only_the_running_guest_has_is_retired_with_it() {
    let host = PrivateHost::start();
    let (guest, extra) = plugged(&host, "web");
    let before = host.virsh(&["dumpxml", "--inactive", "web"]);

    let undecided = host.retire_json(&["plan", "web"]).expect(3).json();
    let refused: Vec<&str> = undecided["plans"][0]["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|refusal| refusal["subject"].as_str())
        .collect();
    assert!(refused.contains(&"vdb"), "{undecided}");

    host.retire(&["destroy", "web", "--remove-all-storage", "--yes"])
        .expect(0);
    assert!(!host.exists(guest.path("vda")) && !host.exists(&extra));
    let listed = host.virsh(&["vol-list", "default"]);
    assert!(!listed.contains("extra"), "{listed}");

    let back = host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert!(host.exists(guest.path("vda")) && host.exists(&extra));
    assert_eq!(host.virsh(&["dumpxml", "--inactive", "web"]), before);
    assert!(
        back.stdout.contains("Note: disk vdb") && back.stdout.contains(&extra),
        "{back}"
    );
    guest.start();
}

#[test]
fn it_can_be_named_kept_and_decided_by_policy() {
    let host = PrivateHost::start();
    let (guest, extra) = plugged(&host, "web");
    // By its target; then the other one stays.
    let words = ["destroy", "web", "--storage", "vdb", "--yes"];
    host.retire(&words).expect(0);
    assert!(host.exists(guest.path("vda")) && !host.exists(&extra));
    host.retire(&["rollback", "1", "--yes"]).expect(0);

    guest.start();
    plug(&host, "web", &extra, "vdb", "--live");
    host.retire(&["policy", "set", "web", "vdb", "keep", "--yes"])
        .expect(0);
    let plan = host
        .retire_json(&["plan", "web", "--keep-storage"])
        .expect(0)
        .json();
    assert_eq!(
        disks(&plan)[1],
        ("vdb".into(), extra.clone(), "keep".into()),
        "{plan}"
    );
    host.retire(&["destroy", "web", "--remove-all-storage", "--yes"])
        .expect(0);
    assert!(!host.exists(guest.path("vda")) && host.exists(&extra));
}

#[test]
fn a_disk_that_only_the_definition_has_is_retired_too() {
    let host = PrivateHost::start();
    let (guest, extra) = plugged(&host, "web");
    let later = format!("{}/later.qcow2", host.images);
    host.shell(&format!("qemu-img create -q -f qcow2 {later} 4M"));
    plug(&host, "web", &later, "vdc", "--config");
    host.retire(&["destroy", "web", "--remove-all-storage", "--yes"])
        .expect(0);
    for path in [guest.path("vda"), &extra, &later] {
        assert!(!host.exists(path), "{path}");
    }
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    let xml = host.virsh(&["dumpxml", "web"]);
    assert!(xml.contains(&later) && !xml.contains(&extra), "{xml}");
}

/// The same target with one image in the definition and another one under the guest.
#[test]
fn both_images_of_a_target_get_a_fate() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web")
        .disk(Disk::pool("web.qcow2"))
        .disk(Disk::unmanaged("first.iso").cdrom())
        .define(&host);
    guest.start();
    let iso = format!("{}/second.iso", host.images);
    host.shell(&format!("truncate -s 1M {iso}"));
    let drive = guest.disks[1].0.clone();
    host.virsh(&["change-media", "web", &drive, &iso, "--live"]);
    // Mirrored, and moved over to the copy. The definition is then made to say the old one again.
    let definition = host.virsh(&["dumpxml", "--inactive", "--security-info", "web"]);
    let copy = format!("{}/copy.qcow2", host.images);
    let words = ["blockcopy", "web", "vda", copy.as_str(), "--transient-job"];
    host.virsh(&[&words[..], &["--wait", "--pivot"]].concat());
    host.virsh(&["define", &host.scratch(&definition)]);

    let words = ["plan", "web", "--keep-storage"];
    let plan = host.retire_json(&words).expect(0).json();
    let paths: Vec<String> = disks(&plan).into_iter().map(|(_, path, _)| path).collect();
    for path in [guest.path("vda"), &copy, &iso] {
        assert!(paths.iter().any(|it| it == path), "{path}: {plan}");
    }
    host.retire(&["destroy", "web", "--remove-all-storage", "--yes"])
        .expect(0);
    assert!(!host.exists(guest.path("vda")) && !host.exists(&copy));
    assert!(host.exists(&iso) && host.exists(guest.path(&drive)));
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert!(host.exists(guest.path("vda")) && host.exists(&copy));
    guest.start();
}

/// What a transient disk writes to goes with the guest: it is not a disk of anybody's.
#[test]
fn the_overlay_of_a_transient_disk_is_not_a_disk() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web")
        .disk(Disk::pool("web.qcow2"))
        .define(&host);
    let xml = host.virsh(&["dumpxml", "web"]);
    let xml = xml.replace("<target dev='vda'", "<transient/><target dev='vda'");
    host.virsh(&["define", &host.scratch(&xml)]);
    guest.start();
    host.retire(&["destroy", "web", "--remove-all-storage", "--yes"])
        .expect(0);
    assert!(!host.exists(guest.path("vda")));
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    guest.start();
}
