//! "What does this guest consist of?" and "whose is this file?" are what an operator asks before
//! anything is removed, and libvirt answers neither. A wrong answer here is a wrong `rm` later.

use crate::support::retire::{BINARY, quote};
use crate::support::{Disk, GuestBuilder, PrivateHost};

/// A disk that is not a file of this host, or one that is gone, is named alike by both.
#[test]
fn volumes_and_plan_name_the_same_paths() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("odd")
        .disk(Disk::pool("odd.qcow2"))
        .disk(Disk::unmanaged("gone.raw"))
        .device_xml(
            "<disk type='network' device='disk'><driver name='qemu' type='raw'/>\
             <source protocol='nbd' name='far'><host name='127.0.0.1' port='1'/></source>\
             <target dev='sdx' bus='scsi'/></disk>",
        )
        .define(&host);
    host.shell(&format!("rm {}", guest.path("vdb")));
    let volumes = host.retire_json(&["volumes", "odd"]).expect(0).json();
    let plan = host.retire_json(&["plan", "odd", "--keep-storage"]);
    let plan = plan.expect(0).json();
    let disks = plan["plans"][0]["disks"].as_array().unwrap();
    assert_eq!(disks.len(), 3);
    for disk in disks {
        let same = (volumes["volumes"].as_array().unwrap().iter())
            .find(|volume| volume["target"] == disk["target"])
            .unwrap();
        assert!(disk["path"].is_string(), "{disk:#}");
        assert_eq!(same["path"], disk["path"]);
    }
}

#[test]
fn volumes_and_users_tell_the_same_story() {
    let host = PrivateHost::start();
    let base = Disk::pool("base.qcow2");
    let guest = GuestBuilder::new("web")
        .disk(base.clone())
        .disk(Disk::unmanaged("data.raw").shareable())
        .disk(Disk::volume("logs.raw"))
        .disk(Disk::unmanaged("tools.iso").cdrom())
        .efi()
        .define(&host);
    guest.run_once();
    host.virsh(&[
        "snapshot-create-as",
        "web",
        "s",
        "--disk-only",
        "--diskspec",
        "vdb,snapshot=no",
        "--diskspec",
        "vdc,snapshot=no",
    ]);
    host.refresh_pools();
    let told = host.retire_json(&["volumes", "web"]).expect(0).json();
    let volumes = told["volumes"].as_array().unwrap();
    let of = |target: &str| {
        volumes
            .iter()
            .find(|one| one["target"] == target)
            .unwrap_or_else(|| panic!("no {target} in {told:#}"))
    };
    assert_eq!(
        of("vda")["chain"][0]["path"],
        "/var/lib/libvirt/pool/base.qcow2"
    );
    assert_eq!(of("vda")["chain"][0]["pool"], "default");
    assert_eq!(of("vda")["chain"][0]["volume"], "base.qcow2");
    assert_eq!(of("vda")["access"], "rw");
    assert_eq!(of("vdb")["access"], "shared");
    assert!(of("vdb")["pool"].is_null() && of("vdb")["volume"].is_null());
    assert_eq!(of("vdc")["path"], "/var/lib/libvirt/pool/logs.raw");
    assert_eq!(of("vdc")["volume"], "logs.raw");
    assert_eq!(of("sda")["access"], "ro");
    assert_eq!(
        of("nvram")["path"],
        "/var/lib/libvirt/qemu/nvram/web_VARS.fd"
    );
    let text = host.retire(&["volumes", "web"]).expect(0).stdout;
    for part in [
        "vda",
        "default/base.qcow2",
        "unmanaged",
        "data.raw",
        "web_VARS.fd",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }

    // By path, by volume, by a relative name, by a symlink: one file and its users.
    host.shell("ln -s /var/lib/libvirt/pool/logs.raw /var/lib/libvirt/boot/l");
    for name in [
        "/var/lib/libvirt/pool/logs.raw",
        "/var/lib/libvirt/boot/../pool/logs.raw",
        "/var/lib/libvirt/boot/l",
        "default/logs.raw",
    ] {
        let told = host.retire_json(&["users", name]).expect(0).json();
        assert_eq!(told["path"], "/var/lib/libvirt/pool/logs.raw", "{name}");
        assert_eq!(
            (&told["pool"], &told["volume"]),
            (&"default".into(), &"logs.raw".into())
        );
        assert_eq!(told["users"][0]["kind"], "domain", "{told:#}");
        assert_eq!(told["users"][0]["name"], "web");
        let mut users = told["users"].as_array().unwrap().iter();
        assert!(users.any(|user| user["how"] == "disk vdc of"), "{told:#}");
    }
    let told = host
        .retire_json(&["users", "default/base.qcow2"])
        .expect(0)
        .json();
    assert!(
        told["users"]
            .as_array()
            .unwrap()
            .iter()
            .any(|user| user["how"] == "backing file of disk vda of"),
        "{told:#}"
    );
    let text = host
        .retire(&["users", "/var/lib/libvirt/images/data.raw"])
        .expect(0)
        .stdout;
    assert!(
        text.contains("unmanaged") && text.contains("disk vdb of domain web"),
        "{text}"
    );

    for nothing in ["/no/such", "default/none", "nopool/none", "none"] {
        let outcome = host.retire_json(&["users", nothing]).expect(1);
        assert!(
            outcome.json_error()["error"]["hint"].is_string(),
            "{outcome}"
        );
    }
    host.retire(&["volumes", "nobody"]).expect(1);
}

