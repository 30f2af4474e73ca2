//! Between `undefine --prepare` and the decision, and between the moves, others go on working. If
//! these tests fail, a guest that somebody has started meanwhile is retired on paper and runs, or a
//! file that was put in a disk's place is found only when a rollback fails on it.

use crate::support::{Disk, GuestBuilder, PrivateHost};

fn prepare(host: &PrivateHost, name: &str) -> String {
    GuestBuilder::new(name)
        .disk(Disk::unmanaged(&format!("{name}.raw")))
        .define(host);
    let uuid = host.virsh(&["domuuid", name]);
    let words = [
        "undefine",
        name,
        "--remove-all-storage",
        "--prepare",
        "--yes",
    ];
    host.retire(&words).expect(0);
    uuid
}

/// Starts a transient guest.
fn create(host: &PrivateHost, name: &str, uuid: &str, devices: &str) {
    let xml = format!(
        "<domain type='qemu'><name>{name}</name>{uuid}<memory unit='MiB'>32</memory><vcpu>1</vcpu>\
         <os><type arch='x86_64' machine='pc'>hvm</type></os><devices>{devices}\
         <controller type='usb' model='none'/><memballoon model='none'/></devices></domain>"
    );
    host.virsh(&["create", &host.scratch(&xml)]);
}

#[test]
fn a_transient_guest_that_was_started_meanwhile() {
    let host = PrivateHost::start();
    let uuid = prepare(&host, "web");
    // Of the same UUID: the domain is there again.
    create(&host, "other", &format!("<uuid>{uuid}</uuid>"), "");
    for verb in ["commit", "rollback"] {
        let told = host.retire_json(&[verb, "1", "--yes"]).expect(3);
        let error = &told.json_error()["error"];
        assert_eq!(error["code"], "name-taken", "{told}");
        assert!(told.stderr.contains(" other"), "{told}");
    }
    host.virsh(&["destroy", "other"]);
    // On the disk's old path: another file is there now.
    let path = format!("{}/web.raw", host.images);
    host.shell(&format!("truncate -s 1M {path}"));
    let disk =
        format!("<disk type='file'><source file='{path}'/><target dev='vda' bus='virtio'/></disk>");
    create(&host, "squatter", "", &disk);
    let told = host.retire_json(&["commit", "1", "--yes"]).expect(3);
    let code = told.json_error()["error"]["code"].clone();
    assert!(
        ["in-use", "path-occupied"].contains(&code.as_str().unwrap()),
        "{told}"
    );
    host.virsh(&["destroy", "squatter"]);
    host.shell(&format!("rm {path}"));
    // Of the same name alone: another domain, and the way back goes by another name.
    create(&host, "web", "", "");
    let told = host.retire(&["commit", "1", "--yes"]).expect(0);
    assert!(told.stdout.contains("--as-name"), "{told}");
    host.virsh(&["destroy", "web"]);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    // A guest that runs on without its definition is the transaction's own.
    host.virsh(&["start", "web"]);
    host.retire(&["undefine", "web", "--keep-storage", "--prepare", "--yes"])
        .expect(0);
    host.retire(&["commit", "2", "--yes"]).expect(0);
    host.retire(&["rollback", "2", "--yes"]).expect(0);
    assert_eq!(host.domains(), ["web"]);
}
