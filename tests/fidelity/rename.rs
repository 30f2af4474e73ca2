//! If one of these fails, an operator who needs a guest back beside the one that has taken its name
//! gets neither: a refusal, a guest that believes to be the other one, or the other one's files
//! overwritten.

use std::fs;

use crate::support::{Disk, Fault, GuestBuilder, Heaviest, Identity, PrivateHost, assert_same};
use serde_json::Value;

const RETIRE: [&str; 3] = ["--all", "--remove-all-storage", "--yes"];

fn builder(name: &str) -> GuestBuilder {
    GuestBuilder::new(name)
        .disk(Disk::pool(&format!("{name}.qcow2")))
        .device_xml("<interface type='user'><mac address='52:54:00:aa:bb:cc'/></interface>")
}

#[track_caller]
fn retire(host: &PrivateHost, name: &str) -> String {
    let undefine = [&["undefine", name], &RETIRE[..]].concat();
    let done = host.retire_json(&undefine).expect(0).json();
    done["transactions"][0]["id"].to_string()
}

#[track_caller]
fn rollback(host: &PrivateHost, id: &str, how: &[&str]) -> Value {
    let words = [&["rollback", id, "--yes"], how].concat();
    let done = host.retire_json(&words).expect(0).json();
    done["transactions"][0].clone()
}

#[track_caller]
fn refused(host: &PrivateHost, id: &str, how: &[&str], code: &str, hint: &str) {
    let words = [&["rollback", id, "--yes"], how].concat();
    let error = host.retire_json(&words).expect(3).json_error();
    assert_eq!(error["error"]["code"], code);
    let said = error["error"]["hint"].as_str().unwrap();
    assert!(said.contains(hint), "no {hint} in {said}");
}

fn xml(host: &PrivateHost, name: &str) -> String {
    host.virsh(&["dumpxml", name, "--inactive", "--security-info"])
}

/// Somebody has made another guest of this name, on other disks.
fn usurper(host: &PrivateHost, name: &str, uuid: Option<&str>) {
    let uuid = uuid.map_or(String::new(), |uuid| format!("<uuid>{uuid}</uuid>"));
    let xml = format!(
        "<domain type='qemu'><name>{name}</name>{uuid}<memory unit='MiB'>32</memory>\
         <os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"
    );
    host.virsh(&["define", &host.scratch(&xml)]);
}

#[test]
fn beside_one_that_has_taken_its_name() {
    let host = PrivateHost::start();
    let guest = builder("web")
        .described()
        .vnc_password("geheim")
        .autostart()
        .define(&host);
    let before = xml(&host, "web");
    let disk = Identity::of_files(&host, &[guest.path("vda")]);
    let id = retire(&host, "web");
    usurper(&host, "web", None);
    let theirs = xml(&host, "web");
    refused(&host, &id, &[], "name-taken", "--as-name");
    refused(&host, &id, &["--as-name", "web"], "name-taken", "--as-name");
    assert!(!host.exists(guest.path("vda")));

    let done = rollback(&host, &id, &["--as-name", "web-old"]);
    assert_eq!(done["state"], "rolled-back");
    assert_eq!(done["domain"], "web");
    assert_eq!(done["restored_as"]["name"], "web-old");
    assert_eq!(done["restored_as"]["uuid"], guest.uuid.as_str());
    // Its name is all that is new: MAC address, UUID, password and the rest are its own.
    let expected = before.replace("<name>web</name>", "<name>web-old</name>");
    assert_eq!(xml(&host, "web-old"), expected);
    assert_same(&disk, &Identity::of_files(&host, &[guest.path("vda")]));
    assert!(
        host.virsh(&["dominfo", "web-old"])
            .contains("Autostart:      enable")
    );
    assert_eq!(xml(&host, "web"), theirs);
    host.virsh(&["start", "web-old"]);
    host.virsh(&["destroy", "web-old"]);
    // It is back, and cannot come back once more.
    let words = ["rollback", &id, "--as-name", "third", "--yes"];
    host.retire(&words).expect(1);
    // It is a domain like any other, and can be retired under its new name.
    let id = retire(&host, "web-old");
    rollback(&host, &id, &[]);
    assert_eq!(xml(&host, "web-old"), expected);
}

