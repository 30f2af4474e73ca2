//! The failure story: months later somebody asks what that volume was, who set which rule aside and
//! why, and whether the bytes are the same; and the record does not say.

use serde_json::Value;

use crate::support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

fn json(host: &PrivateHost, words: &[&str]) -> Value {
    host.retire_json(words).expect(0).json()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().unwrap().clone()
}

/// The file that holds the pool's volume, in another pool that is stopped.
fn in_a_stopped_pool(host: &PrivateHost) -> String {
    host.shell("mkdir /var/lib/libvirt/cold");
    host.start_pool("cold", "/var/lib/libvirt/cold");
    host.virsh(&["vol-create-as", "cold", "cold.raw", "1M"]);
    host.virsh(&["pool-destroy", "cold"]);
    "/var/lib/libvirt/cold/cold.raw".into()
}

#[test]
fn what_was_there_and_what_was_set_aside_is_in_the_record() {
    let host = PrivateHost::start();
    let cold = in_a_stopped_pool(&host);
    let guest = GuestBuilder::new("db1")
        .disk(Disk::volume("db1.qcow2"))
        .disk(Disk::pool("both.raw").shareable())
        .disk(Disk::pool("install.iso").cdrom())
        .disk(Disk::unmanaged(&cold).existing())
        .define(&host);
    GuestBuilder::new("db2")
        .disk(Disk::pool("both.raw").shareable().existing())
        .define(&host);
    let image = guest.path("vda").to_owned();
    let files = [image.as_str(), guest.path("vdb"), cold.as_str()];
    guest.dress(&files);
    let sum = host.shell(&format!("sha256sum {image}"));
    // By relatime's rule whatever reads it now shows.
    host.shell(&format!("touch -a -d @1000000000 {image}"));
    host.retire(&["policy", "set", "db1", "--protected", "--yes"])
        .expect(0);
    let before = Identity::capture(&host, "db1", &files);
    let undefine = [
        "undefine",
        "db1",
        "--remove-all-storage",
        "--override-protection",
        "--reason",
        "ticket 17",
        "--yes",
    ];
    host.retire_with(&undefine, &[("VIRT_RETIRE_DIGEST", "sha256")])
        .expect(0);

    let shown = json(&host, &["show", "1"]);
    let volumes = list(&shown["volumes"]);
    let volume = |name: &str| {
        let found = volumes.iter().find(|it| it["volume"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {shown}"))
    };
    assert_eq!(volume("db1.qcow2")["pool"], "default");
    assert_eq!(volume("db1.qcow2")["path"], image.as_str());
    for name in ["db1.qcow2", "both.raw", "install.iso"] {
        let xml = volume(name)["xml"].as_str().unwrap();
        assert!(xml.contains(&format!("<name>{name}</name>")), "{xml}");
        assert!(xml.contains("<capacity"), "{xml}");
    }
    // Readable without the program.
    let manifest = format!("{}/manifest.json", shown["home"].as_str().unwrap());
    let manifest: Value = serde_json::from_str(&host.shell(&format!("cat {manifest}"))).unwrap();
    assert_eq!(manifest["volumes"], shown["volumes"]);
    assert!(
        manifest["overrides"][0]
            .as_str()
            .unwrap()
            .contains("ticket 17")
    );
    // One that libvirt does not serve is named with the reason.
    if let Some(cold) = volumes.iter().find(|it| it["volume"] == "cold.raw") {
        assert_eq!(cold["xml"], Value::Null);
        assert!(
            cold["cause"].as_str().unwrap().contains("not active"),
            "{cold}"
        );
    }

    let around = &shown["circumstances"];
    let emulator = host.shell("qemu-system-x86_64 --version");
    assert!(
        emulator.contains(around["qemu"].as_str().unwrap()),
        "{around}"
    );
    assert!(around["libvirt"].is_string() && around["boot"].is_string());
    assert!(shown["pid"].as_u64().unwrap() > 1);
    let disks = list(&shown["plan"]["disks"]);
    let shared = disks.iter().find(|disk| disk["target"] == "vdb").unwrap();
    assert!(shared["used_by"].to_string().contains("db2"), "{shared}");

    // Who overrode what: one command.
    let log = json(&host, &["log", "--overridden"]);
    let events = list(&log["events"]);
    assert_eq!(events.len(), 1, "{log}");
    assert_eq!(events[0]["transaction"], 1);
    assert_eq!(events[0]["overrides"][0]["flag"], "override-protection");
    let told = host.retire(&["log", "--overridden"]).expect(0).stdout;
    assert!(
        told.contains("--override-protection") && told.contains("ticket 17"),
        "{told}"
    );
    let listed = json(&host, &["list", "--overridden"]);
    let overrides = &listed["transactions"][0]["overrides"];
    assert_eq!(overrides, &shown["overrides"]);
    assert_eq!(overrides[0]["user"], shown["user"]);

    // The digest is the one that others compute.
    let stored = list(&shown["quarantine"]);
    let disk = stored.iter().find(|it| it["original"] == image.as_str());
    let digest = disk.unwrap()["digest"].as_str().unwrap();
    assert_eq!(digest, format!("sha256:{}", sum.split(' ').next().unwrap()));

    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "db1", &files));
}

