//! Between a retirement and its rollback somebody goes on working: disks are moved to a larger file
//! system, a template is built anew, an ISO is thrown away. If these tests fail, a rollback breaks
//! off half way, or says that everything is back and the guest reads other data.

use std::fs;

use crate::support::{Disk, Fault, GuestBuilder, Identity, PrivateHost, assert_same};

const CHANGES: &str = "renameat2,renameat,unlinkat,fsync,fdatasync,sendto,sendmsg";

const RETIRE: [&str; 3] = ["--all", "--remove-all-storage", "--yes"];

#[track_caller]
fn retire(host: &PrivateHost, name: &str) {
    host.retire(&[&["undefine", name], &RETIRE[..]].concat())
        .expect(0);
}

/// Answers the hint.
#[track_caller]
fn refused(host: &PrivateHost, how: &[&str], code: &str, cause: &str) -> String {
    let words = [&["rollback", "1", "--yes"], how].concat();
    let outcome = host.retire_json(&words).expect(3);
    let error = &outcome.json_error()["error"];
    assert_eq!(error["code"], code, "{outcome}");
    assert!(
        error["message"].as_str().unwrap().contains(cause),
        "no {cause}: {outcome}"
    );
    assert_eq!(state(host, 1), "committed", "{outcome}");
    error["hint"].as_str().unwrap().to_owned()
}

#[track_caller]
fn rollback(host: &PrivateHost, how: &[&str]) -> serde_json::Value {
    let words = [&["rollback", "1", "--yes"], how].concat();
    let done = host.retire_json(&words).expect(0).json();
    assert_eq!(done["transactions"][0]["state"], "rolled-back");
    done["transactions"][0].clone()
}

fn state(host: &PrivateHost, id: u64) -> String {
    let list = host.retire_json(&["list"]).expect(0).json();
    let all = list["transactions"].as_array().unwrap();
    let one = all.iter().find(|one| one["id"] == id).unwrap();
    one["state"].as_str().unwrap().to_owned()
}

/// A guest with all its disks in a folder of their own.
fn in_a_folder(host: &PrivateHost) -> String {
    let folder = format!("{}/vms", host.images);
    host.shell(&format!("mkdir {folder}"));
    GuestBuilder::new("web")
        .disk(Disk::unmanaged(&format!("{folder}/a.raw")))
        .disk(Disk::unmanaged(&format!("{folder}/b.qcow2")))
        .define(host);
    folder
}

#[test]
fn a_folder_that_is_another_thing_now_is_refused_while_nothing_has_changed() {
    let host = PrivateHost::start();
    let folder = in_a_folder(&host);
    let before = Identity::capture(&host, "web", &[]);
    retire(&host, "web");
    let changes = [
        (
            "ln -s elsewhere vms; mkdir elsewhere",
            "rm vms; rmdir elsewhere",
            "symlink",
        ),
        ("ln -s nowhere vms", "rm vms", "symlink"),
        ("touch vms", "rm vms", "not a folder"),
        ("true", "true", "not there"),
        (
            "mkdir vms; mount -t tmpfs none vms",
            "umount vms; rmdir vms",
            "file system",
        ),
        (
            "mkdir vms; mount --bind vms vms; mount -o remount,bind,ro vms",
            "umount vms; rmdir vms",
            "Read-only",
        ),
        (
            "mkdir vms; chattr +i vms",
            "chattr -i vms; rmdir vms",
            "Operation not permitted",
        ),
    ];
    for (change, back, cause) in changes {
        host.shell(&format!("cd {}; mv vms vms.away; {change}", host.images));
        let hint = refused(&host, &[], "place-changed", cause);
        assert!(hint.contains(&format!("--path {folder}=NEW")), "{hint}");
        assert!(!hint.contains("mounted"), "{hint}");
        host.shell(&format!("cd {}; {back}; mv vms.away vms", host.images));
    }
    // Nor where it is a folder further up that has become a symlink.
    host.shell(&format!("mv {0} {0}.real; ln -s {0}.real {0}", host.images));
    refused(&host, &[], "place-changed", "symlink");
    host.shell(&format!("rm {0}; mv {0}.real {0}", host.images));
    assert!(host.domains().is_empty());
    rollback(&host, &[]);
    assert_same(&before, &Identity::capture(&host, "web", &[]));
}

