//! QEMU was upgraded, and what an old guest was made of is gone: its machine type, its emulator,
//! its firmware. Such guests are what people delete. If these tests fail, one is deleted without a
//! word that it can't come back, and the operator who needs it after all has a transaction that no
//! rollback brings home.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::support::tracer::{After, Point};
use crate::support::{
    Disk, Fault, Guest, GuestBuilder, Heaviest, Identity, PrivateHost, assert_same,
};

const RETIRE: [&str; 3] = ["--all", "--remove-all-storage", "--yes"];
const ACCEPT: &str = "--accept-not-redefinable";

fn stored_xml(name: &str) -> String {
    format!("/etc/libvirt/qemu/{name}.xml")
}

/// What the definition on libvirt's disk says is changed behind its back, as an upgrade of QEMU
/// changes what it means.
#[track_caller]
fn age(host: &PrivateHost, name: &str, sed: &str) {
    let file = stored_xml(name);
    host.shell(&format!(
        "cp {file} {file}.was; sed -i \"{sed}\" {file}; ! cmp -s {file} {file}.was; rm {file}.was"
    ));
    host.restart_libvirtd();
}

const OLD_MACHINE: &str = "s/machine='pc-[^']*'/machine='pc-i440fx-bionic'/";

fn xml(host: &PrivateHost, name: &str) -> String {
    host.virsh(&["dumpxml", name, "--inactive", "--security-info"])
}

#[track_caller]
fn refused_plan(host: &PrivateHost, name: &str, cause: &str) {
    let words = ["plan", name, "--all", "--remove-all-storage"];
    let plan = host.retire_json(&words).expect(3).json();
    let refusals = plan["plans"][0]["refusals"].as_array().unwrap();
    assert_eq!(refusals.len(), 1, "{name}: {refusals:?}");
    assert_eq!(refusals[0]["code"], "not-redefinable", "{name}");
    let told = refusals[0]["message"].as_str().unwrap();
    assert!(told.contains(cause), "{name}: {told}");
    let hint = refusals[0]["hint"].as_str().unwrap();
    for way in [ACCEPT, "rollback ID --xml FILE", "rollback ID --files"] {
        assert!(hint.contains(way), "{name}: no {way} in {hint}");
    }
}

#[track_caller]
fn refused_rollback(host: &PrivateHost, how: &[&str], code: &str) -> String {
    let words = [&["rollback", "1", "--yes"], how].concat();
    let outcome = host.retire_json(&words).expect(3);
    let error = &outcome.json_error()["error"];
    assert_eq!(error["code"], code, "{outcome}");
    assert_eq!(state(host), "committed", "{outcome}");
    error["hint"].as_str().unwrap().to_owned()
}

fn state(host: &PrivateHost) -> String {
    let list = host.retire_json(&["list"]).expect(0).json();
    list["transactions"][0]["state"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn old_guest<'h>(host: &'h PrivateHost, name: &str) -> Guest<'h> {
    let guest = GuestBuilder::new(name)
        .disk(Disk::pool(&format!("{name}.qcow2")))
        .disk(Disk::unmanaged(&format!("{name}.raw")))
        .autostart()
        .define(host);
    age(host, name, OLD_MACHINE);
    guest
}

/// The definition as somebody repairs it.
fn repaired(host: &PrivateHost, saved: &str) -> String {
    host.scratch(&saved.replace("pc-i440fx-bionic", "pc"))
}

