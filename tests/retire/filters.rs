//! The failure story: months later an auditor asks what went of web01, who did it and what of it
//! can still come back. The answer leaves a transaction out, or has one that was not asked for, and
//! he believes it.
//!
//! One host with a transaction of each kind; then every filter of `list` and `log`, alone and with
//! others.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Disk, GuestBuilder, PrivateHost};

/// Six transactions and one notice, by two users:
///
/// | | domain | by | state | besides |
/// |---|---|---|---|---|
/// | 1 | web01 | mira | committed | held |
/// | 2 | web02 | mira | rolled-back by otto | |
/// | 3 | db01 | otto | purged | |
/// | 4 | web02 | otto | prepared | |
/// | 5 | db02 | otto | committed | a rule was set aside |
/// | 6 | web03 | mira | rolled-back, as renamed | |
struct Past {
    host: PrivateHost,
    images: String,
    /// Of web02.
    uuid: String,
    /// Of web03 since it came back.
    renamed: String,
}

fn past() -> Past {
    let host = PrivateHost::start();
    let images = host.images.clone();
    let by = |user: &str, words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        host.retire_with(&words, &[("SUDO_USER", user)]).expect(0);
    };
    host.shell(&format!("mkdir {images}/db"));
    for (name, file) in [
        ("web01", "web01.raw"),
        ("web02", "web02.raw"),
        ("web03", "web03.raw"),
        ("db01", "db/db01.raw"),
        ("db02", "db/db02.raw"),
    ] {
        GuestBuilder::new(name)
            .disk(Disk::unmanaged(&format!("{images}/{file}")))
            .define(&host);
    }
    let uuid = host.virsh(&["domuuid", "web02"]);
    by(
        "mira",
        "undefine web01 --remove-all-storage --reason moved --yes",
    );
    by("mira", "hold 1 --reason audit --yes");
    by("mira", "undefine web02 --remove-all-storage --yes");
    by("otto", "rollback 2 --yes");
    by("otto", "undefine db01 --remove-all-storage --yes");
    by("otto", "purge 3 --yes");
    by(
        "otto",
        "undefine web02 --remove-all-storage --prepare --yes",
    );
    by("otto", "policy set db02 --protected --yes");
    by(
        "otto",
        "undefine db02 --remove-all-storage --override-protection --reason gone --yes",
    );
    by("mira", "undefine web03 --remove-all-storage --yes");
    by("mira", "rollback 6 --as-name renamed --yes");
    let renamed = host.virsh(&["domuuid", "renamed"]);
    Past {
        host,
        images,
        uuid,
        renamed,
    }
}

impl Past {
    fn words<'a>(&self, verb: &'a str, filter: &'a str) -> Vec<&'a str> {
        let filter = filter.split(' ').filter(|word| !word.is_empty());
        [verb].into_iter().chain(filter).collect()
    }

    fn listed(&self, filter: &str) -> Vec<u64> {
        let answer = self.host.retire_json(&self.words("list", filter)).expect(0);
        let answer = answer.json();
        let found = answer["transactions"].as_array().unwrap().iter();
        found.map(|it| it["id"].as_u64().unwrap()).collect()
    }

    fn events(&self, filter: &str) -> Vec<Value> {
        let answer = self.host.retire_json(&self.words("log", filter)).expect(0);
        answer.json()["events"].as_array().unwrap().clone()
    }

    /// Transactions that have an entry there, 0 for what belongs to none, in the order of the
    /// first.
    fn logged(&self, filter: &str) -> Vec<u64> {
        let mut ids: Vec<u64> = Vec::new();
        for event in self.events(filter) {
            let id = event["transaction"].as_u64().unwrap_or(0);
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }
}

fn sequences(events: &[Value]) -> Vec<u64> {
    let sequence = |event: &Value| event["sequence"].as_u64().unwrap();
    events.iter().map(sequence).collect()
}

#[test]
fn every_filter_of_list_and_of_log_takes_what_it_says() {
    let past = past();
    let Past { images, uuid, .. } = &past;
    let none: [u64; 0] = [];
    assert_eq!(past.listed(""), [6, 5, 4, 3, 2, 1]);
    assert_eq!(past.logged(""), [1, 2, 3, 4, 0, 5, 6]);

    // What is asked, what `list` has, and the transactions that `log` has entries of.
    let web01 = format!("--touched {images}/web01.raw");
    let folder = format!("--touched {images}/db");
    let beginning = format!("--touched {images}/db/db0");
    let of_renamed = format!("--uuid {}", past.renamed);
    let of_uuid = format!("--uuid {uuid}");
    let combined = format!("--touched {images} --restorable --user otto");
    let asked: [(&str, &[u64], &[u64]); 27] = [
        ("--domain web*", &[6, 4, 2, 1], &[1, 2, 4, 6]),
        ("--domain db0[2-9]", &[5], &[0, 5]),
        ("--domain web", &none, &none),
        // Under the name that it came back with as well.
        ("--domain renamed", &[6], &[6]),
        (&of_renamed, &[6], &[6]),
        (&of_uuid, &[4, 2], &[2, 4]),
        ("--uuid 00000000-0000-0000-0000-000000000001", &none, &none),
        // Of the log each entry's own user: otto rolled back what mira had begun.
        ("--user mira", &[6, 2, 1], &[1, 2, 6]),
        ("--user otto", &[5, 4, 3], &[2, 3, 4, 0, 5]),
        ("--user root", &none, &none),
        ("--state committed", &[5, 1], &[1, 5]),
        ("--state rolled-back", &[6, 2], &[2, 6]),
        ("--state purged", &[3], &[3]),
        ("--state prepared,purged", &[4, 3], &[3, 4]),
        ("--state prepared --state purged", &[4, 3], &[3, 4]),
        ("--state stuck", &none, &none),
        (&web01, &[1], &[1]),
        (&folder, &[5, 3], &[3, 5]),
        // A part of a name is no folder.
        (&beginning, &none, &none),
        ("--held", &[1], &[1]),
        ("--restorable", &[5, 4, 1], &[1, 4, 5]),
        ("--overridden", &[5], &[5]),
        ("--since 1h", &[6, 5, 4, 3, 2, 1], &[1, 2, 3, 4, 0, 5, 6]),
        ("--until 1h", &none, &none),
        // All of them at once.
        (&combined, &[5, 4], &[4, 5]),
        ("--held --state committed --domain web*", &[1], &[1]),
        ("--held --overridden", &none, &none),
    ];
    for (filter, listed, logged) in asked {
        assert_eq!(past.listed(filter), listed, "list {filter}");
        assert_eq!(past.logged(filter), logged, "log {filter}");
    }
    // A relative path is below the folder that one is in.
    let from_there = format!("cd {images}; {} ", crate::support::retire::BINARY);
    let told = past.host.shell(&format!(
        "{from_there} --state-dir {} --output json list --touched web01.raw",
        past.host.state
    ));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["transactions"].as_array().unwrap().len(), 1);
}

