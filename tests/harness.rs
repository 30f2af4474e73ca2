//! The tests of the tests' own tools. If these fail, every other test may pass while an operator loses a
//! guest: an identity check that notices nothing, a power cut that loses nothing, a kill that never strikes,
//! or guests of a dead test that go on writing on the developer's machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

#[test]
fn a_guest_with_two_disks_starts_and_its_identity_equals_itself() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web1")
        .disk(Disk::pool("system.qcow2"))
        .disk(Disk::unmanaged("data.raw"))
        .disk(Disk::volume("logs.raw"))
        .disk(Disk::unmanaged("tools.iso").cdrom())
        .disk(Disk::unmanaged("boot.img").floppy().size_mib(1))
        .vnc_password("geheim")
        .described()
        .autostart()
        .define(&host);
    let defined = Identity::capture(&host, "web1", &[]);
    // Access times too: the second look must not see the first.
    assert_same(&defined, &Identity::capture(&host, "web1", &[]));
    guest.run_once();
    assert_eq!(host.domains(), ["web1"]);
    let volumes = host.virsh(&["vol-list", "default"]);
    assert!(
        volumes.contains("system.qcow2") && volumes.contains("logs.raw"),
        "{volumes}"
    );
}
