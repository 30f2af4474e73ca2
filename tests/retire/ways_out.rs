//! What the operator is told to type next. If these tests fail, the way out that is named is the
//! very command that was refused, or is missing where another transaction has what is looked for.

use crate::support::{Disk, Fault, GuestBuilder, PrivateHost};

/// The policy's word stands above --keep-storage.
#[test]
fn a_running_guest_whose_policy_removes_is_not_sent_round_in_a_circle() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("m1")
        .disk(Disk::unmanaged("m1.raw"))
        .define(&host);
    let policy = ["policy", "set", "m1", "vda", "remove", "--yes"];
    host.retire(&policy).expect(0);
    guest.start();
    let keep = ["undefine", "m1", "--keep-storage", "--yes"];
    let told = host.retire_json(&keep).expect(3);
    let error = &told.json_error()["error"];
    assert_eq!(error["code"], "active-domain", "{told}");
    let hint = error["hint"].as_str().unwrap();
    let way_out = "virt-retire policy set m1 vda keep";
    assert!(hint.contains(way_out), "{hint}");
    host.retire(&["policy", "set", "m1", "vda", "keep", "--yes"])
        .expect(0);
    host.retire(&keep).expect(0);
    guest.stop();
}

#[test]
fn a_definition_that_is_no_xml_is_no_other_domain() {
    let host = PrivateHost::start();
    GuestBuilder::new("a")
        .disk(Disk::unmanaged("a.raw"))
        .define(&host);
    host.retire(&["undefine", "a", "--remove-all-storage", "--yes"])
        .expect(0);
    for text in ["no xml", "<domain><name>a</name>", ""] {
        let file = host.scratch(text);
        let told = host
            .retire_json(&["rollback", "1", "--xml", &file, "--yes"])
            .expect(1);
        let error = &told.json_error()["error"];
        assert_eq!(error["code"], "unreadable-xml", "{told}");
        let hint = error["hint"].as_str().unwrap();
        assert!(hint.contains("show 1 --security-info"), "{hint}");
    }
    host.retire(&["rollback", "1", "--yes"]).expect(0);
}

/// Whoever asks for a domain that an open transaction has is told of that one.
#[test]
fn a_domain_that_an_open_transaction_has_is_told_with_it() {
    let host = PrivateHost::start();
    GuestBuilder::new("a")
        .disk(Disk::unmanaged("a.raw"))
        .define(&host);
    let undefine = ["undefine", "a", "--remove-all-storage", "--yes"];
    let killed = host.inject(&Fault::kill("renameat2", 1), &undefine);
    assert!(killed.outcome.killed(), "{}", killed.outcome);
    assert!(host.domains().is_empty());
    for words in [&["plan", "a"][..], &["volumes", "a"]] {
        let told = host.retire_json(words).expect(1);
        let error = &told.json_error()["error"];
        assert_eq!(error["code"], "no-such-domain", "{told}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("transaction 1 has it"), "{message}");
        let hint = error["hint"].as_str().unwrap();
        assert!(hint.contains("virt-retire recover"), "{hint}");
    }
    host.retire(&["recover", "--yes"]).expect(0);
}
