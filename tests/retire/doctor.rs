//! What is wrong with a host is told before a retirement meets it, and what other tools left is
//! told with the command that fixes it. If these fail, `doctor` calls a file a leftover that a
//! guest needs, and an operator who follows its hint loses a disk; or it is silent about one, or
//! changes what it only should look at.

use std::fs;

use serde_json::Value;

use crate::support::retire::BINARY;
use crate::support::{Disk, Fault, GuestBuilder, PrivateHost};

struct Told(Value);

impl Told {
    fn of(host: &PrivateHost, code: i32) -> Self {
        Told(host.retire_json(&["doctor"]).expect(code).json())
    }

    /// The statuses and messages of the checks of that name.
    fn checks(&self, name: &str) -> Vec<(String, String)> {
        let checks = self.0["checks"].as_array().unwrap().iter();
        let named = checks.filter(|check| check["name"] == name);
        let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
        named
            .map(|it| (text(it, "status"), text(it, "message")))
            .collect()
    }

    #[track_caller]
    fn status(&self, name: &str) -> &'static str {
        let found = self.checks(name);
        assert!(!found.is_empty(), "no check {name}: {:#}", self.0);
        let worst = ["error", "warning", "ok"];
        worst
            .into_iter()
            .find(|status| found.iter().any(|it| it.0 == *status))
            .unwrap()
    }

    fn leftovers(&self) -> &Vec<Value> {
        self.0["leftovers"].as_array().unwrap()
    }

    /// The one leftover at a path.
    #[track_caller]
    fn at(&self, path: &str) -> &Value {
        let found: Vec<&Value> = (self.leftovers().iter())
            .filter(|it| it["path"] == path)
            .collect();
        assert_eq!(found.len(), 1, "{path}: {:#}", self.0);
        found[0]
    }

    #[track_caller]
    fn is_kind(&self, path: &str, kind: &str, hint: &str) {
        let found = self.at(path);
        assert_eq!(found["kind"], kind, "{found:#}");
        let told = found["hint"].as_str().unwrap();
        assert!(told.contains(hint), "{hint}: {found:#}");
        assert!(!found["message"].as_str().unwrap().is_empty());
    }

    #[track_caller]
    fn is_silent(&self, path: &str) {
        let names = |it: &&Value| it["path"].as_str().unwrap().starts_with(path);
        let found: Vec<&Value> = self.leftovers().iter().filter(names).collect();
        assert!(found.is_empty(), "{path}: {found:#?}");
    }
}

/// What it tells whoever keeps the journal elsewhere.
fn with_state(host: &PrivateHost, state: &str) -> Told {
    let output = host
        .command(BINARY)
        .args(["--state-dir", state, "--output", "json", "doctor"])
        .output()
        .unwrap();
    Told(serde_json::from_slice(&output.stdout).unwrap())
}

/// An image of an empty ISO 9660 file system of that label, as far as a reader of labels looks.
fn iso(host: &PrivateHost, path: &str, label: &str) {
    let mut bytes = vec![0; 40 * 1024];
    bytes[0x8000..0x8006].copy_from_slice(b"\x01CD001");
    bytes[0x8028..0x8048].fill(b' ');
    bytes[0x8028..0x8028 + label.len()].copy_from_slice(label.as_bytes());
    fs::write(host.path(path), bytes).unwrap();
}

/// Everything below a folder, with what a change would change.
fn picture(host: &PrivateHost, folders: &str) -> String {
    // sled and its lock write to files of their own wherever the journal is looked at.
    host.shell(&format!(
        "find {folders} -not -path '*/journal/*' -not -name journal -not -name lock \
           -printf '%p %i %s %m %T@ %C@\\n' | sort"
    ))
}