#[test]
fn whatever_is_gone_is_found_before_the_undefine() {
    let host = PrivateHost::start();
    let emulator = format!("{}/qemu-old", host.images);
    host.shell(&format!(
        "ln -s $(readlink -f $(command -v qemu-system-x86_64)) {emulator}"
    ));
    let plain = |name: &str| GuestBuilder::new(name).disk(Disk::pool(&format!("{name}.qcow2")));
    let own_emulator = format!("<emulator>{emulator}</emulator>");
    plain("machine").define(&host);
    plain("spice").define(&host);
    plain("firmware").efi().define(&host);
    plain("emulator").device_xml(&own_emulator).define(&host);
    let snapshot = plain("snapshot").device_xml(&own_emulator).define(&host);
    snapshot.snapshot_internal("then");
    plain("virt").define(&host);
    // Nothing is wrong with these, whatever they'd need to start.
    plain("fine").define(&host);
    plain("device")
        .device_xml(
            "<hostdev mode='subsystem' type='pci' managed='yes'><source>\
             <address domain='0' bus='0xfe' slot='0' function='0'/></source></hostdev>",
        )
        .define(&host);
    plain("network")
        .device_xml("<interface type='network'><source network='no-such'/></interface>")
        .define(&host);

    let nic = |name: &str, driver: &str| {
        plain(name)
            .device_xml(&format!(
                "<interface type='user'>{driver}<model type='virtio'/></interface>"
            ))
            .define(&host)
    };
    nic("queues", "<driver name='qemu' queues='2'/>");
    nic("interface", "<teaming type='persistent'/>");

    let whole = xml(&host, "snapshot").replace(&own_emulator, "");
    host.virsh(&["define", &host.scratch(&whole)]);
    host.shell(&format!(
        "sed -i \"s#</devices>#<graphics type='spice' port='-1' autoport='yes'/></devices>#\" {}
         sed -i \"s#type='qemu'#type='xen'#\" {}",
        stored_xml("spice"),
        stored_xml("virt")
    ));
    age(&host, "machine", OLD_MACHINE);
    age(
        &host,
        "interface",
        "/<interface/,/<.interface/ s/type='virtio'/type='rtl8139'/",
    );
    // Snapshots are read when the daemon starts: these go while it runs.
    host.shell(&format!(
        "rm {emulator}; mount -t tmpfs none /usr/share/qemu/firmware"
    ));

    for (name, cause) in [
        ("machine", "machine type 'pc-i440fx-bionic'"),
        ("spice", "spice"),
        ("firmware", "firmware"),
        ("emulator", "qemu-old"),
        ("snapshot", "snapshot then"),
        ("virt", "xen"),
        ("interface", "teaming"),
    ] {
        let file = fs::symlink_metadata(host.path(stored_xml(name))).unwrap();
        refused_plan(&host, name, cause);
        let undefine = [&["undefine", name], &RETIRE[..]].concat();
        let outcome = host.retire_json(&undefine).expect(3);
        assert_eq!(outcome.json_error()["error"]["code"], "not-redefinable");
        let after = fs::symlink_metadata(host.path(stored_xml(name))).unwrap();
        let same = |facts: &fs::Metadata| (facts.ino(), facts.ctime(), facts.ctime_nsec());
        assert_eq!(same(&file), same(&after), "{name}: libvirt's own file");
        assert!(host.domains().contains(&name.to_owned()));
    }
    for name in ["fine", "device", "network", "queues"] {
        let words = ["plan", name, "--all", "--remove-all-storage"];
        host.retire(&words).expect(0);
    }
    let list = host.retire_json(&["list"]).expect(0).json();
    assert_eq!(list["transactions"].as_array().unwrap().len(), 0);
}

/// Of the guest that has everything: libvirt's files and all that Identity knows of.
#[test]
fn to_ask_libvirt_changes_nothing_on_the_heaviest_guest() {
    let host = PrivateHost::start();
    let heavy = Heaviest::build(&host, "heavy");
    let libvirts = || {
        host.shell(
            "cd /; find etc/libvirt/qemu var/lib/libvirt var/cache/libvirt -printf '%p %i %C@ %T@ \
             %s\\n' | sort",
        )
    };
    let plan = ["plan", "heavy", "--all", "--remove-all-storage"];
    host.retire(&plan).expect(0);
    let (before, files) = (Identity::capture(&host, "heavy", &[]), libvirts());
    host.retire(&plan).expect(0);
    assert_eq!(files, libvirts());
    assert_same(&before, &Identity::capture(&host, "heavy", &[]));
    // The second question, which is asked where the first one was answered with no.
    let device = "<hostdev mode='subsystem' type='pci' managed='yes'><source>\
                  <address domain='0' bus='0xfe' slot='0' function='0'/></source></hostdev>";
    let changed = xml(&host, "heavy").replace("</devices>", &format!("{device}</devices>"));
    host.virsh(&["define", &host.scratch(&changed)]);
    host.retire(&plan).expect(0);
    let (before, files) = (Identity::capture(&host, "heavy", &[]), libvirts());
    host.retire(&plan).expect(0);
    assert_eq!(files, libvirts());
    assert_same(&before, &Identity::capture(&host, "heavy", &[]));
    drop(heavy);
}