/// Whoever is not root sees neither what others have open nor what they have mounted, and is told.
#[test]
fn who_may_not_look_is_refused_unless_he_accepts_it_and_the_journal_knows() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web")
        .disk(Disk::unmanaged("web.raw"))
        .define(&host);
    // Root without the right to look at other people's processes is as blind as anyone, if the
    // kernel does not answer for the file either: a lease on another's file needs a right of its
    // own.
    host.shell(&format!("chown 1207 {}", guest.path("vda")));
    host.shell("sleep 600 </dev/null >/dev/null 2>&1 & echo $! >/run/sleeper");
    host.shell(&format!("cp {} /run/retire", quote(BINARY)));
    let blind = |words: &[&str]| {
        let mut all = vec![
            "setpriv",
            "--bounding-set",
            "-sys_ptrace,-perfmon,-sys_admin,-lease",
            "--inh-caps",
            "-all",
            "--reuid",
            "0",
            "setpriv",
            "--clear-groups",
            "/run/retire",
            "--state-dir",
            &host.state,
            "--output",
            "json",
        ];
        all.extend(words);
        host.run(&all)
    };
    let other = host.run(&[
        "setpriv",
        "--reuid",
        "1207",
        "--regid",
        "1207",
        "--clear-groups",
        "sleep",
        "0",
    ]);
    assert_eq!(other.code, 0);
    host.shell(
        "setpriv --reuid 1207 --regid 1207 --clear-groups sleep 600 </dev/null >/dev/null 2>&1 &",
    );
    let plan = blind(&["plan", "web", "--remove-all-storage"])
        .expect(3)
        .json()["plans"][0]
        .clone();
    assert_eq!(plan["refusals"][0]["code"], "unseen-users", "{plan:#}");
    let unseen = plan["unseen"].as_array().unwrap();
    assert!(!unseen.is_empty(), "{plan:#}");
    blind(&["undefine", "web", "--remove-all-storage", "--yes"]).expect(3);
    assert!(host.exists(guest.path("vda")));
    // What removes nothing needs no such look.
    blind(&["plan", "web", "--keep-storage"]).expect(0);
    blind(&[
        "undefine",
        "web",
        "--remove-all-storage",
        "--accept-unseen",
        "--yes",
    ])
    .expect(0);
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    assert_eq!(
        shown["accepted_unseen"].as_array().unwrap(),
        unseen,
        "{shown:#}"
    );
    assert!(!host.exists(guest.path("vda")));
}
