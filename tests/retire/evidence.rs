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