/// To make a guest's command line libvirt makes its network interfaces, on the host.
#[test]
fn to_ask_libvirt_makes_no_network_interface() {
    let host = PrivateHost::start();
    let nics = "<interface type='user'/><interface type='network'><source network='no-such'/>\
                <driver queues='2'/><model type='virtio'/></interface>";
    GuestBuilder::new("web1")
        .disk(Disk::pool("web1.qcow2"))
        .device_xml(nics)
        .define(&host);
    // Interfaces are numbered as they are made, and no number is given twice.
    let next = || {
        host.shell(
            "python3 -c \"
import fcntl, socket, struct
tun = open('/dev/net/tun', 'r+b', buffering=0)
fcntl.ioctl(tun, 0x400454ca, struct.pack('16sH', b'asked', 0x1002))
print(socket.if_nametoindex('asked'))\"",
        )
        .trim()
        .parse::<u32>()
        .unwrap()
    };
    let before = next();
    assert_eq!(next(), before + 1, "what this test counts on");
    host.retire(&["plan", "web1", "--remove-all-storage"])
        .expect(0);
    host.retire(&["undefine", "web1", "--remove-all-storage", "--yes"])
        .expect(0);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_eq!(next(), before + 2);
}

#[test]
fn what_was_accepted_comes_back_under_a_repaired_definition() {
    let host = PrivateHost::start();
    let guest = old_guest(&host, "old");
    let saved = xml(&host, "old");
    let disks = [guest.path("vda"), guest.path("vdb")];
    let files = Identity::of_files(&host, &disks);
    let plan = ["plan", "old", "--all", "--remove-all-storage", ACCEPT];
    assert!(
        host.retire(&plan)
            .expect(0)
            .stdout
            .contains("accepted: libvirt would not define it")
    );
    let undefine = [&["undefine", "old", ACCEPT], &RETIRE[..]].concat();
    host.retire(&undefine).expect(0);
    let shown = host.retire(&["show", "1"]).expect(0).stdout;
    assert!(
        shown.contains("accepted: libvirt would not define"),
        "{shown}"
    );

    let hint = refused_rollback(&host, &[], "not-redefinable");
    assert!(
        hint.contains("rollback 1 --xml FILE") && hint.contains("rollback 1 --files"),
        "{hint}"
    );
    let as_it_was = host.scratch(&saved);
    refused_rollback(&host, &["--xml", &as_it_was], "not-redefinable");
    let good = fs::read_to_string(repaired(&host, &saved)).unwrap();
    let with = |old: &str, new: &str| host.scratch(&good.replace(old, new));
    let other = with(&guest.uuid, "11111111-2222-3333-4444-555555555555");
    refused_rollback(&host, &["--xml", &other], "other-domain");
    let none = with(&format!("<uuid>{}</uuid>", guest.uuid), "");
    refused_rollback(&host, &["--xml", &none], "other-domain");
    refused_rollback(
        &host,
        &["--xml", &with("<name>old<", "<name>new<")],
        "other-domain",
    );
    refused_rollback(
        &host,
        &["--xml", &with(disks[1], "/elsewhere.raw")],
        "no-such-disk",
    );
    host.retire(&["rollback", "1", "--yes", "--xml", "/no/such/file"])
        .expect(1);
    host.retire(&["rollback", "1", "--yes", "--files", "--as-name", "x"])
        .expect(2);
    for disk in disks {
        assert!(!host.exists(disk), "{disk} waits in quarantine");
    }

    let done = host
        .retire_json(&["rollback", "1", "--yes", "--xml", &with("", "")])
        .expect(0)
        .json();
    assert_eq!(done["transactions"][0]["state"], "rolled-back");
    assert_eq!(done["transactions"][0]["files_only"], false);
    assert!(
        done["transactions"][0]["notes"]
            .to_string()
            .contains("repaired definition")
    );
    assert_same(&files, &Identity::of_files(&host, &disks));
    assert_eq!(host.virsh(&["domuuid", "old"]), guest.uuid);
    assert!(
        host.virsh(&["dominfo", "old"])
            .contains("Autostart:      enable")
    );
    guest.run_once();
}

#[test]
fn or_its_files_alone() {
    let host = PrivateHost::start();
    let guest = old_guest(&host, "old");
    let disks = [guest.path("vda"), guest.path("vdb")];
    let files = Identity::of_files(&host, &disks);
    let undefine = [&["undefine", "old", ACCEPT], &RETIRE[..]].concat();
    host.retire(&undefine).expect(0);
    let saved = host
        .retire(&["show", "1", "--security-info"])
        .expect(0)
        .stdout;
    assert!(saved.contains("pc-i440fx-bionic"));

    let done = host
        .retire_json(&["rollback", "1", "--yes", "--files"])
        .expect(0)
        .json();
    let one = &done["transactions"][0];
    assert_eq!(
        (&one["state"], &one["files_only"]),
        (&"rolled-back".into(), &true.into())
    );
    assert!(one["notes"].to_string().contains("is not defined"), "{one}");
    assert_same(&files, &Identity::of_files(&host, &disks));
    assert!(host.domains().is_empty(), "nobody told libvirt");
    let list = host.retire(&["list"]).expect(0).stdout;
    assert!(
        list.contains("undone") && list.contains(", files alone"),
        "{list}"
    );
    // The definition is not lost with the quarantine.
    let saved = host
        .retire(&["show", "1", "--security-info"])
        .expect(0)
        .stdout;
    assert!(saved.contains("pc-i440fx-bionic"));
}

