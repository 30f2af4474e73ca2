//! An operator retires the wrong guest, notices, and rolls back. If these fail, what comes back is
//! not what went: a disk with another owner, a guest that does not start with the host, a password
//! lost or told to everybody, a pool that lists what is not there.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::support::retire::{BINARY, quote};
use crate::support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};
use serde_json::Value;

const PASSWORD: &str = "geheim42";

/// One disk of each kind, and everything a domain has besides.
fn whole(name: &str) -> GuestBuilder {
    GuestBuilder::new(name)
        .disk(Disk::pool("system.qcow2"))
        .disk(Disk::volume("logs.raw"))
        .disk(Disk::unmanaged("data.raw"))
        .disk(Disk::unmanaged("old.qcow2"))
        .disk(Disk::unmanaged("tools.iso").cdrom())
        .disk(Disk::unmanaged("boot.img").floppy().size_mib(1))
        .vnc_password(PASSWORD)
        .described()
        .autostart()
}

/// The quarantine folder of transaction `id`.
fn home(host: &PrivateHost, id: u64) -> String {
    let shown = host
        .retire_json(&["show", &id.to_string()])
        .expect(0)
        .json();
    shown["home"].as_str().unwrap().to_owned()
}

#[test]
fn a_guest_that_was_retired_comes_back_whole_and_boots() {
    let host = PrivateHost::start();
    let guest = whole("web1").define(&host);
    let before = Identity::capture(&host, "web1", &[]);
    host.retire(&["undefine", "web1", "--remove-all-storage", "--yes"])
        .expect(0);

    assert_eq!(host.domains(), Vec::<String>::new());
    let volumes = host.virsh(&["vol-list", "default"]);
    assert_eq!(volumes, "", "the pool should list nothing that moved");
    for target in ["vda", "vdb", "vdc", "vdd"] {
        assert!(
            !host.exists(guest.path(target)),
            "{target} should have moved"
        );
    }
    for target in ["hda", "fda"] {
        assert!(
            host.exists(guest.path(target)),
            "removable media stay: {target}"
        );
    }
    host.restart_libvirtd();
    assert_eq!(
        host.domains(),
        Vec::<String>::new(),
        "gone from libvirt's disk too"
    );

    let told = host.retire(&["rollback", "1", "--yes"]).expect(0);
    for part in [
        "web1 is defined again, with autostart",
        guest.path("vda"),
        guest.path("vdd"),
    ] {
        assert!(told.stdout.contains(part), "{part} is not in:\n{told}");
    }
    assert_eq!(
        told.stderr, "",
        "a script's stderr stays empty where all is well"
    );
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
    host.restart_libvirtd();
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
    guest.run_once();
}