#[test]
fn a_new_uuid_and_new_addresses_when_asked_for() {
    let host = PrivateHost::start();
    let guest = builder("shop").define(&host);
    let id = retire(&host, "shop");
    usurper(&host, "else", Some(&guest.uuid));
    refused(&host, &id, &[], "name-taken", "--new-uuid");
    refused(
        &host,
        &id,
        &["--as-name", "shop2"],
        "name-taken",
        "--new-uuid",
    );
    let done = rollback(&host, &id, &["--new-uuid", "--new-macs"]);
    let uuid = host.virsh(&["domuuid", "shop"]);
    assert_ne!(uuid, guest.uuid);
    assert_eq!(done["restored_as"]["uuid"], uuid.as_str());
    let xml = xml(&host, "shop");
    assert!(!xml.contains("52:54:00:aa:bb:cc"));
    assert!(xml.contains("<mac address='52:54:00:"), "the maker stays");
    let notes = done["notes"].to_string();
    assert!(notes.contains("new addresses"), "{notes}");
}

#[test]
fn names_that_are_none() {
    let host = PrivateHost::start();
    builder("plain").define(&host);
    let id = retire(&host, "plain");
    for name in ["", ".", "..", "a/b", "a\nb", &"x".repeat(201)] {
        host.retire(&["rollback", &id, "--yes", "--as-name", name])
            .expect(2);
    }
    host.retire(&["rollback", &id, "2", "--yes", "--as-name", "two"])
        .expect(2);
    rollback(&host, &id, &["--as-name", "a 'b' & <c>"]);
    assert_eq!(host.domains(), ["a 'b' & <c>"]);
}

/// Disks come back at their own paths; what stands there is not overwritten under any name.
#[test]
fn a_path_that_is_occupied_is_refused_under_any_name() {
    let host = PrivateHost::start();
    let guest = builder("occupied").define(&host);
    let id = retire(&host, "occupied");
    fs::write(host.path(guest.path("vda")), "theirs").unwrap();
    refused(
        &host,
        &id,
        &["--as-name", "other", "--new-uuid"],
        "path-occupied",
        "move",
    );
    assert_eq!(fs::read(host.path(guest.path("vda"))).unwrap(), b"theirs");
    assert!(host.domains().is_empty());
}

