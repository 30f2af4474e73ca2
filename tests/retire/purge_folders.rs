//! A purge whose folders are not as it left them. If these tests fail, one user's symlink shuts the
//! way back of his domain for ever and keeps every other one from being purged, or somebody reads
//! that a disk is gone for good which lies there under another name.

use std::fs;

use crate::support::{Disk, GuestBuilder, Outcome, PrivateHost};
use serde_json::Value;

fn host() -> PrivateHost {
    let host = PrivateHost::start();
    let file = host.path("/etc/virt-retire/config.toml");
    fs::write(file, "minimum-age = \"0s\"\n").unwrap();
    host
}

fn retire(host: &PrivateHost, name: &str, disk: &str) {
    GuestBuilder::new(name)
        .disk(Disk::unmanaged(disk))
        .define(host);
    host.retire(&["undefine", name, "--remove-all-storage", "--yes"])
        .expect(0);
}

fn states(host: &PrivateHost) -> Vec<String> {
    let all = host.retire_json(&["list"]).expect(0).json();
    let mut all: Vec<_> = all["transactions"].as_array().unwrap().clone();
    all.sort_by_key(|it| it["id"].as_u64());
    let state = |it: &Value| it["state"].as_str().unwrap().to_owned();
    all.iter().map(state).collect()
}

/// Where the first file of a transaction waits.
fn stored(host: &PrivateHost, id: u64) -> String {
    let shown = host.retire_json(&["show", &id.to_string()]).expect(0);
    let stored = &shown.json()["quarantine"][0]["stored"];
    stored.as_str().unwrap().to_owned()
}

#[track_caller]
fn refused(told: Outcome, code: &str) -> Outcome {
    let told = told.expect(3);
    assert_eq!(told.json_error()["error"]["code"], code, "{told}");
    told
}

const ALL: [&str; 3] = ["purge", "--older-than", "0s"];

#[test]
fn a_symlink_on_the_way_to_a_folder_is_seen_before_anything_is_begun() {
    let host = host();
    let medium = host.filesystem("ext4");
    retire(&host, "a", &medium.path("a.raw"));
    retire(&host, "b", "b.raw");
    let root = &medium.mount_point;
    assert!(stored(&host, 1).starts_with(&format!("{root}/.virt-retire/")));
    host.shell(&format!(
        "cd {root}; mv .virt-retire aside; ln -s aside .virt-retire"
    ));
    let told = refused(host.retire_json(&["purge", "1", "--yes"]), "place-changed");
    assert!(told.stderr.contains("a symlink is on the way"), "{told}");
    refused(host.retire_json(&["purge", "1", "-n"]), "place-changed");
    refused(
        host.retire_json(&["purge", "1", "2", "--yes"]),
        "place-changed",
    );
    assert_eq!(states(&host), ["committed", "committed"]);
    // In a selection it stays, and keeps no other.
    let dry = host.retire_json(&[&ALL[..], &["-n"]].concat()).expect(0);
    let dry = dry.json();
    let ids = |list: &Value| -> Vec<u64> {
        let list = list.as_array().unwrap().iter();
        list.map(|it| it["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids(&dry["transactions"]), [2], "{dry}");
    assert_eq!(ids(&dry["stays"]), [1], "{dry}");
    let why = dry["stays"][0]["why"].as_str().unwrap();
    assert!(why.contains("a symlink is on the way"), "{why}");
    let told = host.retire(&[&ALL[..], &["--yes"]].concat()).expect(0);
    assert!(told.stderr.starts_with("not purged: 1 (a): "), "{told}");
    assert_eq!(states(&host), ["committed", "purged"]);
    // Nothing is shut: put right, it comes back.
    host.shell(&format!(
        "cd {root}; rm .virt-retire; mv aside .virt-retire"
    ));
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_eq!(states(&host), ["rolled-back", "purged"]);
}

/// A file that cannot be destroyed: the others go, and what is left is said at the end.
#[test]
fn one_that_fails_keeps_no_other_of_a_selection() {
    let host = host();
    for name in ["a", "b", "c"] {
        retire(&host, name, &format!("{name}.raw"));
    }
    let fault = crate::support::Fault::error("unlinkat", "EIO", 1);
    let words = [&ALL[..], &["--yes"]].concat();
    let failing = host.inject(&fault, &words);
    assert!(failing.struck());
    let told = failing.outcome.expect(5);
    assert!(
        told.stderr.contains("transaction 1 is unfinished"),
        "{told}"
    );
    assert_eq!(states(&host), ["purging", "purged", "purged"]);
    host.retire(&["recover", "--yes"]).expect(0);
    assert_eq!(states(&host)[0], "purged");
}

#[test]
fn what_has_another_name_in_its_own_folder_is_not_said_to_be_gone() {
    let host = host();
    retire(&host, "a", "a.raw");
    let waiting = stored(&host, 1);
    host.shell(&format!("mv {waiting} {waiting}.kept"));
    let told = refused(
        host.retire_json(&["purge", "1", "--yes"]),
        "changed-since-plan",
    );
    assert!(told.stderr.contains(".kept"), "{told}");
    assert_eq!(states(&host), ["committed"]);
    // Copied, the file is another: nobody knows what it is, so it stays and is told.
    host.shell(&format!(
        "cp {waiting}.kept {waiting}.copy; rm {waiting}.kept"
    ));
    let told = host.retire(&["purge", "1", "--yes"]).expect(0);
    assert!(!told.stdout.contains("for good"), "{told}");
    assert!(told.stdout.contains("a.raw was not found"), "{told}");
    assert!(told.stdout.contains(".copy"), "{told}");
    assert!(host.exists(&format!("{waiting}.copy")));
    assert_eq!(states(&host), ["purged"]);
}
