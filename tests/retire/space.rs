//! Somebody frees a full disk by the numbers that this program tells. If these tests fail, he
//! purges what he could have kept and gets nothing for it.

use crate::support::{Disk, GuestBuilder, PrivateHost};
use serde_json::Value;

const MIB: u64 = 1 << 20;

fn bytes(value: &Value, key: &str) -> u64 {
    value[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key}\n{value}"))
}

#[track_caller]
fn about(found: u64, mebibytes: u64) {
    let wanted = mebibytes * MIB;
    assert!(
        found >= wanted && found < wanted + MIB,
        "{found}, not {mebibytes} MiB"
    );
}

#[test]
fn extents_that_two_files_share_are_held_once_and_freed_with_the_last() {
    let (host, medium) = PrivateHost::start_on("xfs");
    let other = host.filesystem("ext4");
    host.shell(&format!(
        "cd {}; dd if=/dev/urandom of=a.raw bs=1M count=8 status=none; cp --reflink=always a.raw \
         b.raw
        dd if=/dev/urandom of=b.raw bs=1M count=2 conv=notrunc status=none; sync a.raw b.raw
        dd if=/dev/urandom of={} bs=1M count=4 status=none conv=fsync",
        host.images,
        other.path("c.raw")
    ));
    for name in ["a", "b", "c"] {
        let file = match name {
            "c" => other.path("c.raw"),
            name => format!("{name}.raw"),
        };
        GuestBuilder::new(name)
            .disk(Disk::unmanaged(&file).existing())
            .define(&host);
        let words = ["undefine", name, "--remove-all-storage", "--yes"];
        host.retire(&words).expect(0);
    }
    let space = || host.retire_json(&["list"]).expect(0).json()["space"].clone();
    let told = space();
    // 8 and 8 of which 6 are the same, and 4.
    about(bytes(&told, "held_bytes"), 14);
    about(bytes(&told, "shared_bytes"), 6);
    let on = |mount_point: &str| {
        let all = told["file_systems"].as_array().unwrap();
        let one = all.iter().find(|it| it["mount_point"] == mount_point);
        one.unwrap_or_else(|| panic!("{mount_point}\n{told}"))
            .clone()
    };
    about(bytes(&on(&other.mount_point), "held_bytes"), 4);
    about(bytes(&on(&medium.mount_point), "held_bytes"), 10);
    assert!(bytes(&on(&medium.mount_point), "free_bytes") > 100 * MIB);

    let dry = host.retire_json(&["purge", "1", "-n"]).expect(0).json();
    about(bytes(&dry, "would_free_bytes"), 2);
    let told = host.retire(&["purge", "1", "-n"]).expect(0);
    assert!(
        told.stdout
            .contains("at most 6 MiB more that other files share"),
        "{told}"
    );
    let told = host.retire_json(&["purge", "1", "--yes"]).expect(0).json();
    about(bytes(&told, "freed_bytes"), 2);
    // Nobody else has them any more.
    let told = space();
    about(bytes(&told, "held_bytes"), 12);
    about(bytes(&told, "shared_bytes"), 0);
    let told = host.retire_json(&["purge", "2", "--yes"]).expect(0).json();
    about(bytes(&told, "freed_bytes"), 8);

    other.unmount(&host);
    let told = space();
    assert_eq!(bytes(&told, "held_bytes"), 0, "{told}");
    about(bytes(&told, "unseen_bytes"), 4);
    other.mount(&host);
}
