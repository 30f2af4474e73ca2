//! An operator types what virsh, dnf and git have put into the fingers, and is told that it is
//! wrong, or something else happens.

use crate::support::{GuestBuilder, PrivateHost};

fn ids(told: &serde_json::Value) -> Vec<u64> {
    let transactions = told["transactions"].as_array().unwrap().iter();
    transactions
        .map(|one| one["id"].as_u64().unwrap())
        .collect()
}

#[test]
fn transactions_are_named_as_dnf_history_names_them() {
    let host = PrivateHost::start();
    for name in ["a", "b", "c", "d"] {
        GuestBuilder::new(name).define(&host);
    }
    let all = ["a", "b", "c", "d"];
    let undefine = [&["undefine"][..], &all, &["--keep-storage", "--yes"]].concat();
    host.retire(&undefine).expect(0);
    let last = host.retire_json(&["show", "last"]).expect(0).json();
    assert_eq!(last["id"], 4);
    assert_eq!(host.retire_json(&["show", "last-3"]).json()["id"], 1);
    // Beyond the journal's ends is an error, and nothing is done for the rest.
    for word in ["last-4", "3-5", "3..5", "5"] {
        let error = host.retire_json(&["rollback", word, "--yes"]).expect(1);
        assert_eq!(error.json_error()["error"]["code"], "no-such-transaction");
    }
    assert!(host.domains().is_empty());
    let undone = host
        .retire_json(&["undo", "1..2", "last", "--yes"])
        .expect(0);
    assert_eq!(ids(&undone.json()), [1, 2, 4]);
    assert_eq!(host.domains(), ["a", "b", "d"]);
    for word in ["8-4", "0", "-", "last-"] {
        host.retire(&["rollback", word, "--yes"]).expect(2);
    }
}

#[test]
fn a_line_for_virsh_undefine_works_as_typed() {
    let host = PrivateHost::start();
    GuestBuilder::two_disks("web1").define(&host);
    let words = [
        "--storage",
        "vda,vdb",
        "--nvram",
        "--domain",
        "web1",
        "--tpm",
        "--yes",
    ];
    host.retire(&[&["undefine"][..], &words].concat()).expect(0);
    assert!(host.domains().is_empty());
    host.retire(&["undo", "last", "--yes"]).expect(0);
    assert_eq!(host.domains(), ["web1"]);
}

#[test]
fn a_mistyped_verb_leads_to_nothing_that_takes_away() {
    let host = PrivateHost::start();
    for (typed, meant) in [("restore", "rollback"), ("lits", "list")] {
        let error = host.retire(&[typed]).expect(2);
        let hint = format!("did you mean {meant}?");
        assert!(error.stderr.contains(&hint), "{error}");
    }
    for typed in ["undefin", "destory", "prge"] {
        let error = host.retire(&[typed]).expect(2);
        for verb in ["undefine", "destroy", "purge"] {
            let hint = format!("mean {verb}");
            assert!(!error.stderr.contains(&hint), "{error}");
        }
    }
}