/// A kill before each change: recovery goes on in the way that was chosen, to its end.
#[test]
fn a_kill_on_the_way_back_is_recovered_in_the_chosen_way() {
    for files_only in [false, true] {
        let mut struck = 0;
        for when in [1, 2, 3, 5, 8, 12, 17, 24] {
            let host = PrivateHost::start();
            let guest = old_guest(&host, "old");
            let good = repaired(&host, &xml(&host, "old"));
            let disks = [guest.path("vda"), guest.path("vdb")];
            let files = Identity::of_files(&host, &disks);
            let undefine = [&["undefine", "old", ACCEPT], &RETIRE[..]].concat();
            host.retire(&undefine).expect(0);
            let how: &[&str] = if files_only {
                &["--files"]
            } else {
                &["--xml", &good]
            };
            let words = [&["rollback", "1", "--yes"], how].concat();
            let calls = "renameat2,renameat,unlinkat,fsync,fdatasync,sendto,sendmsg";
            let killed = host.inject(&Fault::kill(calls, when), &words);
            struck += u32::from(killed.struck());
            host.retire(&["recover", "--yes"]).expect(0);
            let there = disks.iter().filter(|disk| host.exists(disk)).count();
            match state(&host).as_str() {
                // It had not begun.
                "committed" => {
                    assert_eq!(there, 0, "{when}");
                    host.retire(&words).expect(0);
                }
                "rolled-back" => {}
                other => panic!("{other} after a kill at {when}: {}", killed.outcome),
            }
            assert_same(&files, &Identity::of_files(&host, &disks));
            let domains = if files_only {
                vec![]
            } else {
                vec!["old".to_owned()]
            };
            assert_eq!(host.domains(), domains, "after a kill at {when}");
        }
        assert!(struck >= 4, "only {struck} kills struck");
    }
}

fn is_move(point: &Point) -> bool {
    point.step.contains("quarantine-disk") && point.call == "renameat2"
}

/// Accepted, and then a move fails: neither way works, and both ways out of that do.
#[test]
fn one_that_is_stuck_takes_either_way_out() {
    for files_only in [false, true] {
        let host = PrivateHost::start();
        let guest = old_guest(&host, "old");
        let good = repaired(&host, &xml(&host, "old"));
        let disks = [guest.path("vda"), guest.path("vdb")];
        let files = Identity::of_files(&host, &disks);
        let undefine = [&["undefine", "old", ACCEPT], &RETIRE[..]].concat();
        // EIO.
        let failed = host.traced(&undefine, &mut |point| match is_move(point) {
            true => After::Fail(5),
            false => After::GoOn,
        });
        assert_eq!(failed.code, 5, "{failed}");
        let hint = &failed.stderr;
        assert!(
            hint.contains("--xml FILE") && hint.contains("--files"),
            "{hint}"
        );
        assert_eq!(state(&host), "stuck");
        host.retire(&["rollback", "1", "--yes"]).expect(1);
        let how: &[&str] = if files_only {
            &["--files"]
        } else {
            &["--xml", &good]
        };
        host.retire(&[&["rollback", "1", "--yes"], how].concat())
            .expect(0);
        assert_eq!(state(&host), "rolled-back");
        assert_same(&files, &Identity::of_files(&host, &disks));
        assert_eq!(host.domains().len(), usize::from(!files_only));
    }
}

/// Cut off in the middle it goes forward, since it can't go back, and promises no rollback that
/// never works.
#[test]
fn recovery_promises_only_what_works() {
    let host = PrivateHost::start();
    let guest = old_guest(&host, "old");
    let good = repaired(&host, &xml(&host, "old"));
    let undefine = [&["undefine", "old", ACCEPT], &RETIRE[..]].concat();
    let killed = host.traced(&undefine, &mut |point| match is_move(point) {
        true => After::Kill,
        false => After::GoOn,
    });
    assert_eq!(killed.code, 137, "{killed}");
    let recovered = host.retire(&["recover", "--yes"]);
    for word in ["its retirement was finished", "--xml FILE", "--files"] {
        assert!(recovered.stdout.contains(word), "no {word}: {recovered}");
    }
    host.retire(&["rollback", "1", "--yes", "--xml", &good])
        .expect(0);
    guest.run_once();
}
