//! If this fails, a flag that names one kind of disk takes another along: managed and unmanaged
//! are different things, and a pool is a pool whatever its type.

use crate::support::{Disk, Guest, GuestBuilder, Identity, PrivateHost, assert_same};

/// Adds the pool `loop` of type fs: a file system of its own that libvirt mounts. Returns its
/// target.
fn fs_pool(host: &PrivateHost) -> String {
    let target = "/var/lib/libvirt/fspool";
    let image = host.scratch("");
    let device = host.shell(&format!(
        "truncate -s 64M {image}; mkfs.ext4 -q {image}; mkdir {target}; losetup --find --show \
         {image}"
    ));
    let device = device.trim();
    host.virsh(&[
        "pool-define-as",
        "loop",
        "fs",
        "--source-dev",
        device,
        "--target",
        target,
    ]);
    host.virsh(&["pool-start", "loop"]);
    // It goes with the mount, and that with the host.
    host.shell(&format!("losetup --detach {device}"));
    target.into()
}

/// vda in a dir pool, vdb in an fs pool, vdc in none, vdd in the fs pool's folder but unknown to
/// it; and what no general flag may take.
fn mixed<'h>(host: &'h PrivateHost, name: &str, target: &str) -> Guest<'h> {
    host.virsh(&["vol-create-as", "loop", &format!("{name}-b.raw"), "1M"]);
    let guest = GuestBuilder::new(name)
        .disk(Disk::volume(&format!("{name}-a.qcow2")))
        .disk(Disk::unmanaged(&format!("{target}/{name}-b.raw")).existing())
        .disk(Disk::unmanaged(&format!("{name}-c.raw")))
        .disk(Disk::unmanaged(&format!("{target}/{name}-d.raw")).size_mib(1))
        .disk(Disk::pool(&format!("{name}-ro.raw")).readonly())
        .disk(Disk::pool(&format!("{name}-shared.raw")).shareable())
        .disk(Disk::pool(&format!("{name}.iso")).cdrom())
        .define(host);
    assert_eq!(guest.disks[4].0, "vde");
    guest.dress(&[guest.path("vdb")]);
    guest
}

fn left(host: &PrivateHost, guest: &Guest) -> Vec<String> {
    let disks = guest.disks.iter();
    disks
        .filter(|(_, path)| host.exists(path))
        .map(|(target, _)| target.clone())
        .collect()
}

/// Issue items 1 and 2, each flag for real, and back.
#[test]
fn each_flag_takes_its_own_kind_in_pools_of_every_type() {
    let host = PrivateHost::start();
    let target = fs_pool(&host);
    let guest = mixed(&host, "web1", &target);
    let before = Identity::capture(&host, "web1", &[]);
    let always = ["vde", "vdf", "hda"];
    for (id, (flags, stays)) in [
        (&["--remove-managed-storage"][..], &["vdc", "vdd"][..]),
        (&["--remove-unmanaged-storage"], &["vda", "vdb"]),
        (
            &["--remove-managed-storage", "--remove-unmanaged-storage"],
            &[],
        ),
        (&["--remove-all-storage"], &[]),
        (&["--keep-storage"], &["vda", "vdb", "vdc", "vdd"]),
        // By target, by path, by the volume's own name; managed and unmanaged mixed.
        (&["--storage", "vda,TARGET/web1-b.raw,vdc"], &["vdd"]),
        (
            &["--storage", "default/web1-a.qcow2"],
            &["vdb", "vdc", "vdd"],
        ),
    ]
    .iter()
    .enumerate()
    {
        let flags: Vec<String> = flags
            .iter()
            .map(|flag| flag.replace("TARGET", &target))
            .collect();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        host.retire(&[&["undefine", "web1", "--yes"][..], &flags].concat())
            .expect(0);
        assert_eq!(
            left(&host, &guest),
            [stays, &always[..]].concat(),
            "{flags:?}"
        );
        for pool in ["default", "loop"] {
            let volumes = host.virsh(&["vol-list", pool]);
            for (name, path) in &guest.disks {
                let listed = volumes.contains(path.as_str());
                assert!(
                    !listed || host.exists(path),
                    "{name} is gone, and listed in {pool}"
                );
            }
        }
        host.retire(&["rollback", &(id + 1).to_string(), "--yes"])
            .expect(0);
        // The pool learned of vdd when it was looked at again; the guest's own things are the same.
        let after = Identity::capture(&host, "web1", &[]);
        assert_same(
            &before.ignoring(&["pool loop: volumes"]),
            &after.ignoring(&["pool loop: volumes"]),
        );
        // A file system that is a pool from its root on has no other place for the quarantine: it
        // is listed while something is in it, and no longer.
        let listed = host.virsh(&["vol-list", "loop"]);
        assert!(!listed.contains(".virt-retire"), "{flags:?}: {listed}");
        if listed.contains("web1-d.raw") {
            host.shell(&format!("mv {target}/web1-d.raw {target}/../d"));
            host.virsh(&["pool-refresh", "loop"]);
            host.shell(&format!("mv {target}/../d {target}/web1-d.raw"));
        }
    }
}

