//! Several domains in one command. If these tests fail, a template and its clones cannot go
//! together, or some of a batch are retired and some are not though nobody asked for that.

use crate::support::{Disk, Fault, GuestBuilder, Identity, PrivateHost, assert_same};

const ALL: [&str; 3] = ["template", "clone1", "clone2"];

fn template_and_clones(host: &PrivateHost) {
    GuestBuilder::new("template")
        .disk(Disk::pool("base.qcow2"))
        .define(host);
    let base = format!("{}/base.qcow2", host.pool);
    for name in ["clone1", "clone2"] {
        GuestBuilder::new(name)
            .disk(Disk::pool(&format!("{name}.qcow2")).on_base(&base, "qcow2"))
            .define(host);
    }
    host.refresh_pools();
}

fn identities(host: &PrivateHost) -> Vec<Identity> {
    ALL.map(|name| Identity::capture(host, name, &[])).into()
}

fn undefine<'a>(names: &[&'a str]) -> Vec<&'a str> {
    [&["undefine"][..], names, &["--remove-all-storage", "--yes"]].concat()
}

fn transactions(host: &PrivateHost) -> Vec<serde_json::Value> {
    let listed = host.retire_json(&["list"]).expect(0).json();
    let mut all = listed["transactions"].as_array().unwrap().clone();
    all.sort_by_key(|one| one["id"].as_u64());
    all
}

#[test]
fn a_template_and_all_its_clones_go_together_in_any_order() {
    let host = PrivateHost::start();
    template_and_clones(&host);
    let before = identities(&host);
    let orders = [
        ["template", "clone1", "clone2"],
        ["clone1", "template", "clone2"],
        ["clone2", "clone1", "template"],
    ];
    for order in orders {
        let plan = [&["plan"][..], &order, &["--remove-all-storage"]].concat();
        let planned = host.retire_json(&plan).expect(0).json();
        // Told as it was asked for.
        let named: Vec<_> = planned["plans"].as_array().unwrap().iter().collect();
        for (plan, name) in named.iter().zip(order) {
            assert_eq!(plan["domain"]["name"], name);
        }
        let done = host.retire_json(&undefine(&order)).expect(0).json();
        let done = done["transactions"].as_array().unwrap().clone();
        assert_eq!(done.len(), 3);
        // Whoever stands on the base leaves before it.
        assert_eq!(done[2]["domain"], "template");
        assert!(host.domains().is_empty());
        for image in ["base.qcow2", "clone1.qcow2", "clone2.qcow2"] {
            assert!(!host.exists(&format!("{}/{image}", host.pool)), "{image}");
        }
        let id = |index: usize| done[index]["id"].to_string();
        // A clone cannot come back before what it stands on.
        let refused = host.retire(&["rollback", &id(0), "--yes"]).expect(3);
        assert!(refused.stderr.contains(&id(2)), "{refused}");
        host.retire(&["rollback", &id(2), &id(1), &id(0), "--yes"])
            .expect(0);
        for (before, now) in before.iter().zip(identities(&host)) {
            assert_same(before, &now);
        }
    }
}

/// A template whose clone is not in the batch stays, and so does all else.
#[test]
fn without_all_its_clones_a_template_stays() {
    let host = PrivateHost::start();
    template_and_clones(&host);
    let before = identities(&host);
    let refused = host
        .retire_json(&undefine(&["template", "clone1"]))
        .expect(3);
    let error = refused.json_error()["error"].clone();
    assert_eq!(error["code"], "in-use");
    assert!(error["message"].to_string().contains("clone2"), "{refused}");
    assert!(
        !error["message"].to_string().contains("clone1.qcow2"),
        "{refused}"
    );
    for (before, now) in before.iter().zip(identities(&host)) {
        assert_same(before, &now);
    }
}

/// What a clone of the batch keeps still needs the template.
#[test]
fn a_clone_that_keeps_its_disk_keeps_the_template() {
    let host = PrivateHost::start();
    template_and_clones(&host);
    host.retire(&["policy", "set", "clone1", "vda", "keep", "--yes"])
        .expect(0);
    let refused = host.retire_json(&undefine(&ALL)).expect(3);
    let error = refused.json_error()["error"].clone();
    assert_eq!(error["code"], "in-use");
    assert!(error["message"].to_string().contains("clone1"), "{refused}");
    assert_eq!(host.domains().len(), 3);
}