#[test]
fn files_go_where_the_folder_has_moved_and_the_xml_follows() {
    let host = PrivateHost::start();
    let folder = in_a_folder(&host);
    let guest_xml = host.virsh(&["dumpxml", "web", "--inactive", "--security-info"]);
    let files = ["a.raw", "b.qcow2"];
    let contents = |folder: &str| {
        files.map(|file| blake3::hash(&fs::read(host.path(format!("{folder}/{file}"))).unwrap()))
    };
    let before = contents(&folder);
    retire(&host, "web");
    let new = format!("{}/lär=ger", host.images);
    host.shell(&format!("mv {folder} '{new}'; ln -s '{new}' {folder}"));
    refused(&host, &[], "place-changed", "symlink");
    refused(
        &host,
        &["--path", "/no/such=/folder"],
        "place-changed",
        "none of its files",
    );
    refused(
        &host,
        &["--path", &format!("{folder}=/no/such")],
        "place-changed",
        "not there",
    );
    for wrong in ["x", "/a", "/a=b", "a=/b", "="] {
        host.retire(&["rollback", "1", "--yes", "--path", wrong])
            .expect(2);
    }
    // Somebody's file is there.
    host.shell(&format!("touch '{new}/a.raw'"));
    refused(
        &host,
        &["--path", &format!("{folder}={new}")],
        "path-occupied",
        "a.raw",
    );
    host.shell(&format!("rm '{new}/a.raw'"));
    // By a user's symlink on the way he would choose where root puts it.
    let theirs = format!("{}/theirs", host.images);
    host.shell(&format!(
        "mkdir {theirs}; ln -s '{new}' {theirs}/vms; chown -hR 1207:1207 {theirs}"
    ));
    refused(
        &host,
        &["--path", &format!("{folder}={theirs}/vms")],
        "place-changed",
        "user 1207",
    );

    let done = rollback(&host, &["--path", &format!("{folder}={new}")]);
    assert!(done["notes"].to_string().contains("came back as"), "{done}");
    assert_eq!(contents(&new), before);
    let xml = host.virsh(&["dumpxml", "web", "--inactive", "--security-info"]);
    assert_eq!(xml, guest_xml.replace(&folder, &new));
    host.shell(&format!("rm {folder}"));
    host.virsh(&["start", "web"]);
    host.virsh(&["destroy", "web"]);
}

/// One file of the two, by its own name; and the other two ways out at once.
#[test]
fn a_file_by_itself_and_beside_other_terms() {
    let host = PrivateHost::start();
    let folder = in_a_folder(&host);
    let saved = host.virsh(&["dumpxml", "web", "--inactive", "--security-info"]);
    retire(&host, "web");
    let (old, new) = (
        format!("{folder}/a.raw"),
        format!("{}/renamed.raw", host.images),
    );
    let path = format!("{old}={new}");
    let uuid = "--new-uuid";
    let repaired = host.scratch(&saved.replace("<vcpu", "<title>again</title><vcpu"));
    rollback(
        &host,
        &[
            "--path",
            &path,
            "--xml",
            &repaired,
            "--as-name",
            "web2",
            uuid,
        ],
    );
    let xml = host.virsh(&["dumpxml", "web2", "--inactive"]);
    assert!(xml.contains(&new) && !xml.contains(&old), "{xml}");
    assert!(xml.contains("<title>again</title>"), "{xml}");
    assert!(host.exists(&new) && !host.exists(&old));
    host.virsh(&["start", "web2"]);
    host.virsh(&["destroy", "web2"]);
}

#[test]
fn a_kill_on_the_way_to_another_place_is_recovered_to_that_place() {
    let mut struck = 0;
    for when in [2, 5, 8, 12, 17, 24] {
        let host = PrivateHost::start();
        let folder = in_a_folder(&host);
        retire(&host, "web");
        let new = format!("{}/larger", host.images);
        host.shell(&format!("mv {folder} {new}; ln -s {new} {folder}"));
        let words = [
            "rollback",
            "1",
            "--yes",
            "--path",
            &format!("{folder}={new}"),
        ];
        let killed = host.inject(&Fault::kill(CHANGES, when), &words);
        struck += u32::from(killed.struck());
        host.retire(&["recover", "--yes"]).expect(0);
        if state(&host, 1) == "committed" {
            host.retire(&words).expect(0);
        }
        assert_eq!(state(&host, 1), "rolled-back");
        for file in ["a.raw", "b.qcow2"] {
            assert!(
                host.exists(&format!("{new}/{file}")),
                "{file} after a kill at {when}"
            );
        }
        assert!(
            host.virsh(&["dumpxml", "web"]).contains(&new),
            "after a kill at {when}"
        );
    }
    assert!(struck >= 3, "only {struck} kills struck");
}

