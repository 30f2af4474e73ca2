//! Two domains share a base image, and both are retired: the base goes with the second. If the
//! first came back alone, the operator would have a domain whose disk has no base, and a rollback
//! that said it had succeeded.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

#[test]
fn a_base_that_left_with_a_later_transaction_comes_back_first() {
    let host = PrivateHost::start();
    let base = format!("{}/base.qcow2", host.images);
    host.shell(&format!("qemu-img create -q -f qcow2 {base} 4M"));
    let overlay = |name: &str| {
        GuestBuilder::new(name)
            .disk(
                Disk::unmanaged(&format!("{name}.qcow2"))
                    .format("qcow2")
                    .on_base(&base, "qcow2"),
            )
            .define(&host)
    };
    overlay("first");
    overlay("second");
    let before = Identity::capture(&host, "first", &[&base]);

    let retire = |name: &str| {
        host.retire(&["undefine", name, "--remove-all-storage", "--yes"])
            .expect(0)
    };
    retire("first");
    assert!(host.exists(&base), "somebody still stands on it");
    retire("second");
    assert!(!host.exists(&base), "the last one takes it along");

    let refused = host.retire(&["rollback", "1", "--yes"]).expect(3);
    assert!(
        refused.stderr.contains("virt-retire rollback 2"),
        "{}",
        refused.stderr
    );
    assert!(!host.domains().contains(&"first".to_owned()));

    // In one command too, the order is the operator's.
    host.retire(&["rollback", "1", "2", "--yes"]).expect(3);
    assert!(!host.exists(&base));
    host.retire(&["rollback", "2", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "first", &[&base]));
}
