//! Two domains share a base image, and both are retired: the base goes with the second. If the
//! first came back alone, the operator would have a domain whose disk has no base, and a rollback
//! that said it had succeeded.

use crate::support::tracer::After;
use crate::support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

/// Guests `first` and `second`; the answer is their base.
fn two_on_one_base(host: &PrivateHost) -> String {
    let base = format!("{}/base.qcow2", host.images);
    host.shell(&format!("qemu-img create -q -f qcow2 {base} 4M"));
    for name in ["first", "second"] {
        GuestBuilder::new(name)
            .disk(
                Disk::unmanaged(&format!("{name}.qcow2"))
                    .format("qcow2")
                    .on_base(&base, "qcow2"),
            )
            .define(host);
    }
    base
}

fn undefine(name: &str) -> [&str; 4] {
    ["undefine", name, "--remove-all-storage", "--yes"]
}

#[test]
fn a_base_that_left_with_a_later_transaction_comes_back_first() {
    let host = PrivateHost::start();
    let base = two_on_one_base(&host);
    let before = Identity::capture(&host, "first", &[&base]);

    host.retire(&undefine("first")).expect(0);
    assert!(host.exists(&base), "somebody still stands on it");
    host.retire(&undefine("second")).expect(0);
    assert!(!host.exists(&base), "the last one takes it along");

    let refused = host.retire(&["rollback", "1", "--yes"]).expect(3);
    assert!(
        refused.stderr.contains("virt-retire rollback 2"),
        "{}",
        refused.stderr
    );
    assert!(!host.domains().contains(&"first".to_owned()));

    // In one command the order is that of a way back, however they were typed; told of as typed.
    let told = host.retire_json(&["rollback", "1", "2", "--yes"]).expect(0);
    let done = told.json()["transactions"].clone();
    assert_eq!((&done[0]["id"], &done[1]["id"]), (&1.into(), &2.into()));
    assert_same(&before, &Identity::capture(&host, "first", &[&base]));
}

/// The second retirement is cut off when the base is gone already: nobody has decided yet where it
/// ends.
#[test]
fn a_base_that_an_open_transaction_has_taken_is_waited_for() {
    let host = PrivateHost::start();
    let base = two_on_one_base(&host);
    let before = Identity::capture(&host, "first", &[&base]);
    host.retire(&undefine("first")).expect(0);
    let killed = host.traced(&undefine("second"), &mut |_| match host.exists(&base) {
        true => After::GoOn,
        false => After::Kill,
    });
    assert_eq!(killed.code, 137, "{killed}");
    assert!(!host.exists(&base));

    let refused = host.retire(&["rollback", "1", "--yes"]).expect(3);
    assert!(refused.stderr.contains("virt-retire recover"), "{refused}");
    assert!(!host.domains().contains(&"first".to_owned()));

    host.retire(&["recover", "--yes"]).expect(0);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "first", &[&base]));
}