#[test]
fn a_host_that_is_well_has_no_leftovers() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::two_disks("web1").define(&host);
    let told = Told::of(&host, 0);
    assert!(told.leftovers().is_empty(), "{:#}", told.0);
    for name in [
        "libvirt",
        "rights",
        "versions",
        "pools",
        "disks",
        "journal",
        "durability",
    ] {
        assert_eq!(told.status(name), "ok", "{name}: {:#}", told.0);
    }
    assert_eq!(told.status("quarantine-place"), "ok");
    assert!(
        !host.exists("/var/lib/virt-retire/journal"),
        "it has made a journal"
    );
    let text = host.retire(&["doctor"]).expect(0).stdout;
    assert!(
        text.contains("0 errors") && text.contains("0 leftovers"),
        "{text}"
    );

    // Kept by a retirement: its undo needs it, and that is told.
    host.retire(&["undefine", "web1", "--keep-storage", "--yes"])
        .expect(0);
    let told = Told::of(&host, 0);
    let kept = guest.path("vda");
    told.is_kind(kept, "orphaned-volume", "virt-retire rollback 1");
    assert_eq!(told.at(kept)["domain"], "web1");
    let tpm = format!("/var/lib/libvirt/swtpm/{}", guest.uuid);
    host.shell(&format!("mkdir -p {tpm}"));
    Told::of(&host, 0).is_kind(&tpm, "orphaned-tpm-state", "virt-retire rollback 1");
    host.shell(&format!("rmdir {tpm}"));
    host.retire(&["rollback", "1", "--yes"]).expect(0);

    // The journal's own affairs.
    host.retire(&[
        "undefine",
        "web1",
        "--remove-all-storage",
        "--yes",
        "--reason",
        "test",
    ])
    .expect(0);
    host.retire(&["hold", "2", "--reason", "audit", "--yes"])
        .expect(0);
    let told = Told::of(&host, 0);
    assert_eq!(told.status("quarantine"), "ok");
    let held = &told.checks("held")[0].1;
    assert!(
        held.contains("2 of web1") && held.contains("audit"),
        "{held}"
    );
    let before = picture(&host, "/var/lib/virt-retire /var/lib/libvirt /etc/libvirt");
    Told::of(&host, 0);
    let after = picture(&host, "/var/lib/virt-retire /var/lib/libvirt /etc/libvirt");
    assert_eq!(before, after, "it only looks");

    let shown = host.retire_json(&["show", "2"]).expect(0).json();
    let stored = shown["quarantine"][0]["stored"].as_str().unwrap();
    let away = format!("{stored}.away");
    fs::rename(host.path(stored), host.path(&away)).unwrap();
    let told = Told::of(&host, 1);
    assert_eq!(told.status("quarantine"), "error", "{:#}", told.0);
    fs::rename(host.path(&away), host.path(stored)).unwrap();

    // Another state folder does not know what waits on a file system that both may use.
    let medium = host.filesystem("ext4");
    host.shell(&format!("mkdir {}", medium.path("pool")));
    host.start_pool("medium", &medium.path("pool"));
    GuestBuilder::new("mail1")
        .disk(Disk::unmanaged(&medium.path("pool/mail1.qcow2")))
        .define(&host);
    let all = "--remove-all-storage";
    host.retire(&["undefine", "mail1", all, "--yes"]).expect(0);
    let folder = host.shell(&format!("echo {}/.virt-retire/3-*", medium.mount_point));
    Told::of(&host, 0).is_silent(folder.trim());
    let elsewhere = "/var/lib/libvirt/other";
    with_state(&host, elsewhere).is_kind(
        folder.trim(),
        "unknown-quarantine",
        "rebuild --add --from",
    );
    // Nor does one whose journal is lost know its own, and none is made by looking.
    let lost = format!("{elsewhere}/quarantine/7-5f3e2a6c-0000-4000-8000-000000000001");
    host.shell(&format!(
        "mkdir -m 700 -p {elsewhere}/quarantine {lost}; chmod 700 {elsewhere}"
    ));
    with_state(&host, elsewhere).is_kind(&lost, "unknown-quarantine", "rebuild --add --from");
    assert!(
        !host.exists(&format!("{elsewhere}/journal")),
        "it has made a journal"
    );

    // A pool from which nothing can leave, and one whose folder is not there.
    host.shell(
        "mkdir /var/lib/libvirt/fixed /var/lib/libvirt/away
         mount -t tmpfs -o ro tmpfs /var/lib/libvirt/fixed",
    );
    host.start_pool("fixed", "/var/lib/libvirt/fixed");
    host.start_pool("away", "/var/lib/libvirt/away");
    host.shell("rmdir /var/lib/libvirt/away");
    let told = Told::of(&host, 1);
    let places = told.checks("quarantine-place");
    let fixed = places
        .iter()
        .find(|it| it.1.contains("pool fixed"))
        .unwrap();
    assert_eq!(fixed.0, "error", "{places:#?}");
    assert_eq!(
        places.iter().filter(|it| it.0 == "error").count(),
        1,
        "{places:#?}"
    );
    assert_eq!(told.status("pools"), "warning");
    host.virsh(&["pool-destroy", "fixed"]);
    host.virsh(&["pool-destroy", "away"]);
    host.virsh(&["pool-undefine", "away"]);

    let fault = Fault::kill("renameat2", 1);
    GuestBuilder::new("db1")
        .disk(Disk::pool("db1.qcow2"))
        .define(&host);
    let killed = host.inject(
        &fault,
        &["undefine", "db1", "--remove-all-storage", "--yes"],
    );
    assert!(killed.outcome.killed(), "{}", killed.outcome);
    let told = Told::of(&host, 1);
    let (status, message) = &told.checks("interrupted")[0];
    assert!(status == "error" && message.contains("db1"), "{message}");

    // Without libvirt the rest is told all the same.
    host.kill_libvirtd();
    let told = Told::of(&host, 1);
    assert_eq!(told.status("libvirt"), "error");
    assert_eq!(told.status("interrupted"), "error");
    assert_eq!(told.status("durability"), "ok");
    let journal = host.path(format!("{}/journal/db", host.state));
    let mut bytes = fs::read(&journal).unwrap();
    bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
    fs::write(&journal, bytes).unwrap();
    let told = Told::of(&host, 1);
    assert_eq!(told.status("journal"), "error");
    assert_eq!(told.status("durability"), "ok");
}