#[test]
fn since_takes_the_very_moment_and_until_does_not() {
    let past = past();
    let listed = past.host.retire_json(&["list"]).expect(0).json();
    let began: BTreeMap<u64, String> = (listed["transactions"].as_array().unwrap().iter())
        .map(|it| {
            let at = it["started_at"].as_str().unwrap().to_owned();
            (it["id"].as_u64().unwrap(), at)
        })
        .collect();
    let of = |filter: String| past.listed(&filter);
    assert_eq!(of(format!("--since {}", began[&4])), [6, 5, 4]);
    assert_eq!(of(format!("--until {}", began[&4])), [3, 2, 1]);
    let between = format!("--since {} --until {}", began[&2], began[&5]);
    assert_eq!(of(between), [4, 3, 2]);
    // Of the log each entry's own moment.
    let all = past.events("");
    for at in [0, all.len() / 2, all.len() - 1] {
        let moment = all[at]["at"].as_str().unwrap();
        let (from, before) = (
            past.events(&format!("--since {moment}")),
            past.events(&format!("--until {moment}")),
        );
        assert_eq!([before, from.clone()].concat(), all, "{moment}");
        assert_eq!(from[0]["at"], moment);
    }
}

#[test]
fn the_newest_come_first_in_a_list_and_last_in_the_log_and_a_limit_takes_the_newest() {
    let past = past();
    assert_eq!(past.listed("--limit 2"), [6, 5]);
    assert_eq!(past.listed("--limit 100"), [6, 5, 4, 3, 2, 1]);
    // Of those that were asked for.
    assert_eq!(past.listed("--limit 1 --held"), [1]);
    assert_eq!(past.listed("--limit 2 --domain web*"), [6, 4]);
    let all = past.events("");
    assert!(sequences(&all).iter().copied().eq(1..=all.len() as u64));
    for limit in [0, 1, 5, all.len() + 1] {
        let wanted = &all[all.len().saturating_sub(limit)..];
        assert_eq!(past.events(&format!("--limit {limit}")), wanted, "{limit}");
    }
    let of_two = past.events("--domain web02 --touched / --state rolled-back");
    let last = past.events("--domain web02 --touched / --state rolled-back --limit 3");
    assert_eq!(last, of_two[of_two.len() - 3..]);
    // Every way to write it has the same entries, in the same order.
    let host = &past.host;
    let csv = host.retire(&["--output", "csv", "log", "--user", "otto"]);
    let csv = csv.expect(0).stdout;
    let rows: Vec<&str> = csv.split("\r\n").filter(|row| !row.is_empty()).collect();
    let otto = past.events("--user otto");
    assert_eq!(
        rows[0],
        "sequence,at,transaction,domain,domain_uuid,kind,user,what"
    );
    assert_eq!(rows.len(), otto.len() + 1);
    for (row, event) in rows[1..].iter().zip(&otto) {
        let cells: Vec<&str> = row.split(',').collect();
        let id = event["transaction"].as_u64();
        assert_eq!(cells[0], event["sequence"].to_string());
        assert_eq!(cells[1], event["at"].as_str().unwrap());
        assert_eq!(cells[2], id.map_or(String::new(), |id| id.to_string()));
        assert_eq!(cells[5], event["kind"].as_str().unwrap());
        assert_eq!(cells[6], "otto");
    }
    let text = host.retire(&["log", "--user", "otto"]).expect(0).stdout;
    assert_eq!(text.lines().count(), otto.len());
    // What is no filter is said so, and nothing is answered.
    for wrong in [
        "--state gone",
        "--since noon",
        "--until 2026-13-01",
        "--uuid 1",
        "--limit -1",
        "--limit few",
        "--domain [",
    ] {
        for verb in ["list", "log"] {
            let run = host.retire(&past.words(verb, wrong)).expect(2);
            assert_eq!(run.stdout, "", "{verb} {wrong}");
        }
    }
}
