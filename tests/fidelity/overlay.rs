//! If one of these fails, a guest whose disks are on an overlay mount (a container, a live system)
//! cannot be retired, and the operator reads that somebody has replaced a file that nobody touched.

use crate::support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

/// Disks in the lower layer and in the upper one, on one file system and on two.
#[test]
fn a_disk_in_any_layer_of_an_overlay_goes_and_comes_back() {
    let host = PrivateHost::start();
    let ext4 = host.filesystem("ext4");
    host.shell("mkdir /var/lib/libvirt/layers; mount -t tmpfs none /var/lib/libvirt/layers");
    for (kind, lower) in [
        ("one", "/var/lib/libvirt/layers/lower".to_owned()),
        ("two", ext4.path("lower")),
    ] {
        let merged = format!("/var/lib/libvirt/{kind}");
        let layers = format!("/var/lib/libvirt/layers/{kind}");
        host.shell(&format!(
            "mkdir -p {lower} {layers}/upper {layers}/work {merged}
            truncate -s 1M {lower}/lower.raw; printf lower | dd of={lower}/lower.raw conv=notrunc status=none
            touch -d 2001-01-01 {lower}/lower.raw
            mount -t overlay overlay -o lowerdir={lower},upperdir={layers}/upper,workdir={layers}/work {merged}
            truncate -s 1M {merged}/upper.raw"
        ));
        let lower = format!("{merged}/lower.raw");
        let upper = format!("{merged}/upper.raw");
        let name = format!("guest-{kind}");
        GuestBuilder::new(&name)
            .disk(Disk::unmanaged(&lower).existing())
            .disk(Disk::unmanaged(&upper).existing())
            .define(&host);
        let before = Identity::of_files(&host, &[&lower, &upper]);
        let words = ["undefine", &name, "--remove-all-storage", "--yes"];
        // The move itself makes the file another one, which is what is said; nobody has replaced
        // it.
        let first = host.retire_json(&words).expect(4);
        let said = first.json_error()["error"]["message"].to_string();
        assert!(
            said.contains("lower layer") && !said.contains("replaced"),
            "{said}"
        );
        let between = Identity::of_files(&host, &[&lower, &upper]);
        let done = host.retire_json(&words).expect(0).json();
        assert!(!host.exists(&lower) && !host.exists(&upper));
        let id = done["transactions"][0]["id"].to_string();
        host.retire(&["rollback", &id, "--yes"]).expect(0);
        let after = Identity::of_files(&host, &[&lower, &upper]);
        assert_same(&between, &after);
        let layer = ["inode", "allocated", "holes"];
        assert_same(&before.ignoring(&layer), &after.ignoring(&layer));
    }
}
