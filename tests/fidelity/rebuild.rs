//! The journal is gone: a disk died, somebody tidied up, a bit flipped. If these tests fail,
//! quarantined guests can no longer be brought back although every byte of them is there.

use std::fs;

use crate::support::tracer::After;
use crate::support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

pub fn guest(host: &PrivateHost, name: &str) -> Identity {
    let guest = GuestBuilder::new(name)
        .disk(Disk::pool(&format!("{name}-a.qcow2")))
        .disk(Disk::unmanaged(&format!("{name}-b.raw")))
        .autostart()
        .define(host);
    drop(guest);
    Identity::capture(host, name, &[])
}

pub fn undefine(host: &PrivateHost, name: &str, more: &[&str]) {
    let words = ["undefine", name, "--remove-all-storage", "--yes"];
    host.retire(&[&words[..], more].concat()).expect(0);
}

pub fn lose(host: &PrivateHost) {
    fs::remove_dir_all(host.path(&host.state).join("journal")).unwrap();
    // A new journal has none yet.
    let _ = fs::remove_dir_all(host.path(&host.state).join("view"));
    fs::remove_file(host.path(&host.state).join("journal.head")).unwrap();
}

/// Numbers, states and domains, as `list` has them.
pub fn listed(host: &PrivateHost) -> Vec<String> {
    let listed = host.retire_json(&["list"]).expect(0).json();
    let line = |it: &serde_json::Value| {
        format!(
            "{} {} {}",
            it["id"],
            it["domain"].as_str().unwrap(),
            it["state"].as_str().unwrap()
        )
    };
    let mut all = listed["transactions"].as_array().unwrap().clone();
    all.sort_by_key(|one| one["id"].as_u64());
    all.iter().map(line).collect()
}

#[test]
fn everything_comes_back_without_the_journal_under_its_old_number() {
    let host = PrivateHost::start();
    let (one, two, three) = (
        guest(&host, "one"),
        guest(&host, "two"),
        guest(&host, "three"),
    );
    undefine(&host, "two", &[]);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    undefine(&host, "one", &[]);
    undefine(&host, "two", &["--prepare"]);

    // A journal that is whole is not replaced.
    let refused = host.retire_json(&["rebuild", "--yes"]).expect(1);
    assert_eq!(refused.json_error()["error"]["code"], "journal-healthy");

    lose(&host);
    let rebuilt = host.retire_json(&["rebuild", "--yes"]).expect(0).json();
    let unknown = rebuilt["transactions"][0]["unknown"].as_array().unwrap();
    assert!(!unknown.is_empty(), "it cannot know everything: {rebuilt}");
    // Transaction 1 was rolled back and left nothing.
    assert_eq!(listed(&host), ["2 one committed", "3 two prepared"]);
    // New ones go on after the highest number, and the journal opens and checks as any.
    undefine(&host, "three", &[]);
    assert_eq!(
        listed(&host),
        ["2 one committed", "3 two prepared", "4 three committed"]
    );
    for (id, name, before) in [("2", "one", one), ("3", "two", two), ("4", "three", three)] {
        host.retire(&["rollback", id, "--yes"]).expect(0);
        // The pool has other guests' volumes while these come back.
        assert_same(
            &before.ignoring(&["volumes"]),
            &Identity::capture(&host, name, &[]).ignoring(&["volumes"]),
        );
    }
    host.retire(&["recover", "--yes"]).expect(0);
}

/// A new journal in the place of the lost one would begin with 1 again and know of nothing.
#[test]
fn a_lost_journal_is_noticed_even_if_nothing_of_it_is_left() {
    let host = PrivateHost::start();
    guest(&host, "two");
    let one = guest(&host, "one");
    undefine(&host, "one", &[]);
    lose(&host);

    for words in [
        &["list"][..],
        &["undefine", "two", "--remove-all-storage", "--yes"],
    ] {
        let refused = host.retire(words).expect(1);
        assert!(
            refused.stderr.contains("virt-retire rebuild"),
            "{}",
            refused.stderr
        );
    }
    host.retire(&["rebuild", "--yes"]).expect(0);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&one, &Identity::capture(&host, "one", &[]));
}

