//! Programs read what virt-retire prints. If these fail, a field that the contract promises is
//! missing, has another type, or comes with a second document beside it.

use crate::support::retire::{BINARY, quote};
use crate::support::{Disk, GuestBuilder, Outcome, PrivateHost};
use serde_json::Value;

/// Each field with its type: `s`tring, `n`umber, `b`ool, `a`rray, `o`bject, and `?` where it may be
/// null.
#[track_caller]
fn has(value: &Value, fields: &str) {
    for field in fields.split_whitespace() {
        let (name, kind) = field.split_once(':').unwrap();
        let found = value
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {value:#}"));
        let fits = kind.chars().any(|kind| match kind {
            's' => found.is_string(),
            'n' => found.is_u64(),
            'b' => found.is_boolean(),
            'a' => found.is_array(),
            'o' => found.is_object(),
            '?' => found.is_null(),
            _ => false,
        });
        assert!(fits, "{name} should be {kind}: {found}");
    }
}

fn array<'v>(value: &'v Value, name: &str) -> &'v Vec<Value> {
    value[name]
        .as_array()
        .unwrap_or_else(|| panic!("no array {name} in {value:#}"))
}

#[track_caller]
fn plan(plan: &Value) {
    has(plan, "domain:o executable:b refusals:a disks:a steps:a");
    has(&plan["domain"], "name:s uuid:s active:b persistent:b");
    for refusal in array(plan, "refusals") {
        has(refusal, "code:s subject:s message:s hint:s");
    }
    for disk in array(plan, "disks") {
        has(
            disk,
            "target:s path:s? pool:s? volume:s? access:s fate:s reason:s size_bytes:n chain:a \
             used_by:a",
        );
        assert!(["rw", "ro", "shared"].contains(&disk["access"].as_str().unwrap()));
        assert!(["quarantine", "keep", "refuse"].contains(&disk["fate"].as_str().unwrap()));
        for link in array(disk, "chain") {
            has(link, "path:s fate:s used_by:a");
        }
        for user in array(disk, "used_by") {
            has(user, "kind:s name:s");
        }
    }
    for (index, step) in array(plan, "steps").iter().enumerate() {
        has(step, "index:n kind:s subject:s");
        assert_eq!(step["index"], index);
    }
}

#[track_caller]
fn transaction(one: &Value) {
    has(
        one,
        "id:n uuid:s domain:s domain_uuid:s state:s started_at:s finished_at:s? user:s reason:s? \
         bytes:n held:b",
    );
    for time in ["started_at", "finished_at"] {
        let Some(time) = one[time].as_str() else {
            continue;
        };
        time.parse::<jiff::Timestamp>().unwrap();
        assert!(time.ends_with('Z'), "RFC 3339 in UTC: {time}");
    }
    uuid::Uuid::parse_str(one["uuid"].as_str().unwrap()).unwrap();
}

/// The one transaction that a verb answers with, and nothing on stderr.
#[track_caller]
fn answered(told: &Outcome, state: &str) -> Value {
    assert_eq!(told.stderr, "", "{told}");
    let document = told.json();
    let all = array(&document, "transactions");
    assert_eq!(all.len(), 1, "{told}");
    transaction(&all[0]);
    assert_eq!(all[0]["state"], state, "{told}");
    all[0].clone()
}

