//! If this fails, a domain's own word about its disks is not heard: a disk that its owner wrote
//! down to keep goes, a policy with a typing error is passed over in silence, or a domain that was
//! protected is retired by a script that did not know.

use crate::support::{Disk, Guest, GuestBuilder, Identity, PrivateHost, assert_same};

fn guest<'h>(host: &'h PrivateHost, name: &str) -> Guest<'h> {
    GuestBuilder::new(name)
        .disk(Disk::pool(&format!("{name}-a.qcow2")))
        .disk(Disk::unmanaged(&format!("{name}-b.raw")))
        .disk(Disk::unmanaged(&format!("{name}.iso")).cdrom())
        .described()
        .define(host)
}

fn code(host: &PrivateHost, exit: i32, words: &[&str]) -> String {
    let outcome = host.retire_json(words).expect(exit);
    let error = outcome.json_error();
    error["error"]["code"].as_str().unwrap().to_owned()
}

fn fate<'v>(shown: &'v serde_json::Value, target: &str) -> &'v serde_json::Value {
    let disks = shown["policy"]["disks"].as_array().unwrap();
    &disks.iter().find(|disk| disk["target"] == target).unwrap()["fate"]
}

/// Issue item 4: set, shown, cleared; a whole policy needs no flag; all of it comes back.
#[test]
fn a_policy_is_set_decides_and_comes_back() {
    let host = PrivateHost::start();
    let guest = guest(&host, "web1");
    let shown = host
        .retire_json(&["policy", "show", "web1"])
        .expect(0)
        .json();
    assert!(fate(&shown, "vda").is_null(), "{shown}");

    // Nobody to ask and no --yes: nothing changes.
    let before = host.virsh(&["dumpxml", "web1"]);
    host.retire(&["policy", "set", "web1", "vda", "remove"])
        .expect(1);
    assert_eq!(host.virsh(&["dumpxml", "web1"]), before);

    host.retire(&["policy", "set", "web1", "vda", "remove", "--yes"])
        .expect(0);
    // One disk is still undecided.
    assert_eq!(
        code(&host, 3, &["undefine", "web1", "--yes"]),
        "undecided-disk"
    );
    host.retire(&["policy", "set", "web1", "vdb", "keep", "--yes"])
        .expect(0);
    let shown = host
        .retire_json(&["policy", "show", "web1"])
        .expect(0)
        .json();
    assert_eq!(fate(&shown, "vda"), "remove");
    assert_eq!(fate(&shown, "vdb"), "keep");
    // One disk alone, as the contract's grammar has it.
    let alone = host
        .retire_json(&["policy", "show", "web1", "vdb"])
        .expect(0)
        .json();
    assert_eq!(fate(&alone, "vdb"), "keep");
    assert_eq!(
        alone["policy"]["disks"].as_array().unwrap().len(),
        1,
        "{alone}"
    );
    // The other program's metadata is still there.
    assert!(host.virsh(&["dumpxml", "web1"]).contains("owner.example"));

    // It survives a dump and a define, and what migration sends.
    let xml = host.virsh(&["dumpxml", "web1", "--migratable", "--security-info"]);
    assert!(
        xml.contains("<retire:disk target=\"vda\" fate=\"remove\"/>"),
        "{xml}"
    );
    let dump = host.virsh(&["dumpxml", "web1", "--inactive", "--security-info"]);
    host.virsh(&["undefine", "web1"]);
    host.virsh(&["define", &host.scratch(&dump)]);
    let again = host
        .retire_json(&["policy", "show", "web1"])
        .expect(0)
        .json();
    assert_eq!(again, shown);

    let identity = Identity::capture(&host, "web1", &[]);
    host.retire(&["undefine", "web1", "--yes"]).expect(0);
    assert!(!host.exists(guest.path("vda")));
    assert!(host.exists(guest.path("vdb")), "the policy keeps vdb");
    assert!(host.exists(guest.path("hda")), "a CD-ROM stays");
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&identity, &Identity::capture(&host, "web1", &[]));

    // The policy is stronger than a general flag; --storage is stronger than the policy.
    let plan = host
        .retire_json(&["plan", "web1", "--remove-all-storage"])
        .expect(0)
        .json();
    let fates: Vec<_> = plan["plans"][0]["disks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|disk| {
            (
                disk["target"].as_str().unwrap(),
                disk["fate"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        fates,
        [("vda", "quarantine"), ("vdb", "keep"), ("hda", "keep")]
    );
    host.retire(&["undefine", "web1", "--storage", "vdb", "--yes"])
        .expect(0);
    assert!(host.exists(guest.path("vda")) && !host.exists(guest.path("vdb")));
    host.retire(&["rollback", "2", "--yes"]).expect(0);

    host.retire(&["policy", "clear", "web1", "vda", "--yes"])
        .expect(0);
    host.retire(&["policy", "set", "web1", "--default", "remove", "--yes"])
        .expect(0);
    let shown = host
        .retire_json(&["policy", "show", "web1"])
        .expect(0)
        .json();
    assert!(fate(&shown, "vda").is_null());
    assert_eq!(shown["policy"]["default"], "remove");
    let plan = host.retire_json(&["plan", "web1"]).expect(0).json();
    let fates: Vec<_> = plan["plans"][0]["disks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|disk| disk["fate"].as_str().unwrap())
        .collect();
    assert_eq!(
        fates,
        ["quarantine", "keep", "keep"],
        "the default leaves the CD-ROM"
    );
    host.retire(&["policy", "clear", "web1", "--yes"]).expect(0);
    assert!(!host.virsh(&["dumpxml", "web1"]).contains("virt-retire"));
    assert_eq!(code(&host, 3, &["plan", "web1"]), "undecided-disk");
}

/// A policy that is wrong is an error for whoever asks anything of the domain.
#[test]
fn a_wrong_policy_is_refused_never_ignored() {
    let host = PrivateHost::start();
    let guest = guest(&host, "web2");
    let before = Identity::capture(&host, "web2", &[]);
    assert_eq!(
        code(&host, 3, &["policy", "show", "web2", "vdz"]),
        "no-such-disk"
    );
    assert_eq!(
        code(&host, 3, &["policy", "set", "web2", "vdz", "keep", "--yes"]),
        "no-such-disk"
    );
    for usage in [
        &["policy", "set", "web2", "vda", "erase", "--yes"][..],
        &["policy", "set", "web2", "vda", "--yes"],
        &["policy", "set", "web2", "--yes"],
    ] {
        host.retire(usage).expect(2);
    }
    assert_same(&before, &Identity::capture(&host, "web2", &[]));

    for (policy, says) in [
        ("<policy><disk target='vdz' fate='keep'/></policy>", "vdz"),
        ("<policy defualt='keep'/>", "defualt"),
        ("<policy default='wipe'/>", "wipe"),
        ("<policy><disc target='vda' fate='keep'/></policy>", "disc"),
        (
            "<policy><disk target='vda' fate='keep'/><disk target='vda' fate='remove'/></policy>",
            "twice",
        ),
    ] {
        let uri = "https://virt-retire.org/xmlns/policy/1";
        let set = ["--config", "--key", "retire", "--set", policy];
        host.virsh(&[&["metadata", "web2", uri][..], &set[..]].concat());
        for words in [
            &["plan", "web2", "--remove-all-storage"][..],
            &["undefine", "web2", "--storage", "vda", "--yes"],
            &["undefine", "web2", "--keep-storage", "--yes"],
            &["policy", "show", "web2"],
        ] {
            let outcome = host.retire_json(words).expect(3);
            assert_eq!(
                outcome.json_error()["error"]["code"],
                "invalid-policy",
                "{outcome}"
            );
            assert!(outcome.stderr.contains(says), "{outcome}");
        }
        assert!(host.exists(guest.path("vda")));
        host.retire(&["policy", "clear", "web2", "--yes"]).expect(0);
    }
    assert_same(&before, &Identity::capture(&host, "web2", &[]));
}

/// A running guest's policy changes at once and for its next start; a transient one's at once.
#[test]
fn a_running_guests_policy_is_edited_live_and_persistent() {
    let host = PrivateHost::start();
    let guest = guest(&host, "web3");
    guest.start();
    host.retire(&["policy", "set", "web3", "vda", "keep", "--yes"])
        .expect(0);
    for state in [&["dumpxml", "web3"][..], &["dumpxml", "web3", "--inactive"]] {
        assert!(host.virsh(state).contains("fate=\"keep\""), "{state:?}");
    }
    // From here on it is transient.
    host.virsh(&["undefine", "web3"]);
    host.retire(&["policy", "set", "web3", "vda", "remove", "--yes"])
        .expect(0);
    assert!(host.virsh(&["dumpxml", "web3"]).contains("fate=\"remove\""));
    host.retire(&["policy", "clear", "web3", "--yes"]).expect(0);
    assert!(!host.virsh(&["dumpxml", "web3"]).contains("virt-retire"));
    guest.stop();
}

/// A protected domain is refused until that is cleared, or overridden with a reason on record.
#[test]
fn a_protected_domain_needs_a_reason_to_go() {
    let host = PrivateHost::start();
    let guest = guest(&host, "vault");
    host.retire(&["policy", "set", "vault", "--protected", "--yes"])
        .expect(0);
    let before = Identity::capture(&host, "vault", &[]);
    for words in [
        &["undefine", "vault", "--remove-all-storage", "--yes"][..],
        &["undefine", "vault", "--keep-storage", "--yes"],
        &["destroy", "vault", "--remove-all-storage", "--yes"],
        &["plan", "vault", "--remove-all-storage"],
    ] {
        assert_eq!(code(&host, 3, words), "protected-domain", "{words:?}");
    }
    let no_reason = [
        "undefine",
        "vault",
        "--keep-storage",
        "--override-protection",
        "--yes",
    ];
    host.retire(&no_reason).expect(2);
    host.retire(&[&no_reason[..], &["--reason", " "]].concat())
        .expect(2);
    assert_same(&before, &Identity::capture(&host, "vault", &[]));

    let reason = ["--override-protection", "--reason", "lease ended", "--yes"];
    host.retire(
        &[
            &["undefine", "vault", "--remove-all-storage"][..],
            &reason[..],
        ]
        .concat(),
    )
    .expect(0);
    assert!(!host.exists(guest.path("vda")));
    let shown = host.retire(&["--output", "json", "show", "1"]).expect(0);
    assert!(
        shown
            .stdout
            .contains("protection is overridden: lease ended"),
        "{shown}"
    );
    let told = host.retire(&["show", "1"]).expect(0).stdout;
    for part in ["overridden: lease ended", "Reason:    lease ended"] {
        assert!(told.contains(part), "no {part} in\n{told}");
    }
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "vault", &[]));

    host.retire(&["policy", "clear", "vault", "--protected", "--yes"])
        .expect(0);
    host.retire(&["undefine", "vault", "--remove-all-storage", "--yes"])
        .expect(0);
}

/// What an open transaction claims is not edited under it.
#[test]
fn an_open_transaction_keeps_its_domains_policy() {
    let host = PrivateHost::start();
    let guest = guest(&host, "web4");
    guest.start();
    host.retire(&["undefine", "web4", "--keep-storage", "--prepare", "--yes"])
        .expect(0);
    let outcome = host
        .retire_json(&["policy", "set", "web4", "vda", "keep", "--yes"])
        .expect(3);
    assert_eq!(
        outcome.json_error()["error"]["code"],
        "claimed",
        "{outcome}"
    );
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    host.retire(&["policy", "set", "web4", "vda", "keep", "--yes"])
        .expect(0);
    guest.stop();
}