#[test]
fn a_damaged_journal_names_the_way_out_and_is_kept() {
    let host = PrivateHost::start();
    let before = guest(&host, "shop");
    undefine(&host, "shop", &[]);
    let db = host.path(&host.state).join("journal/db");
    let mut bytes = fs::read(&db).unwrap();
    let middle = bytes.len() / 3;
    bytes.iter_mut().skip(middle).for_each(|byte| *byte ^= 0x40);
    fs::write(&db, &bytes).unwrap();

    let refused = host.retire_json(&["list"]).expect(1);
    let error = &refused.json_error()["error"];
    assert_eq!(error["code"], "journal-damaged", "{refused}");
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("virt-retire rebuild"),
        "{refused}"
    );
    // Without a terminal and without --yes nothing happens.
    host.retire(&["rebuild"]).expect(1);
    host.retire(&["list"]).expect(1);

    let rebuilt = host.retire_json(&["rebuild", "--yes"]).expect(0).json();
    let aside = rebuilt["aside"].as_str().expect("the old journal is kept");
    assert!(host.exists(&format!("{aside}/journal/db")));
    assert!(rebuilt["damage"].is_string());
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "shop", &[]));
}

/// Killed in the middle, and then the journal is lost too.
#[test]
fn what_was_half_done_is_found_half_done_and_put_back() {
    let host = PrivateHost::start();
    let before = guest(&host, "shop");
    let words = ["undefine", "shop", "--remove-all-storage", "--yes"];
    let mut moves = 0;
    let killed = host.traced(&words, &mut |point| {
        let is_move = point.call == "renameat2" && point.step.contains("quarantine");
        moves += usize::from(is_move);
        if moves == 2 { After::Kill } else { After::GoOn }
    });
    assert_eq!(killed.code, 137, "{killed}");
    lose(&host);
    host.retire(&["rebuild", "--yes"]).expect(0);
    assert_eq!(listed(&host), ["1 shop executing"]);
    host.retire(&["recover", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "shop", &[]));
}

/// A file system has one quarantine, whichever journals put their files there.
#[test]
fn transactions_of_another_journal_are_left_to_it_unless_chosen() {
    let mut host = PrivateHost::start();
    host.shell("mkdir -p /mnt/big; mount -t tmpfs none /mnt/big");
    for name in ["theirs", "ours"] {
        GuestBuilder::new(name)
            .disk(Disk::unmanaged(&format!("/mnt/big/{name}.raw")))
            .define(&host);
    }
    let ours = host.state.clone();
    host.state = format!("{ours}/other");
    undefine(&host, "theirs", &[]);
    host.state = ours;
    undefine(&host, "ours", &[]);
    lose(&host);

    let rebuilt = host.retire_json(&["rebuild", "--yes"]).expect(0).json();
    assert_eq!(listed(&host), ["1 ours committed"]);
    let others = rebuilt["others"].as_array().unwrap();
    assert!(
        others[0]
            .as_str()
            .unwrap()
            .starts_with("/mnt/big/.virt-retire/1-"),
        "{rebuilt}"
    );
    assert_eq!(others.len(), 1, "{rebuilt}");

    // Both have the number 1, and ours keeps it.
    lose(&host);
    let both = ["rebuild", "--yes", "--from", "/mnt/big"];
    let rebuilt = host.retire_json(&both).expect(0).json();
    assert_eq!(rebuilt["others"].as_array().unwrap().len(), 0, "{rebuilt}");
    assert_eq!(listed(&host), ["1 ours committed", "2 theirs committed"]);
    assert_eq!(rebuilt["transactions"][1]["number_before"], 1, "{rebuilt}");
}

/// Root's rollback moves files to wherever a record says: only root's own records count.
#[test]
fn a_record_that_somebody_else_could_have_written_is_not_trusted() {
    let host = PrivateHost::start();
    guest(&host, "shop");
    undefine(&host, "shop", &[]);
    lose(&host);
    host.shell(&format!("chmod 0770 {}/quarantine/1-*", host.state));
    let rebuilt = host.retire_json(&["rebuild", "--yes"]).expect(5);
    assert_eq!(rebuilt.json()["transactions"].as_array().unwrap().len(), 0);
    assert_eq!(rebuilt.json()["unusable"].as_array().unwrap().len(), 1);
}