/// Everything that hangs on the name or the UUID: what follows, and what it costs.
#[test]
fn the_heaviest_guest_under_another_identity() {
    let host = PrivateHost::start();
    let heavy = Heaviest::build(&host, "heavy");
    let image = fs::read(host.path(&heavy.save)).unwrap();
    let state = format!("{}/tpm2/tpm2-00.permall", heavy.tpm);
    let tpm = fs::read(host.path(&state)).unwrap();
    let nvram = fs::read(host.path(&heavy.nvram)).unwrap();
    let id = retire(&host, "heavy");
    usurper(&host, "heavy", Some(&heavy.guest.uuid));
    // The other one has firmware variables of that name, too.
    fs::write(host.path(&heavy.nvram), "theirs").unwrap();
    let how = ["--as-name", "light", "--new-uuid"];
    let done = rollback(&host, &id, &how);
    let uuid = host.virsh(&["domuuid", "light"]);
    assert_eq!(fs::read(host.path(&heavy.nvram)).unwrap(), b"theirs");
    let moved = heavy.nvram.replace("heavy", "light");
    assert_eq!(fs::read(host.path(&moved)).unwrap(), nvram);
    assert!(xml(&host, "light").contains(&moved));
    let folder = format!("/var/lib/libvirt/swtpm/{uuid}");
    assert_eq!(
        fs::read(host.path(format!("{folder}/tpm2/tpm2-00.permall"))).unwrap(),
        tpm
    );
    assert!(!host.exists(&heavy.save));

    let tree = ["snapshot-list", "light", "--name"];
    assert_eq!(host.virsh(&tree), "again\ndisks\ninside\nmemory");
    assert_eq!(
        host.virsh(&["snapshot-current", "light", "--name"]),
        "memory"
    );
    assert_eq!(
        host.virsh(&["checkpoint-list", "light", "--name"]),
        "check1\ncheck2"
    );
    for (dump, name) in [
        ("snapshot-dumpxml", "memory"),
        ("checkpoint-dumpxml", "check2"),
    ] {
        let xml = host.virsh(&[dump, "light", name]);
        assert!(
            xml.contains(&uuid) && !xml.contains(&heavy.guest.uuid),
            "{xml}"
        );
    }
    // It says what it cost, each thing once.
    let notes: Vec<&str> = done["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note.as_str().unwrap())
        .collect();
    for word in ["TPM state", &moved, "snapshot memory", "saved state"] {
        assert_eq!(
            notes.iter().filter(|note| note.contains(word)).count(),
            1,
            "{word}: {notes:#?}"
        );
    }
    let saved = notes
        .iter()
        .find(|note| note.contains("saved state"))
        .unwrap();
    let aside = saved.rsplit(' ').next().unwrap();
    assert_eq!(fs::read(host.path(aside)).unwrap(), image);

    host.virsh(&["start", "light"]);
    assert_eq!(
        host.virsh(&["domstate", "light", "--reason"]),
        "running (booted)"
    );
    host.virsh(&["destroy", "light"]);
    // What came back is whole by itself: it can be retired and brought back again.
    let before = Identity::capture(&host, "light", &[]);
    let id = retire(&host, "light");
    rollback(&host, &id, &[]);
    assert_same(&before, &Identity::capture(&host, "light", &[]));
}

/// Retires it with its NVRAM left in place; the transaction's number.
#[track_caller]
fn retire_keeping_nvram(host: &PrivateHost, name: &str) -> String {
    let words = [
        "undefine",
        name,
        "--keep-nvram",
        "--remove-all-storage",
        "--yes",
    ];
    let done = host.retire_json(&words).expect(0).json();
    done["transactions"][0]["id"].to_string()
}

/// NVRAM that was kept is by now the NVRAM of whoever has taken the name. The one that comes back
/// gets a copy.
#[test]
fn nvram_that_was_kept_is_not_shared_with_whoever_has_taken_the_name() {
    let host = PrivateHost::start();
    let guest = builder("web").efi().define(&host);
    guest.run_once();
    let nvram = |name: &str| format!("/var/lib/libvirt/qemu/nvram/{name}_VARS.fd");
    let (kept, copy) = (nvram("web"), nvram("web-old"));
    let bytes = fs::read(host.path(&kept)).unwrap();
    let id = retire_keeping_nvram(&host, "web");
    GuestBuilder::new("web").efi().define(&host);
    let theirs = xml(&host, "web");
    assert!(
        theirs.contains(&kept),
        "this test needs the same path: {theirs}"
    );
    let before = Identity::of_files(&host, &[&kept]);

    // A rollback that fails on its way takes the copy along, whichever rename it fails at.
    let how = ["rollback", &id, "--yes", "--as-name", "web-old"];
    let mut failed = 0;
    for when in 1.. {
        let fault = Fault::error("renameat2,renameat,rename", "EIO", when);
        let traced = host.inject(&fault, &how);
        if !traced.struck() {
            traced.outcome.expect(0);
            break;
        }
        let shown = host.retire_json(&["show", &id]).expect(0).json();
        if shown["state"] == "rolled-back" {
            // Struck where it does not matter.
            break;
        }
        assert_eq!(shown["state"], "committed");
        assert_eq!(host.domains(), ["web"]);
        assert!(
            !host.exists(&copy),
            "left behind by a failure at rename {when}"
        );
        failed += 1;
    }
    assert!(failed > 0, "no failure struck");

    assert_same(&before, &Identity::of_files(&host, &[&kept]));
    assert_eq!(fs::read(host.path(&copy)).unwrap(), bytes);
    let ours = xml(&host, "web-old");
    assert!(ours.contains(&copy) && !ours.contains(&kept), "{ours}");
    let shown = host.retire_json(&["show", &id]).expect(0).json();
    let told = shown["notes"].to_string();
    assert!(told.contains(&kept) && told.contains(&copy), "{told}");
    for name in ["web", "web-old"] {
        host.virsh(&["start", name]);
    }
    for name in ["web", "web-old"] {
        host.virsh(&["destroy", name]);
    }
}

/// Killed at any of its renames and syncs: what `recover` makes of it has its own NVRAM, whole, and
/// libvirt's folder holds nothing that nobody knows of.
#[test]
fn a_kill_while_kept_nvram_is_copied_leaves_nothing_half() {
    let host = PrivateHost::start();
    let guest = builder("slain").efi().define(&host);
    guest.run_once();
    let nvram = |name: &str| format!("/var/lib/libvirt/qemu/nvram/{name}_VARS.fd");
    let bytes = fs::read(host.path(nvram("slain"))).unwrap();
    let mut struck = 0;
    let mut left = vec![nvram("slain")];
    for when in 1..=12 {
        let name = host.domains().remove(0);
        let id = retire_keeping_nvram(&host, &name);
        let new = format!("slain{when}");
        let how = ["rollback", &id, "--yes", "--as-name", &new];
        let fault = Fault::kill("renameat2,renameat,rename,fsync", when);
        struck += u32::from(host.inject(&fault, &how).struck());
        host.retire(&["recover", "--yes"]).expect(0);
        let shown = host.retire_json(&["show", &id]).expect(0).json();
        if shown["state"] == "committed" {
            // Struck before anything was decided.
            rollback(&host, &id, &how[3..]);
        }
        assert_eq!(host.domains(), std::slice::from_ref(&new));
        assert!(xml(&host, &new).contains(&nvram(&new)));
        assert_eq!(fs::read(host.path(nvram(&new))).unwrap(), bytes);
        left.push(nvram(&new));
        let mut there: Vec<String> = host
            .shell("ls -A /var/lib/libvirt/qemu/nvram")
            .lines()
            .map(|name| format!("/var/lib/libvirt/qemu/nvram/{name}"))
            .collect();
        there.sort();
        left.sort();
        assert_eq!(there, left, "after a kill at call {when}");
    }
    assert!(struck >= 3, "only {struck} kills struck");
}

/// A path that libvirt did not name after the domain stays the same under any name: there is
/// nothing to guess.
#[test]
fn nvram_that_somebody_else_names_is_refused_under_another_name() {
    let host = PrivateHost::start();
    let vars = format!("{}/own.fd", host.images);
    let link = format!("{}/link.fd", host.images);
    host.shell(&format!(
        "cp /usr/share/OVMF/OVMF_VARS_4M.fd {vars}; ln -s own.fd {link}"
    ));
    let firmware = |path: &str| {
        format!(
            "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>\
             <nvram>{path}</nvram>"
        )
    };
    for (name, path) in [("own", &vars), ("linked", &link)] {
        builder(name).q35().os_xml(&firmware(path)).define(&host);
        let id = retire_keeping_nvram(&host, name);
        // Beside nobody it is its own, under any name.
        let second = format!("{name}2");
        rollback(&host, &id, &["--as-name", &second]);
        assert!(xml(&host, &second).contains(path.as_str()));
        let id = retire(&host, &second);
        assert!(!host.exists(path) && !host.exists(&vars));
        // The other one has not been started: no file stands there yet.
        GuestBuilder::new("other")
            .q35()
            .os_xml(&firmware(&vars))
            .define(&host);
        let third = format!("{name}3");
        let how = ["--as-name", &*third];
        refused(&host, &id, &how, "path-occupied", "virsh edit");
        assert!(!host.exists(path) && !host.exists(&vars));
        host.virsh(&["undefine", "other", "--keep-nvram"]);
        rollback(&host, &id, &how);
        assert!(host.exists(path) && host.exists(&vars));
        host.virsh(&["undefine", &third, "--keep-nvram"]);
        host.shell(&format!("rm {}/{name}.qcow2", host.pool));
    }
}

/// A kill anywhere leaves the new identity in the journal: recovery goes on under it, and does not
/// draw another.
#[test]
fn a_kill_in_the_middle_is_recovered_under_the_same_new_identity() {
    let host = PrivateHost::start();
    let guest = builder("cut").efi().tpm().define(&host);
    guest.run_once();
    let before = xml(&host, "cut");
    let mut struck = 0;
    for when in [1, 2, 3, 5, 8] {
        let name = host.domains().remove(0);
        let old = host.virsh(&["domuuid", &name]);
        let id = retire(&host, &name);
        let new = format!("cut{when}");
        let how = ["rollback", &id, "--yes", "--as-name", &new, "--new-uuid"];
        let trace = host.inject(&Fault::kill("renameat2", when), &how);
        struck += u32::from(trace.struck());
        host.retire(&["recover", "--yes"]).expect(0);
        let shown = host.retire_json(&["show", &id]).expect(0).json();
        if shown["state"] == "committed" {
            // Struck before anything was decided.
            rollback(&host, &id, &how[3..]);
        }
        assert_eq!(host.domains(), std::slice::from_ref(&new));
        let uuid = host.virsh(&["domuuid", &new]);
        assert_ne!(uuid, old);
        let shown = host.retire_json(&["show", &id]).expect(0).json();
        assert_eq!(shown["restored_as"]["uuid"], uuid.as_str());
        let now = xml(&host, &new);
        let same = now.replace(&new, "cut").replace(&uuid, &guest.uuid);
        assert_eq!(same, before);
        for file in [
            guest.path("vda").to_owned(),
            format!("/var/lib/libvirt/qemu/nvram/{new}_VARS.fd"),
            format!("/var/lib/libvirt/swtpm/{uuid}/tpm2/tpm2-00.permall"),
        ] {
            assert!(host.exists(&file), "{file} after a kill at {when}");
        }
        host.virsh(&["start", &new]);
        host.virsh(&["destroy", &new]);
    }
    assert!(struck >= 3, "only {struck} kills struck");
}