/// What only a person decides, and what only a person frees.
#[test]
fn what_waits_for_a_word_is_told() {
    let host = PrivateHost::start();
    host.shell(
        "mkdir -p /etc/virt-retire && echo 'minimum-age = \"0s\"' >/etc/virt-retire/config.toml",
    );
    for name in ["web1", "web2"] {
        GuestBuilder::new(name)
            .disk(Disk::pool(&format!("{name}.qcow2")))
            .define(&host);
    }
    let remove = |more: &[&str]| {
        let line = [&["undefine"], more, &["--remove-all-storage", "--yes"]].concat();
        host.retire(&line).expect(0);
    };
    remove(&["web1", "--expires", "1h"]);
    let told = Told::of(&host, 0);
    assert_eq!(told.status("expired"), "ok");
    assert!(told.checks("prepared").is_empty());

    remove(&["web2", "--prepare"]);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    remove(&["web1", "--expires", "1s"]);
    std::thread::sleep(std::time::Duration::from_secs(3));
    let told = Told::of(&host, 0);
    let (status, message) = &told.checks("expired")[0];
    assert!(
        status == "warning" && message.contains("3 of web1"),
        "{message}"
    );
    let (status, message) = &told.checks("prepared")[0];
    assert!(
        status == "warning" && message.contains("2 of web2"),
        "{message}"
    );
    let text = host.retire(&["doctor"]).expect(0).stdout;
    for line in [
        "virt-retire purge --expired",
        "virt-retire commit 2, or: virt-retire rollback 2",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    host.retire(&["hold", "3", "--reason", "audit", "--yes"])
        .expect(0);
    assert_eq!(Told::of(&host, 0).status("expired"), "ok");
}

#[test]
fn what_others_left_is_told_with_the_command_that_fixes_it() {
    let host = PrivateHost::start();
    let (pool, images) = (host.pool.as_str(), host.images.as_str());
    let qemu = "/var/lib/libvirt/qemu";
    let create = |path: &str, more: &str| {
        host.shell(&format!(
            "qemu-img create -q -f qcow2 {more} '{path}' 1M >/dev/null"
        ));
    };

    // In use in every way: none of these may be told.
    let medium = host.filesystem("ext4");
    let away = medium.path("away.qcow2");
    let guest = GuestBuilder::new("web1")
        .disk(Disk::pool("web1.qcow2"))
        .disk(Disk::pool("detached.qcow2"))
        .disk(Disk::unmanaged("web1-data.qcow2"))
        .disk(Disk::unmanaged("web1-seed.iso").existing().cdrom());
    iso(&host, &format!("{images}/web1-seed.iso"), "cidata");
    let guest = guest.define(&host);
    guest.snapshot_internal("before");
    host.virsh(&["detach-disk", "web1", "vdb", "--config"]);
    let base = format!("{pool}/base.qcow2");
    create(&base, "");
    host.refresh_pools();
    GuestBuilder::new("web2")
        .disk(Disk::pool("web2.qcow2").on_base(&base, "qcow2"))
        .disk(Disk::unmanaged(&away))
        .define(&host);
    host.shell(&format!(
        "mkdir -p {qemu}/nvram {qemu}/save {qemu}/snapshot/ghost {qemu}/checkpoint/ghost \
           /var/lib/libvirt/swtpm/{} \
           /var/lib/libvirt/swtpm/5f3e2a6c-0000-4000-8000-000000000001/tpm2
         echo used >{qemu}/nvram/older-name_VARS.fd; echo used >{qemu}/nvram/web2_VARS.fd
         echo used >{qemu}/save/web1.save
         echo left >{qemu}/nvram/ghost_VARS.fd; echo left >{qemu}/save/ghost.save
         mkdir -p /etc/libvirt/qemu/autostart
         ln -s ../gone.xml /etc/libvirt/qemu/autostart/gone.xml
         cp /etc/libvirt/qemu/web1.xml /etc/libvirt/qemu/unloaded.xml",
        guest.uuid
    ));
    GuestBuilder::new("renamed")
        .q35()
        .os_xml(&format!(
            "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>\
             <nvram>{qemu}/nvram/older-name_VARS.fd</nvram>"
        ))
        .define(&host);
    medium.unmount(&host);

    // Gone, all of it and in part.
    for (name, disks) in [("gone1", 1), ("half1", 2)] {
        let mut builder = GuestBuilder::new(name);
        for number in 0..disks {
            builder = builder.disk(Disk::unmanaged(&format!(
                "/var/lib/libvirt/srv/{name}/{number}.qcow2"
            )));
        }
        host.shell(&format!("mkdir -p /var/lib/libvirt/srv/{name}"));
        builder
            .disk(Disk::unmanaged(&format!("/var/lib/libvirt/srv/{name}/cd.iso")).cdrom())
            .define(&host);
        host.shell(&format!("rm /var/lib/libvirt/srv/{name}/0.qcow2"));
    }
    host.shell("rm /var/lib/libvirt/srv/gone1/cd.iso");
    let lost = format!("{images}/lost-base.qcow2");
    create(&lost, "");
    GuestBuilder::new("broken1")
        .disk(Disk::unmanaged("broken1.qcow2").on_base(&lost, "qcow2"))
        .define(&host);
    host.shell(&format!("rm {lost}"));

    // Nobody's.
    let orphan = format!("{pool}/orphan.raw");
    host.virsh(&[
        "vol-create-as",
        "default",
        "orphan.raw",
        "1M",
        "--format",
        "raw",
    ]);
    host.shell(&format!("touch -d '400 days ago' {orphan}"));
    let vagrant = format!("{pool}/debian-VAGRANTSLASH-12_vagrant_box_image_1.0_box.img");
    let cloud = format!("{pool}/debian-12-genericcloud-amd64.qcow2");
    let needed = format!("{pool}/needed.qcow2");
    let needing = format!("{pool}/needing.qcow2");
    for path in [&vagrant, &cloud, &needed] {
        create(path, "");
    }
    create(&needing, &format!("-F qcow2 -b {needed}"));
    let seed = format!("{pool}/ghost-seed.iso");
    iso(&host, &seed, "CIDATA");
    let stray = format!("{images}/stray.qcow2");
    create(&stray, "");
    host.shell(&format!("mkdir {pool}/folder; echo text >{images}/README"));
    host.refresh_pools();
    // A pool that is not started.
    host.shell("mkdir -p /var/lib/libvirt/srv/pool2");
    create("/var/lib/libvirt/srv/pool2/left.qcow2", "");
    host.start_pool("second", "/var/lib/libvirt/srv/pool2");
    GuestBuilder::new("web3")
        .disk(Disk::unmanaged("/var/lib/libvirt/srv/pool2/web3.qcow2"))
        .define(&host);
    host.virsh(&["pool-destroy", "second"]);

    let told = Told::of(&host, 0);
    for silent in [
        guest.path("vda"),
        guest.path("vdb"),
        guest.path("vdc"),
        &format!("{images}/web1-seed.iso"),
        &base,
        &format!("{pool}/web2.qcow2"),
        &format!("{images}/broken1.qcow2"),
        &format!("{pool}/folder"),
        &format!("{images}/README"),
        "/var/lib/libvirt/srv/pool2/web3.qcow2",
        "/var/lib/libvirt/srv/half1/1.qcow2",
        "/var/lib/libvirt/srv/half1/cd.iso",
        &away,
        &format!("{qemu}/nvram/older-name_VARS.fd"),
        &format!("{qemu}/nvram/web2_VARS.fd"),
        &format!("{qemu}/save/web1.save"),
        &format!("/var/lib/libvirt/swtpm/{}", guest.uuid),
    ] {
        told.is_silent(silent);
    }
    let (status, message) = &told.checks("disks")[0];
    assert!(
        status == "warning" && message.contains(away.as_str()),
        "{message}"
    );
    assert_eq!(told.status("pools"), "warning");

    told.is_kind(
        "/var/lib/libvirt/srv/gone1/0.qcow2",
        "domain-without-disks",
        "undefine gone1",
    );
    assert_eq!(
        told.at("/var/lib/libvirt/srv/gone1/0.qcow2")["domain"],
        "gone1"
    );
    told.is_kind(
        "/var/lib/libvirt/srv/gone1/cd.iso",
        "missing-medium",
        "change-media gone1",
    );
    told.is_kind(
        "/var/lib/libvirt/srv/half1/0.qcow2",
        "half-deleted-domain",
        "detach-disk half1 vda",
    );
    told.is_kind(&lost, "missing-backing-file", "volumes broken1");
    let by_libvirt = |name: &str| format!("virsh vol-delete {name} --pool default");
    told.is_kind(&orphan, "orphaned-volume", &by_libvirt("orphan.raw"));
    let found = told.at(&orphan);
    assert!(
        found["message"].as_str().unwrap().contains("400 days ago"),
        "{found:#}"
    );
    told.is_kind(&vagrant, "base-image", "vol-delete");
    assert!(
        told.at(&vagrant)["message"]
            .as_str()
            .unwrap()
            .contains("vagrant")
    );
    told.is_kind(&cloud, "base-image", "vol-delete");
    told.is_kind(&needing, "orphaned-volume", "vol-delete");
    told.is_kind(&needed, "orphaned-volume", "vol-delete");
    let message = told.at(&needed)["message"].as_str().unwrap();
    assert!(message.contains(&needing), "{message}");
    told.is_kind(&seed, "orphaned-seed", "vol-delete");
    told.is_kind(&stray, "orphaned-image", &format!("rm {stray}"));
    told.is_kind(
        "/var/lib/libvirt/srv/pool2/left.qcow2",
        "orphaned-volume",
        "rm /var/lib/libvirt/srv/pool2/left.qcow2",
    );
    told.is_kind(
        &format!("{qemu}/nvram/ghost_VARS.fd"),
        "orphaned-nvram",
        "rm ",
    );
    told.is_kind(
        &format!("{qemu}/save/ghost.save"),
        "orphaned-managed-save",
        "rm ",
    );
    told.is_kind(
        "/var/lib/libvirt/swtpm/5f3e2a6c-0000-4000-8000-000000000001",
        "orphaned-tpm-state",
        "rm -r",
    );
    told.is_kind(
        &format!("{qemu}/snapshot/ghost"),
        "orphaned-snapshots",
        "rm -r",
    );
    told.is_kind(
        &format!("{qemu}/checkpoint/ghost"),
        "orphaned-checkpoints",
        "rm -r",
    );
    told.is_kind(
        "/etc/libvirt/qemu/autostart/gone.xml",
        "dangling-autostart",
        "rm ",
    );
    told.is_kind(
        "/etc/libvirt/qemu/unloaded.xml",
        "unloaded-definition",
        "virsh define",
    );
    assert_eq!(told.leftovers().len(), 19, "{:#}", told.0);

    let text = host.retire(&["doctor", "--quiet"]).expect(0).stdout;
    let settled: Vec<String> = (text.lines())
        .map(|line| line.replace(&medium.mount_point, "MOUNT"))
        .collect();
    insta::assert_snapshot!(
        "doctor",
        crate::text::without_fractions(&settled.join("\n"))
    );

    // Each hint does what it says.
    host.retire(&["undefine", "gone1", "--keep-storage", "--all", "--yes"])
        .expect(0);
    for path in [&needing, &orphan, &seed] {
        let hint = told.at(path)["hint"].as_str().unwrap();
        host.shell(hint);
    }
    let again = Told::of(&host, 0);
    for path in [&needing, &orphan, &seed] {
        again.is_silent(path);
    }
}

/// Between the undefinition and the move a disk is nobody's, and its undo needs it.
#[test]
fn what_an_open_transaction_takes_is_no_leftover() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("open")
        .disk(Disk::pool("open-a.qcow2"))
        .disk(Disk::pool("open-b.qcow2"))
        .define(&host);
    let words = ["undefine", "open", "--remove-all-storage", "--yes"];
    // The first renames are those of the manifest, then come the disks.
    let paths = [guest.path("vda").to_owned(), guest.path("vdb").to_owned()];
    let mut crashed = false;
    for when in 1..10 {
        let killed = host.inject(&Fault::kill("renameat2", when), &words);
        assert!(killed.outcome.killed(), "{}", killed.outcome);
        if !host.exists(&paths[0]) || !host.exists(&paths[1]) {
            crashed = true;
            break;
        }
        let told = Told::of(&host, 1);
        paths.iter().for_each(|path| told.is_silent(path));
        host.retire(&["recover", "--yes"]).expect(0);
    }
    assert!(crashed, "no disk was ever moved");
    let left = paths.iter().find(|path| host.exists(path)).unwrap();
    Told::of(&host, 1).is_silent(left);
    let users = host.retire_json(&["users", left]).expect(0).json();
    assert_eq!(
        users["retired_by"],
        host.retire_json(&["list"]).json()["transactions"][0]["id"]
    );
    // Somebody deletes it all the same: that is told, and stays told.
    host.shell(&format!("rm {left}"));
    host.retire(&["recover", "--yes"]).expect(5);
    let told = host.retire_json(&["recover", "--yes"]).expect(4);
    let error = told.json_error()["error"].clone();
    assert_eq!(error["code"], "file-missing", "{told}");
    // And stays in the journal, whoever asks.
    let shown = host.retire(&["show", "last"]).expect(0).stdout;
    assert!(
        shown.contains(&format!("Note: {left} has not come back")),
        "{shown}"
    );
    assert!(
        error["message"].as_str().unwrap().contains(left.as_str()),
        "{told}"
    );
}

#[test]
fn what_was_taken_out_of_quarantine_is_no_leftover() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("astray")
        .disk(Disk::pool("astray.qcow2"))
        .define(&host);
    host.retire(&["undefine", "astray", "--remove-all-storage", "--yes"])
        .expect(0);
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    let stored = shown["quarantine"][0]["stored"]
        .as_str()
        .unwrap()
        .to_owned();
    let elsewhere = format!("{}/elsewhere.qcow2", host.images);
    host.shell(&format!("mv {stored} {elsewhere}"));
    let told = Told::of(&host, 1);
    let hint = told.at(&elsewhere)["hint"].as_str().unwrap().to_owned();
    host.shell(&hint);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert!(host.exists(guest.path("vda")));
}
