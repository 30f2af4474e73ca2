//! A quarantine that nobody may empty, and one that empties itself too early. If these tests fail,
//! a change of the configuration moves the date at which what was retired before is destroyed, or
//! what an auditor has asked to keep is gone because somebody else released his own hold.

use crate::support::{Disk, GuestBuilder, PrivateHost};

fn retire(host: &PrivateHost, name: &str, more: &[&str]) -> serde_json::Value {
    GuestBuilder::new(name)
        .disk(Disk::unmanaged(&format!("{name}.raw")))
        .define(host);
    let words = [
        &["undefine", name, "--remove-all-storage", "--yes"][..],
        more,
    ]
    .concat();
    host.retire_json(&words).expect(0).json()["transactions"][0].clone()
}

fn listed(host: &PrivateHost, id: u64) -> serde_json::Value {
    let all = host.retire_json(&["list"]).expect(0).json();
    let all = all["transactions"].as_array().unwrap();
    all.iter().find(|it| it["id"] == id).unwrap().clone()
}

/// Seconds between the two stamps.
fn kept(transaction: &serde_json::Value) -> Option<i64> {
    let time = |key: &str| {
        let text = transaction[key].as_str()?;
        Some(text.parse::<jiff::Timestamp>().unwrap().as_second())
    };
    Some(time("expires_at")? - time("started_at")?)
}

#[test]
fn expiry_is_stamped_once_from_the_configuration_or_the_flag() {
    let host = PrivateHost::start();
    assert_eq!(kept(&retire(&host, "a", &[])), None, "for ever by default");
    let file = host.path("/etc/virt-retire/config.toml");
    std::fs::write(&file, "retention = \"30d\"\n").unwrap();
    let by_file = retire(&host, "b", &[]);
    assert_eq!(kept(&by_file), Some(30 * 86_400));
    let by_flag = retire(&host, "c", &["--expires", "12h"]);
    assert_eq!(kept(&by_flag), Some(12 * 3_600));
    assert_eq!(kept(&retire(&host, "d", &["--expires", "never"])), None);
    // The configuration changes no stamp.
    std::fs::write(&file, "retention = \"1h\"\n").unwrap();
    assert_eq!(listed(&host, 1)["expires_at"], serde_json::Value::Null);
    assert_eq!(listed(&host, 2)["expires_at"], by_file["expires_at"]);
    assert_eq!(listed(&host, 3)["expires_at"], by_flag["expires_at"]);
    for wrong in ["", "soon", "30", "-1d"] {
        let words = [
            "undefine",
            "a",
            "--keep-storage",
            "--yes",
            "--expires",
            wrong,
        ];
        host.retire(&words).expect(2);
    }
    // A person is told what is held, until when, and how to be rid of it.
    GuestBuilder::new("e")
        .disk(Disk::unmanaged("e.raw"))
        .define(&host);
    let words = ["undefine", "e", "--remove-all-storage", "--yes"];
    let told = host.retire(&words).expect(0).stdout;
    for part in [
        "held in quarantine and not freed",
        "until 20",
        "virt-retire purge 5",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
}

#[test]
fn the_bytes_are_those_on_the_disk_and_the_user_is_who_logged_in() {
    let host = PrivateHost::start();
    host.shell(&format!(
        "truncate -s 64M {0}/a.raw; dd if=/dev/urandom of={0}/a.raw bs=1M count=3 \
                         conv=notrunc status=none; sync {0}/a.raw",
        host.images
    ));
    GuestBuilder::new("a")
        .disk(Disk::unmanaged("a.raw").existing())
        .define(&host);
    let blocks = host.shell(&format!("stat -c %b {}/a.raw", host.images));
    let blocks: u64 = blocks.trim().parse().unwrap();
    let words = [
        "--output",
        "json",
        "undefine",
        "a",
        "--remove-all-storage",
        "--yes",
    ];
    let told = host.retire_with(&words, &[("SUDO_USER", "mira")]).expect(0);
    let one = &told.json()["transactions"][0];
    assert_eq!(one["bytes"], blocks * 512, "{one}");
    assert_eq!(one["size_bytes"], 64 << 20);
    assert_eq!(one["user"], "mira");
    assert_eq!(one["restorable"], true);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_eq!(listed(&host, 1)["restorable"], false);
}

#[test]
fn several_holds_each_with_a_name_a_reason_and_a_user() {
    let host = PrivateHost::start();
    retire(&host, "a", &[]);
    retire(&host, "b", &[]);
    // Nobody says why, or nobody is asked.
    host.retire(&["hold", "1", "--yes"]).expect(2);
    host.retire(&["hold", "1", "--reason", " ", "--yes"])
        .expect(2);
    host.retire(&["hold", "1", "--reason", "x"]).expect(1);
    assert_eq!(listed(&host, 1)["held"], false);

    host.retire(&[
        "hold",
        "1-2",
        "--reason",
        "the case of 2026",
        "--name",
        "legal",
        "--yes",
    ])
    .expect(0);
    let told = host.retire_with(
        &[
            "--output",
            "json",
            "hold",
            "1",
            "--reason",
            "ticket 17",
            "--yes",
        ],
        &[("SUDO_USER", "mira")],
    );
    let one = told.expect(0).json()["transactions"][0].clone();
    assert_eq!(one["held"], true);
    let holds = one["holds"].as_array().unwrap();
    assert_eq!(holds.len(), 2);
    assert_eq!(holds[0]["name"], "legal");
    assert_eq!(holds[0]["reason"], "the case of 2026");
    assert_eq!(holds[1]["reason"], "ticket 17");
    assert_eq!(holds[1]["user"], "mira");
    holds[1]["at"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
    assert_eq!(listed(&host, 1)["holds"], one["holds"]);
    assert_eq!(listed(&host, 2)["held"], true);

    // The same name again, a name that nobody gave, one that has nothing to hold: all or none.
    let again = ["hold", "1", "--reason", "x", "--name", "legal", "--yes"];
    let error = host.retire_json(&again).expect(1).json_error();
    assert_eq!(error["error"]["code"], "hold-exists");
    let error = host.retire_json(&["release", "1", "--name", "lega", "--yes"]);
    assert_eq!(
        error.expect(1).json_error()["error"]["code"],
        "no-such-hold"
    );
    host.retire(&["release", "1-2", "--name", "hold", "--yes"])
        .expect(1);
    assert_eq!(listed(&host, 1)["holds"], one["holds"]);

    host.retire(&["release", "1", "--name", "legal", "--yes"])
        .expect(0);
    assert_eq!(
        listed(&host, 1)["held"],
        true,
        "the other one still holds it"
    );
    host.retire(&["release", "1", "--yes"]).expect(0);
    assert_eq!(listed(&host, 1)["held"], false);
    host.retire(&["release", "1", "--yes"]).expect(1);

    // A hold keeps nothing from coming back, and what is back cannot be held.
    host.retire(&["rollback", "2", "--yes"]).expect(0);
    let error = host
        .retire_json(&["hold", "2", "--reason", "x", "--yes"])
        .expect(1);
    assert_eq!(error.json_error()["error"]["code"], "wrong-state");
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    let kinds: Vec<_> = shown["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["kind"])
        .collect();
    assert_eq!(kinds.iter().filter(|it| **it == "held").count(), 2);
    assert_eq!(kinds.iter().filter(|it| **it == "released").count(), 2);
}