/// Every kind of finding, each alone, with what it means for an undo. Whoever did it is root, and
/// made nothing fit.
#[test]
fn verify_tells_every_kind_of_finding_and_what_it_means_for_an_undo() {
    let host = PrivateHost::start();
    let digest = &[("VIRT_RETIRE_DIGEST", "sha256")];
    let kinds = [
        ("missing", "rm $stored", "would not bring"),
        (
            "replaced",
            "cp $stored $stored.new; mv $stored.new $stored",
            "would not bring",
        ),
        ("changed", "echo more >> $stored", "as it is now"),
        // Nothing shows it but the digest.
        (
            "changed",
            "stat -c %y $stored > /tmp/when; printf x | dd of=$stored conv=notrunc status=none; \
             touch -d \"$(cat /tmp/when)\" $stored; rm /tmp/when",
            "as it is now",
        ),
        ("foreign", "echo mine > $home/notes", "move it away"),
        (
            "manifest",
            "sed -i s/vda/vdb/ $home/manifest.json",
            "goes by the journal",
        ),
        (
            "manifest",
            "echo '<!-- -->' >> $home/domain.xml",
            "goes by the journal",
        ),
        ("manifest", "rm $home/record.bin", "goes by the journal"),
        (
            "manifest",
            "echo x >> $home/record.mac; sed -i s/record/recorD/ $home/record.mac",
            "goes by",
        ),
    ];
    for (index, (code, deed, meaning)) in kinds.into_iter().enumerate() {
        let name = format!("g{index}");
        let guest = GuestBuilder::new(&name)
            .disk(Disk::unmanaged(&format!("{name}.raw")).size_mib(1))
            .define(&host);
        let id = (index + 1).to_string();
        let undefine = ["undefine", &name, "--remove-all-storage", "--yes"];
        host.retire_with(&undefine, digest).expect(0);
        let shown = json(&host, &["show", &id]);
        let stored = shown["quarantine"][0]["stored"].as_str().unwrap();
        let home = shown["home"].as_str().unwrap();
        let clean = json(&host, &["verify", &id, "--deep"]);
        assert_eq!((&clean["ok"], &clean["proved"]), (&true.into(), &1.into()));
        host.shell(&format!("stored={stored}; home={home}; {deed}"));
        let is_hidden = index == 3;
        if is_hidden {
            host.retire(&["verify", &id]).expect(0);
        }
        let words: &[&str] = if is_hidden {
            &["verify", &id, "--deep"]
        } else {
            &["verify", &id]
        };
        let verified = host.retire_json(words).expect(1).json();
        let found = list(&verified["findings"]);
        assert_eq!(found.len(), 1, "{deed}: {verified}");
        assert_eq!(found[0]["code"], code, "{deed}: {verified}");
        assert!(
            found[0]["hint"].as_str().unwrap().contains(meaning),
            "{deed}: {verified}"
        );
        assert!(
            found[0]["message"].as_str().unwrap().contains(&id),
            "{verified}"
        );
        assert_eq!(guest.disks.len(), 1);
    }
    // What was said last is in the log, with who was told.
    let log = json(&host, &["log", "--kind", "verification"]);
    let events = list(&log["events"]);
    assert_eq!(events.len(), kinds.len());
    assert!(
        events
            .iter()
            .all(|it| it["user"].is_string() && it["transaction"].is_null())
    );
    // Without a digest nobody claims to know.
    GuestBuilder::new("plain")
        .disk(Disk::unmanaged("plain.raw").size_mib(1))
        .define(&host);
    host.retire(&["undefine", "plain", "--remove-all-storage", "--yes"])
        .expect(0);
    let told = host.retire(&["verify", "last", "--deep"]).expect(0).stdout;
    assert!(
        told.contains("1 files could be read, and have no digest"),
        "{told}"
    );
}