/// An overlay that names its base by the whole path would stand on nothing at the other place.
#[test]
fn an_overlay_is_not_brought_to_where_it_has_no_base() {
    let host = PrivateHost::start();
    let folder = format!("{}/vms", host.images);
    let new = format!("{}/larger", host.images);
    host.shell(&format!(
        "mkdir {folder}; cd {folder}
         qemu-img create -q -f qcow2 base.qcow2 8M
         qemu-img create -q -f qcow2 -b {folder}/base.qcow2 -F qcow2 whole.qcow2
         qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 relative.qcow2"
    ));
    let existing = |name: &str| Disk::unmanaged(&format!("{folder}/{name}")).existing();
    GuestBuilder::new("whole")
        .disk(existing("whole.qcow2"))
        .define(&host);
    retire(&host, "whole");
    host.shell(&format!("mv {folder} {new}"));
    let path = format!("{folder}={new}");
    let hint = refused(&host, &["--path", &path], "place-changed", "names its base");
    assert!(hint.contains("qemu-img rebase"), "{hint}");
    // By way of a symlink it is the same base.
    host.shell(&format!("ln -s {new} {folder}"));
    rollback(&host, &["--path", &path]);
    host.virsh(&["start", "whole"]);
    host.virsh(&["destroy", "whole"]);
    host.virsh(&["undefine", "whole"]);

    host.shell(&format!(
        "rm {folder}; mkdir {folder}; mv {new}/* {folder}; rmdir {new}; rm {folder}/whole.qcow2"
    ));
    GuestBuilder::new("relative")
        .disk(existing("relative.qcow2"))
        .define(&host);
    retire(&host, "relative");
    host.shell(&format!("mv {folder} {new}"));
    let words = ["rollback", "2", "--yes", "--path", &path];
    host.retire(&words).expect(0);
    host.virsh(&["start", "relative"]);
    host.virsh(&["destroy", "relative"]);
}

/// Guests `first` and `second` on one base; `first` is retired. Answers the base.
fn on_a_shared_base(host: &PrivateHost) -> String {
    let base = format!("{}/base.qcow2", host.images);
    host.shell(&format!("qemu-img create -q -f qcow2 {base} 4M"));
    for name in ["first", "second"] {
        let overlay = Disk::unmanaged(&format!("{name}.qcow2")).on_base(&base, "qcow2");
        GuestBuilder::new(name).disk(overlay).define(host);
    }
    retire(host, "first");
    base
}

#[test]
fn a_base_that_is_not_what_it_was_is_refused_or_accepted_in_so_many_words() {
    let changes = [
        ("mv BASE BASE.away", "not there"),
        ("cp -p BASE BASE.new; mv BASE.new BASE", "replaced"),
        (
            "qemu-io -c 'write -P 7 0 64k' BASE >/dev/null",
            "written to",
        ),
        (
            "mv BASE BASE.real; ln -s BASE.other BASE; cp BASE.real BASE.other",
            "",
        ),
    ];
    for (change, cause) in changes {
        let host = PrivateHost::start();
        let base = on_a_shared_base(&host);
        // It is used, which does not change it.
        host.virsh(&["start", "second"]);
        host.virsh(&["destroy", "second"]);
        host.shell(&change.replace("BASE", &base));
        let hint = refused(&host, &[], "base-changed", cause);
        assert!(hint.contains("--accept-changed-base"), "{hint}");
        assert!(!host.domains().contains(&"first".to_owned()));
        let done = rollback(&host, &["--accept-changed-base"]);
        assert!(done["notes"].to_string().contains("accepted"), "{done}");
        assert!(host.domains().contains(&"first".to_owned()));
    }
    let host = PrivateHost::start();
    let base = on_a_shared_base(&host);
    host.virsh(&["start", "second"]);
    host.shell(&format!("touch -a {base}; chmod 0444 {base}"));
    rollback(&host, &[]);
    host.virsh(&["destroy", "second"]);
}