/// Issue items 2 and 3: what excludes what, and what is nobody's disk.
#[test]
fn flags_that_contradict_and_names_of_nothing_change_nothing() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web2")
        .disk(Disk::pool("web2.qcow2"))
        .disk(Disk::unmanaged("web2.raw"))
        .define(&host);
    let before = Identity::capture(&host, "web2", &[]);
    for removing in [
        &["--remove-all-storage"][..],
        &["--remove-managed-storage"],
        &["--remove-unmanaged-storage"],
        &["--storage", "vda"],
    ] {
        let words = [
            &["undefine", "web2", "--keep-storage", "--yes"][..],
            removing,
        ]
        .concat();
        host.retire(&words).expect(2);
    }
    host.retire(&[
        "undefine",
        "web2",
        "--remove-all-storage",
        "--storage",
        "vda",
        "--yes",
    ])
    .expect(2);
    for (flags, code) in [
        (&[][..], "undecided-disk"),
        (&["--storage", "vda,vdz"], "no-such-disk"),
        (&["--storage", "/nowhere.raw"], "no-such-disk"),
    ] {
        let outcome = host.retire_json(&[&["undefine", "web2", "--yes"][..], flags].concat());
        let outcome = outcome.expect(3);
        assert_eq!(outcome.json_error()["error"]["code"], code, "{outcome}");
    }
    // An empty entry, most often a shell variable without a value, is no word about any domain.
    for list in ["", ",", "vda,"] {
        let outcome = host
            .retire_json(&["undefine", "web2", "--storage", list, "--yes"])
            .expect(2);
        assert_eq!(outcome.json_error()["error"]["code"], "usage", "{outcome}");
    }
    // The undecided one is named, with the two ways out.
    let outcome = host.retire(&["undefine", "web2", "--yes"]).expect(3);
    for word in ["vda", "--remove-all-storage", "--keep-storage"] {
        assert!(outcome.stderr.contains(word), "{outcome}");
    }
    assert_same(&before, &Identity::capture(&host, "web2", &[]));
    assert!(host.exists(guest.path("vda")));
}

/// Issue item 3: a path means the file that it leads to. Spelled in another way than in the XML it
/// was no disk's, and an operator who copied it from `ls` had to guess the spelling that is.
#[test]
fn a_disk_is_named_by_whatever_leads_to_its_file() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web3")
        .disk(Disk::pool("web3.qcow2"))
        .disk(Disk::unmanaged("web3.raw"))
        .define(&host);
    let (managed, unmanaged) = (guest.path("vda"), guest.path("vdb"));
    let (folder, name) = unmanaged.rsplit_once('/').unwrap();
    host.shell(&format!(
        "cd /var/lib/libvirt; ln -s {folder} alias; ln -s {managed} link; ln {managed} second; \
         mkdir bound; mount --bind {folder} bound"
    ));
    for (list, expected) in [
        (format!("/var/lib/libvirt/alias/{name}"), "vdb"),
        (format!("/var/lib/libvirt/bound/{name}"), "vdb"),
        (
            format!(
                "{folder}/.//../{}/{name}",
                folder.rsplit('/').next().unwrap()
            ),
            "vdb",
        ),
        ("/var/lib/libvirt/link".into(), "vda"),
        ("/var/lib/libvirt/second".into(), "vda"),
        (format!("/var/lib/libvirt/alias/{name},vda"), "vda vdb"),
    ] {
        let planned = host
            .retire_json(&["plan", "web3", "--storage", &list])
            .expect(0)
            .json();
        let disks = planned["plans"][0]["disks"].as_array().unwrap();
        let removed: Vec<_> = (disks.iter())
            .filter(|disk| disk["fate"] == "quarantine")
            .filter_map(|disk| disk["target"].as_str())
            .collect();
        assert_eq!(removed.join(" "), expected, "{list}");
    }
    // Another file is not a disk of it, and neither is the folder.
    for list in [
        "/var/lib/libvirt/alias",
        "/var/lib/libvirt/alias/none",
        "/etc/passwd",
    ] {
        let outcome = host
            .retire_json(&["plan", "web3", "--storage", list])
            .expect(3);
        assert_eq!(
            outcome.json_error()["error"]["code"],
            "no-such-disk",
            "{outcome}"
        );
    }
    // Saved so, it is applied so.
    let save = format!("{}.plan", host.scratch(""));
    let list = format!("/var/lib/libvirt/alias/{name}");
    host.retire(&["plan", "web3", "--storage", &list, "--save", &save])
        .expect(0);
    host.retire(&["apply", &save, "--yes"]).expect(0);
    assert!(host.exists(managed) && !host.exists(unmanaged));
}