/// What belongs to no transaction is in the log with user and time, and a command that finds
/// nothing to do at boot leaves no trace.
#[test]
fn what_is_no_transactions_is_in_the_log() {
    let host = PrivateHost::start();
    GuestBuilder::new("web1")
        .disk(Disk::unmanaged("web1.raw").size_mib(1))
        .define(&host);
    host.retire(&["recover", "--yes"]).expect(0);
    host.retire(&["policy", "set", "web1", "vda", "keep", "--yes"])
        .expect(0);
    host.retire(&["policy", "clear", "web1", "--yes"]).expect(0);
    host.retire(&["recover", "--yes"]).expect(0);
    host.retire(&["purge", "--expired", "--yes"]).expect(0);
    host.retire(&["purge", "--expired", "-n"]).expect(0);
    host.retire(&["undefine", "web1", "--remove-all-storage", "--yes"])
        .expect(0);
    host.retire(&["hold", "1", "--reason", "audit", "--yes"])
        .expect(0);
    host.retire(&["release", "1", "--yes"]).expect(0);
    let of = |words: &[&str]| list(&json(&host, &[&["log"], words].concat())["events"]);
    let policies = of(&["--kind", "policy"]);
    assert_eq!(policies.len(), 2);
    assert_eq!(policies[0]["domain"], "web1");
    assert!(policies[0]["text"].as_str().unwrap().contains("vda: keep"));
    assert!(policies[1]["text"].as_str().unwrap().contains("cleared"));
    assert!(policies[0]["command"].to_string().contains("policy"));
    assert_eq!(of(&["--kind", "purge"]).len(), 1);
    assert_eq!(of(&["--kind", "recovery"]).len(), 0);
    assert_eq!(of(&["--kind", "held,released"]).len(), 2);
    assert_eq!(of(&["--kind", "purge", "--user", "nobody"]).len(), 0);
    assert_eq!(of(&["--domain", "web*", "--kind", "policy"]).len(), 2);
    host.retire(&["log", "--kind", "wishes"]).expect(2);
    let csv = host.retire(&["--output", "csv", "log", "--kind", "policy"]);
    assert!(csv.expect(0).stdout.contains(",policy,"));

    // The journal is lost, and made anew: that too.
    let state = &host.state;
    host.shell(&format!(
        "rm -r {state}/journal {state}/journal.head {state}/view"
    ));
    host.retire(&["rebuild", "--yes"]).expect(0);
    let rebuilt = of(&["--kind", "rebuild"]);
    assert_eq!(rebuilt.len(), 1);
    assert!(
        rebuilt[0]["text"]
            .as_str()
            .unwrap()
            .contains("1 transactions")
    );
    assert!(rebuilt[0]["user"].is_string());
}