/// A symlink by which the overlay names its base leads to another one.
#[test]
fn a_base_that_is_another_by_the_same_name() {
    let host = PrivateHost::start();
    let images = host.images.clone();
    host.shell(&format!(
        "cd {images}; for base in 1 2; do qemu-img create -q -f qcow2 $base.qcow2 4M; done
         ln -s 1.qcow2 current.qcow2
         for guest in first second; do
             qemu-img create -q -f qcow2 -b {images}/current.qcow2 -F qcow2 $guest.qcow2
         done"
    ));
    for name in ["first", "second"] {
        let disk = Disk::unmanaged(&format!("{name}.qcow2")).existing();
        GuestBuilder::new(name).disk(disk).define(&host);
    }
    retire(&host, "first");
    host.shell(&format!("cd {images}; ln -sfn 2.qcow2 current.qcow2"));
    refused(&host, &[], "base-changed", "2.qcow2");
    host.shell(&format!("cd {images}; ln -sfn 1.qcow2 current.qcow2"));
    rollback(&host, &[]);
}

/// What is only read from a drive is no base: the rollback tells that it is not there, and goes on.
#[test]
fn a_medium_that_another_transaction_has_taken_holds_nobody_up() {
    let host = PrivateHost::start();
    let iso = format!("{}/install.iso", host.images);
    host.shell(&format!("head -c 1M /dev/zero >{iso}"));
    GuestBuilder::new("first")
        .disk(Disk::unmanaged("first.raw"))
        .disk(Disk::unmanaged(&iso).cdrom().existing())
        .define(&host);
    retire(&host, "first");
    // Somebody has it as a disk that is written to, and is retired with it.
    GuestBuilder::new("holder")
        .disk(Disk::unmanaged(&iso).existing())
        .define(&host);
    retire(&host, "holder");
    assert!(!host.exists(&iso));
    let done = rollback(&host, &[]);
    let notes = done["notes"].to_string();
    assert!(
        notes.contains(&iso) && notes.contains("another transaction"),
        "{notes}"
    );
    assert!(host.domains().contains(&"first".to_owned()));
}

/// A cause is said as it is: a mount has nothing to do with it.
#[test]
fn what_is_missing_is_named_and_not_guessed_at() {
    let host = PrivateHost::start();
    in_a_folder(&host);
    retire(&host, "web");
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    let stored = shown["quarantine"][0]["stored"]
        .as_str()
        .unwrap()
        .to_owned();
    let told = |how: &str, back: &str| {
        host.shell(how);
        let outcome = host.retire_json(&["rollback", "1", "--yes"]).expect(3);
        host.shell(back);
        outcome.json_error()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let file = told(
        &format!("mv {stored} {stored}.away"),
        &format!("mv {stored}.away {stored}"),
    );
    assert!(
        file.contains("is not there") && !file.contains("mounted"),
        "{file}"
    );
    let folder = std::path::Path::new(&stored)
        .parent()
        .unwrap()
        .display()
        .to_string();
    let away = told(
        &format!("mv {folder} {folder}.away"),
        &format!("mv {folder}.away {folder}"),
    );
    assert!(
        away.contains(&format!("the folder {folder} is not there")),
        "{away}"
    );
    assert!(away.contains("not mounted?"), "{away}");
    let other = told(
        &format!("mv {folder} {folder}.away; touch {folder}"),
        &format!("rm {folder}; mv {folder}.away {folder}"),
    );
    assert!(
        other.contains("is not a folder") && !other.contains("mounted"),
        "{other}"
    );
    rollback(&host, &[]);
}

#[test]
fn a_file_that_was_written_to_in_quarantine_comes_back_and_that_is_said() {
    let host = PrivateHost::start();
    in_a_folder(&host);
    retire(&host, "web");
    // Rolled back as they went, there is nothing to say.
    let done = rollback(&host, &[]);
    assert_eq!(done["notes"], serde_json::json!([]), "{done:#}");
    retire(&host, "web");
    let shown = host.retire_json(&["show", "2"]).expect(0).json();
    let waiting = shown["quarantine"].as_array().unwrap();
    let raw = waiting
        .iter()
        .find(|one| one["original"].as_str().unwrap().ends_with("a.raw"))
        .unwrap();
    let stored = raw["stored"].as_str().unwrap();
    host.shell(&format!(
        "sleep 0.1; dd if=/dev/urandom of='{stored}' bs=1k count=1 conv=notrunc"
    ));
    let done = host
        .retire_json(&["rollback", "2", "--yes"])
        .expect(0)
        .json();
    let notes = done["transactions"][0]["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 1, "{done:#}");
    let note = notes[0].as_str().unwrap();
    assert!(
        note.contains("a.raw was written to while it waited"),
        "{note}"
    );
}