/// Somebody opens the template's disk in the middle: all come back.
#[test]
fn where_one_fails_all_come_back() {
    use crate::support::tracer::After;
    let host = PrivateHost::start();
    template_and_clones(&host);
    let base = format!("{}/base.qcow2", host.pool);
    let mut is_open = None;
    let ended = host.traced(&undefine(&ALL), &mut |point| {
        if is_open.is_none() && point.step.contains("clone2.qcow2") {
            is_open = Some(std::fs::File::open(host.path(&base)).unwrap());
        }
        After::GoOn
    });
    assert_eq!(ended.code, 4, "{ended}");
    assert!(is_open.take().is_some());
    assert_eq!(host.domains(), ["clone1", "clone2", "template"]);
    for name in ["clone1", "clone2", "base"] {
        assert!(
            host.exists(&format!("{}/{name}.qcow2", host.pool)),
            "{ended}"
        );
    }
    let states: Vec<_> = transactions(&host)
        .iter()
        .map(|one| one["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["rolled-back"; 3]);
}

/// A kill in the middle of the batch: one recover, and all are there.
#[test]
fn after_a_kill_one_recover_has_them_all_back() {
    use crate::support::tracer::After;
    let host = PrivateHost::start();
    template_and_clones(&host);
    let before = identities(&host);
    let killed = host.traced(
        &undefine(&ALL),
        &mut |point| match point.call == "renameat2" && point.target.ends_with("base.qcow2") {
            true => After::Kill,
            false => After::GoOn,
        },
    );
    assert_eq!(killed.code, 137, "{killed}");
    host.retire(&["recover", "--yes"]).expect(0);
    for (before, now) in before.iter().zip(identities(&host)) {
        assert_same(before, &now);
    }
}

#[test]
fn each_is_a_decision_of_its_own() {
    let host = PrivateHost::start();
    for name in ["one", "two", "three"] {
        GuestBuilder::new(name)
            .disk(Disk::unmanaged(&format!("{name}.raw")))
            .define(&host);
    }
    host.virsh(&["start", "two"]);
    let each = [undefine(&["one", "two", "three"]), vec!["--each"]].concat();
    let without = undefine(&["one", "two", "three"]);
    host.retire(&without).expect(3);
    assert_eq!(host.domains().len(), 3);
    let partly = host.retire_json(&each).expect(4);
    let done = partly.json()["transactions"].as_array().unwrap().clone();
    assert_eq!(done.len(), 2, "{partly}");
    assert!(done.iter().all(|one| one["state"] == "committed"));
    let error = partly.json_error()["error"].clone();
    assert_eq!(error["code"], "active-domain");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("domain two") && !message.contains("Nothing was changed"));
    assert_eq!(host.domains(), ["two"]);
    // A name that is no domain's is one that fails, and no more.
    let typed = [undefine(&["nosuch", "one", "two"]), vec!["--each"]].concat();
    host.retire(&["rollback", "1-2", "--yes"]).expect(0);
    let partly = host.retire_json(&typed).expect(4);
    let message = partly.json_error()["error"]["message"].to_string();
    assert!(
        message.contains("nosuch") && message.contains("domain two"),
        "{message}"
    );
    assert_eq!(host.domains(), ["two", "three"]);
    let nobody = [undefine(&["nosuch"]), vec!["--each"]].concat();
    let none = host.retire_json(&nobody).expect(1).json_error();
    assert_eq!(none["error"]["code"], "no-such-domain");
    // Where none can be had nothing has changed.
    let none = [undefine(&["two"]), vec!["--each"]].concat();
    host.retire(&none).expect(3);
    host.virsh(&["destroy", "two"]);
    host.retire(&none).expect(0);
    assert_eq!(host.domains(), ["three"]);
}

/// The template too, and a clone that fails keeps it.
#[test]
fn each_in_an_order_that_can_be() {
    let host = PrivateHost::start();
    template_and_clones(&host);
    let each = [undefine(&ALL), vec!["--each"]].concat();
    host.retire(&each).expect(0);
    assert!(host.domains().is_empty());
    host.retire(&["rollback", "3", "2", "1", "--yes"]).expect(0);
    host.virsh(&["start", "clone2"]);
    let partly = host.retire(&each).expect(4);
    assert_eq!(host.domains(), ["clone2", "template"], "{partly}");
}

const APART: [&str; 3] = ["one", "two", "three"];

/// Three guests that have nothing to do with one another, retired; the ids of their transactions.
fn retired_apart(host: &PrivateHost) -> Vec<String> {
    let known = transactions(host).len();
    host.retire(&undefine(&APART)).expect(0);
    let new = transactions(host).split_off(known);
    assert_eq!(new.len(), 3);
    new.iter().map(|one| one["id"].to_string()).collect()
}

fn rollback(ids: &[String]) -> Vec<&str> {
    let ids = ids.iter().map(String::as_str);
    ["rollback"]
        .into_iter()
        .chain(ids)
        .chain(["--yes"])
        .collect()
}

/// Whole, and where the journal says that they are: each domain with its disk, or neither. The ids
/// of those that are still retired.
#[track_caller]
fn still_retired(host: &PrivateHost, ids: &[String]) -> Vec<String> {
    let mut left = Vec::new();
    for one in transactions(host) {
        let id = one["id"].to_string();
        if !ids.contains(&id) {
            continue;
        }
        let (name, state) = (
            one["domain"].as_str().unwrap(),
            one["state"].as_str().unwrap(),
        );
        let is_back = match state {
            "rolled-back" => true,
            "committed" => false,
            other => panic!("{name} is {other}"),
        };
        let disk = format!("{}/{name}.qcow2", host.pool);
        assert_eq!(host.domains().contains(&name.to_owned()), is_back, "{name}");
        assert_eq!(host.path(&disk).exists(), is_back, "{name}'s disk");
        let listed = host.virsh(&["vol-list", "default"]);
        assert_eq!(listed.contains(&disk), is_back, "{name} in {listed}");
        if !is_back {
            left.push(id);
        }
    }
    left
}

/// They go back together; what fails of one is told, and the others are back or as they were.
#[test]
fn several_go_back_together_and_each_is_whole_whatever_happens_to_one() {
    let host = PrivateHost::start();
    for name in APART {
        let disk = Disk::pool(&format!("{name}.qcow2"));
        GuestBuilder::new(name).disk(disk).define(&host);
    }
    host.refresh_pools();
    let capture = || APART.map(|name| Identity::capture(&host, name, &[]));
    let before = capture();
    let same = || {
        for (was, is) in before.iter().zip(capture()) {
            assert_same(was, &is);
        }
    };
    let ids = retired_apart(&host);
    let moves = host.count("renameat2", &rollback(&ids));
    assert!(moves >= 3, "{moves}");
    same();
    let mut partly = 0;
    for when in 1..=moves {
        let ids = retired_apart(&host);
        let failing = host.inject(&Fault::error("renameat2", "EIO", when), &rollback(&ids));
        assert!(failing.struck(), "{when}");
        let left = still_retired(&host, &ids);
        let told = &failing.outcome;
        assert_eq!(
            told.code,
            if left.is_empty() { 0 } else { 4 },
            "{when}: {told}"
        );
        partly += u32::from(!left.is_empty() && left.len() < 3);
        if !left.is_empty() {
            host.retire(&rollback(&left)).expect(0);
        }
        same();
        let ids = retired_apart(&host);
        let killed = host.inject(&Fault::kill("renameat2", when), &rollback(&ids));
        assert!(killed.struck(), "{when}");
        host.retire(&["recover", "--yes"]).expect(0);
        let left = still_retired(&host, &ids);
        if !left.is_empty() {
            host.retire(&rollback(&left)).expect(0);
        }
        same();
    }
    assert!(partly > 0, "no fault met one of them alone");
}