#[test]
fn every_verb_answers_with_what_the_contract_promises() {
    let host = PrivateHost::start();
    let base = format!("{}/base.qcow2", host.images);
    host.run(&["qemu-img", "create", "-qf", "qcow2", &base, "8M"])
        .expect(0);
    let guest = GuestBuilder::new("web1")
        .disk(Disk::pool("system.qcow2"))
        .disk(Disk::volume("logs.raw"))
        .disk(Disk::unmanaged("overlay.qcow2").on_base(&base, "qcow2"))
        .disk(Disk::unmanaged("shared.raw").shareable())
        .disk(Disk::unmanaged("tools.iso").cdrom())
        .described()
        .autostart()
        .define(&host);
    GuestBuilder::new("other")
        .disk(Disk::unmanaged("base.qcow2").existing())
        .define(&host);

    let told = host
        .retire_json(&["plan", "web1", "--remove-all-storage"])
        .expect(0);
    assert_eq!(told.stderr, "");
    let plans = told.json();
    assert_eq!(array(&plans, "plans").len(), 1);
    let made = &plans["plans"][0];
    plan(made);
    assert_eq!(made["executable"], true);
    assert_eq!(made["domain"]["name"], "web1");
    assert_eq!(made["domain"]["uuid"], *guest.uuid);
    assert_eq!(made["domain"]["active"], false);
    assert_eq!(made["domain"]["persistent"], true);
    let disk = |index: usize| &made["disks"][index];
    assert_eq!(disk(0)["pool"], "default");
    assert_eq!(disk(0)["volume"], "system.qcow2");
    assert_eq!(disk(0)["path"], guest.path("vda"));
    assert_eq!(disk(0)["fate"], "quarantine");
    assert_eq!(
        (&disk(1)["pool"], &disk(1)["volume"]),
        (&"default".into(), &"logs.raw".into())
    );
    assert_eq!(
        (&disk(2)["pool"], &disk(2)["volume"]),
        (&Value::Null, &Value::Null)
    );
    // What somebody else uses below a disk stays, and is shown with who.
    let below = &disk(2)["chain"][0];
    assert_eq!(below["path"], *base);
    assert_eq!(below["fate"], "keep");
    assert_eq!(below["used_by"][0]["kind"], "domain");
    assert_eq!(below["used_by"][0]["name"], "other");
    assert_eq!(
        (&disk(3)["access"], &disk(3)["fate"]),
        (&"shared".into(), &"keep".into())
    );
    assert_eq!(
        (&disk(4)["access"], &disk(4)["fate"]),
        (&"ro".into(), &"keep".into())
    );
    let size = std::fs::metadata(host.path(guest.path("vda")))
        .unwrap()
        .len();
    assert_eq!(disk(0)["size_bytes"], size);

    // A refused plan is whole too: one document on each side.
    let told = host.retire_json(&["plan", "other", "web1"]).expect(3);
    assert_eq!(array(&told.json(), "plans").len(), 2);
    told.json()["plans"]
        .as_array()
        .unwrap()
        .iter()
        .for_each(plan);
    assert_eq!(told.json()["plans"][1]["executable"], false);
    assert!(array(&told.json()["plans"][1], "steps").is_empty());
    has(&told.json_error()["error"], "code:s message:s hint:s");
    let told = host
        .retire_json(&["plan", "other", "--remove-all-storage"])
        .expect(3);
    let refused = told.json()["plans"][0].clone();
    assert_eq!(refused["refusals"][0]["code"], "in-use");
    assert_eq!(refused["disks"][0]["fate"], "refuse");
    assert_eq!(refused["disks"][0]["used_by"][0]["name"], "web1");

    let undefine = [
        "undefine",
        "web1",
        "--remove-all-storage",
        "--yes",
        "--reason",
        "moved",
    ];
    let done = answered(&host.retire_json(&undefine).expect(0), "committed");
    assert_eq!(
        (&done["id"], &done["domain"], &done["user"], &done["reason"]),
        (&1.into(), &"web1".into(), &"root".into(), &"moved".into())
    );
    assert_eq!(done["domain_uuid"], *guest.uuid);
    assert_eq!(done["held"], false);
    assert!(done["finished_at"].is_string());
    assert_eq!(
        answered(&host.retire_json(&["list"]).expect(0), "committed"),
        done
    );

    let told = host.retire_json(&["show", "1"]).expect(0);
    let shown = told.json();
    transaction(&shown);
    has(&shown, "plan:o events:a quarantine:a");
    plan(&shown["plan"]);
    assert_eq!(&shown["plan"], made, "what was planned is what was done");
    let quarantine = array(&shown, "quarantine");
    assert_eq!(quarantine.len(), 3);
    let mut bytes = 0;
    for file in quarantine {
        has(file, "original:s stored:s bytes:n");
        assert!(
            host.exists(file["stored"].as_str().unwrap())
                && !host.exists(file["original"].as_str().unwrap())
        );
        bytes += file["bytes"].as_u64().unwrap();
    }
    assert_eq!(shown["bytes"], bytes);

    answered(
        &host.retire_json(&["rollback", "1", "--yes"]).expect(0),
        "rolled-back",
    );
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    assert!(
        array(&shown, "quarantine").is_empty(),
        "nothing waits any more"
    );

    let prepared = answered(
        &host
            .retire_json(&[&undefine[..], &["--prepare"]].concat())
            .expect(0),
        "prepared",
    );
    assert_eq!(prepared["finished_at"], Value::Null);
    answered(
        &host.retire_json(&["commit", "2", "--yes"]).expect(0),
        "committed",
    );
    let told = host.retire_json(&["recover", "--yes"]).expect(0);
    assert!(array(&told.json(), "transactions").is_empty());
    // Numbers go up, and the list has every one of them, the newest first.
    let listed = host.retire_json(&["list"]).expect(0).json();
    let ids: Vec<_> = array(&listed, "transactions")
        .iter()
        .map(|one| one["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [2, 1]);
}

#[test]
fn json_is_the_same_wherever_the_flag_stands_and_however_loud() {
    let host = PrivateHost::start();
    GuestBuilder::new("web1")
        .disk(Disk::unmanaged("a.raw"))
        .define(&host);
    let plain = host
        .retire_json(&["plan", "web1", "--remove-all-storage"])
        .expect(0)
        .stdout;
    for words in [
        &["plan", "web1", "--remove-all-storage", "--output", "json"][..],
        &["plan", "--output=json", "--remove-all-storage", "web1"],
        &[
            "-q",
            "plan",
            "--output=json",
            "--remove-all-storage",
            "web1",
        ],
        &[
            "-vvvv",
            "plan",
            "--output=json",
            "--remove-all-storage",
            "web1",
        ],
    ] {
        assert_eq!(host.retire(words).expect(0).stdout, plain);
    }
    // Without anyone to ask: one document, and that on stderr.
    let told = host
        .retire_json(&["undefine", "web1", "--remove-all-storage"])
        .expect(1);
    assert_eq!(told.json_error()["error"]["code"], "not-confirmed");
    assert_eq!(told.stdout, "");
}

#[test]
fn an_answer_that_nobody_can_read_changes_no_exit_code() {
    let host = PrivateHost::start();
    GuestBuilder::new("web1")
        .disk(Disk::unmanaged("a.raw"))
        .define(&host);
    let retire = format!("{} --state-dir {}", quote(BINARY), host.state);
    let run = |line: String| host.run(&["bash", "-c", &line]);
    // The reader has gone: as with any command in a pipe, that is no error.
    for words in ["plan web1 --remove-all-storage", "--help", "list"] {
        let told = run(format!("set -o pipefail; {retire} {words} | true"));
        assert!(told.code == 0 && told.stderr.is_empty(), "{told}");
    }
    // A full disk behind the answer: looking has failed, doing has not.
    run(format!(
        "{retire} plan web1 --remove-all-storage >/dev/full"
    ))
    .expect(1);
    let told = run(format!(
        "{retire} --output json undefine web1 --remove-all-storage --yes >/dev/full"
    ))
    .expect(0);
    assert_eq!(told.json_error()["error"]["code"], "output");
    let told = run(format!("{retire} rollback 1 --yes >&- 2>&-"));
    assert_eq!(told.code, 0, "{told}");
    assert_eq!(host.domains(), ["web1"]);
}