#[test]
fn a_guest_may_be_retired_and_brought_back_again_and_again() {
    let host = PrivateHost::start();
    whole("web1").define(&host);
    let before = Identity::capture(&host, "web1", &[]);
    for id in 1..=3 {
        host.retire(&["undefine", "web1", "--remove-all-storage", "--yes"])
            .expect(0);
        host.retire(&["rollback", &id.to_string(), "--yes"])
            .expect(0);
        assert_same(&before, &Identity::capture(&host, "web1", &[]));
    }
    let left: Vec<_> = fs::read_dir(host.path(&host.state).join("quarantine"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "emptied folders go: {left:?}");
}

#[test]
fn the_quarantine_is_closed_to_others_and_tells_how_to_restore() {
    let host = PrivateHost::start();
    whole("web1").define(&host);
    host.retire(&["undefine", "web1", "--remove-all-storage", "--yes"])
        .expect(0);
    let home = home(&host, 1);
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(&host.path(&home)), 0o700);
    for name in ["manifest.json", "domain.xml", "record.bin"] {
        assert_eq!(mode(&host.path(&home).join(name)), 0o600, "{name}");
    }
    let xml = fs::read_to_string(host.path(&home).join("domain.xml")).unwrap();
    assert!(
        xml.contains(PASSWORD),
        "rollback by hand needs the password"
    );

    let manifest = fs::read(host.path(&home).join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let files = manifest["files"].as_array().unwrap();
    assert_eq!(files.len(), 4);
    for file in files {
        let stored = host.path(file["stored"].as_str().unwrap());
        let found = fs::metadata(stored).unwrap();
        assert_eq!(file["uid"], found.uid());
        assert_eq!(file["gid"], found.gid());
        assert_eq!(file["mode"], format!("{:04o}", found.mode() & 0o7777));
        assert_eq!(file["size_bytes"], found.len());
    }
    // Secrets are in the journal too: its files are for their owner alone, and so are their
    // folders.
    let open = host.shell(&format!(
        "find {0} -type f ! -path '*/[0-9][0-9][0-9]' ! -perm 0600; find {0} -type d ! -perm 0700",
        host.state
    ));
    assert_eq!(open, "", "files or folders that others may read");
}

#[test]
fn the_manifest_alone_is_enough_to_restore_by_hand() {
    let host = PrivateHost::start();
    let guest = whole("web1")
        .disk(Disk::unmanaged("it's a \"disk\".raw"))
        .define(&host);
    let before = Identity::capture(&host, "web1", &[]);
    host.retire(&["undefine", "web1", "--remove-all-storage", "--yes"])
        .expect(0);
    let home = home(&host, 1);
    let manifest = fs::read(host.path(&home).join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let lines = manifest["restore"].as_array().unwrap();
    let commands = lines
        .iter()
        .map(|line| line.as_str().unwrap())
        .filter(|line| line.starts_with("mv ") || line.starts_with("virsh "));
    // As a person would, in that folder; without the program and without its journal.
    let script: Vec<&str> = commands.collect();
    host.shell(&format!("cd '{home}'\n{}", script.join("\n")));
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
    guest.run_once();
}

#[test]
fn secrets_are_told_only_to_who_asks() {
    let host = PrivateHost::start();
    whole("web1").define(&host);
    let quiet = |arguments: &[&str]| {
        for words in [
            arguments.to_vec(),
            [&["--output", "json"], arguments].concat(),
            [&["-vvv"], arguments].concat(),
        ] {
            let told = host.retire(&words);
            assert!(!told.to_string().contains(PASSWORD), "{told}");
        }
    };
    quiet(&["plan", "web1", "--remove-all-storage"]);
    quiet(&[
        "plan",
        "web1",
        "--remove-all-storage",
        "--save",
        &format!("{}/p", host.images),
    ]);
    let saved = fs::read(host.path(&host.images).join("p")).unwrap();
    assert!(
        !String::from_utf8_lossy(&saved).contains(PASSWORD),
        "a saved plan may lie anywhere"
    );
    quiet(&["undefine", "web1", "--remove-all-storage", "--yes"]);
    quiet(&["list"]);
    quiet(&["show", "1"]);
    for words in [
        &["show", "1", "--security-info"][..],
        &["--output", "json", "show", "1", "--security-info"],
    ] {
        let told = host.retire(words).expect(0);
        assert!(told.stdout.contains(PASSWORD), "who asks is told\n{told}");
    }
    quiet(&["rollback", "1", "--yes"]);
}

#[test]
fn named_disks_go_and_the_rest_stays() {
    let host = PrivateHost::start();
    host.shell("mkdir -m 711 /var/lib/libvirt/fast; ln -s images /var/lib/libvirt/alias");
    host.start_pool("fast", "/var/lib/libvirt/fast");
    host.virsh(&["vol-create-as", "fast", "swap.raw", "4M", "--format", "raw"]);
    let guest = GuestBuilder::new("web1")
        .disk(Disk::pool("a.qcow2"))
        .disk(Disk::unmanaged("b.raw"))
        .disk(Disk::unmanaged("/var/lib/libvirt/fast/swap.raw").existing())
        .disk(Disk::unmanaged("/var/lib/libvirt/alias/c.raw"))
        .disk(Disk::volume("d.raw"))
        .define(&host);
    guest.dress(&[guest.path("vdc")]);
    let before = Identity::capture(&host, "web1", &[]);
    let volumes = |pool| host.virsh(&["vol-list", pool]);
    // By target, by the path the domain spells, and by the real path behind a symlink.
    let real = format!("{}/c.raw", host.images);
    let list = format!("vda,{},{real}", guest.path("vdc"));
    host.retire(&["undefine", "web1", "--storage", &list, "--yes"])
        .expect(0);
    let there = |target| host.exists(guest.path(target));
    assert!(!there("vda") && !there("vdc") && !host.exists(&real));
    assert!(there("vdb") && there("vde"), "what was not named stays");
    assert_eq!(volumes("fast"), "", "both pools' lists are true");
    assert!(volumes("default").contains("d.raw") && !volumes("default").contains("a.qcow2"));
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));

    // Managed and unmanaged.
    host.retire(&["undefine", "web1", "--remove-managed-storage", "--yes"])
        .expect(0);
    assert!(!there("vda") && there("vdb") && !there("vdc") && host.exists(&real) && !there("vde"));
    host.retire(&["rollback", "2", "--yes"]).expect(0);
    host.retire(&["undefine", "web1", "--remove-unmanaged-storage", "--yes"])
        .expect(0);
    assert!(there("vda") && !there("vdb") && there("vdc") && !host.exists(&real) && there("vde"));
    host.retire(&["rollback", "3", "--yes"]).expect(0);
    host.retire(&["undefine", "web1", "--keep-storage", "--yes"])
        .expect(0);
    assert!(there("vda") && there("vdb") && there("vdc") && there("vde"));
    host.retire(&["rollback", "4", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
}

/// libvirt reads the headers of a pool's files when it makes its list anew, and of a volume when it
/// is asked for its XML, which shows in their access times.
#[test]
fn a_disk_that_came_back_was_read_by_nobody_meanwhile() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web1")
        .disk(Disk::pool("system.qcow2"))
        .disk(Disk::unmanaged("data.qcow2"))
        .disk(Disk::volume("logs.qcow2"))
        .define(&host);
    for target in ["vda", "vdb", "vdc"] {
        // Read since it was written: by relatime's rule nobody's reading shows, until its name
        // changes.
        host.shell(&format!(
            "touch -a -d 'now' {0}; cat {0} >/dev/null",
            guest.path(target)
        ));
    }
    let before = Identity::capture(&host, "web1", &[]);
    // What came back was renamed since it was last read: from now on any reading shows.
    for id in ["1", "2"] {
        host.retire(&["undefine", "web1", "--remove-all-storage", "--yes"])
            .expect(0);
        host.retire(&["rollback", id, "--yes"]).expect(0);
        assert_same(&before, &Identity::capture(&host, "web1", &[]));
    }
    for question in [
        &["plan", "web1", "--remove-all-storage"][..],
        &["volumes", "web1"],
        &["users", "default/logs.qcow2"],
    ] {
        host.retire(question).expect(0);
    }
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
}

#[test]
fn odd_permissions_of_the_surroundings_do_not_matter() {
    let host = PrivateHost::start();
    whole("web1").define(&host);
    let before = Identity::capture(&host, "web1", &[]);
    fs::set_permissions(host.path(&host.images), fs::Permissions::from_mode(0o555)).unwrap();
    // A umask that would open, or close, everything.
    for (id, umask) in [(1, "000"), (2, "777")] {
        let state = &host.state;
        let retire = quote(BINARY);
        host.shell(&format!(
            "umask {umask}; {retire} --state-dir {state} undefine web1 --remove-all-storage --yes"
        ));
        let open = host.shell(&format!(
            "find {state} -type d ! -perm 0700; find {state} -name '*.json' ! -perm 0600"
        ));
        assert_eq!(open, "", "umask {umask}");
        host.retire(&["rollback", &id.to_string(), "--yes"])
            .expect(0);
        assert_same(&before, &Identity::capture(&host, "web1", &[]));
    }
}
