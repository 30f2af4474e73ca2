//! What one command has read and the next one believes (`STATE/survey`). If this fails, a disk is
//! taken from whoever has taken it up since, or a password lies about.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Disk, GuestBuilder, PrivateHost};

#[test]
fn what_has_changed_is_asked_anew_and_damage_changes_no_answer() {
    let host = PrivateHost::start();
    let one = |name: &str| {
        GuestBuilder::new(name)
            .disk(Disk::pool(&format!("{name}.qcow2")))
            .vnc_password("sesame")
            .define(&host)
    };
    let guest = one("web");
    let other = one("other");
    one("first");
    let disk = guest.path("vda");
    let folder = disk.trim_end_matches("/web.qcow2");
    host.shell(&format!(
        "qemu-img create -q -f qcow2 {folder}/spare.qcow2 8M"
    ));
    // Nothing is kept before there is a journal.
    host.retire(&["undefine", "first", "--remove-all-storage", "--yes"])
        .expect(0);
    let plan = |code| {
        let plan = host.retire_json(&["plan", "web", "--remove-all-storage"]);
        plan.expect(code).stdout
    };
    let free = plan(0);
    let memory = host.path(format!("{}/survey", host.state));
    let kept = fs::read(&memory).unwrap();
    let has = |what: &str| kept.windows(what.len()).any(|it| it == what.as_bytes());
    assert!(
        has("<name>other</name>"),
        "this test needs something that is remembered"
    );
    assert!(!has("sesame"));
    let mode = fs::metadata(&memory).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(plan(0), free);

    let attach = ["attach-disk", "other", disk, "vdb", "--config"];
    host.virsh(&[&attach[..], &["--subdriver", "qcow2"]].concat());
    assert!(plan(3).contains("\"other\""));
    host.virsh(&["detach-disk", "other", "vdb", "--config"]);
    assert_eq!(plan(0), free);

    // An editor changes the file, and the daemon reads it when it starts.
    let edit = |from: &str, to: &str| {
        let file = "/etc/libvirt/qemu/other.xml";
        host.shell(&format!("sed -i 's|{from}|{to}|' {file}"));
    };
    edit(other.path("vda"), disk);
    assert_eq!(plan(0), free);
    host.restart_libvirtd();
    assert!(plan(3).contains("\"other\""));
    edit(disk, other.path("vda"));
    host.restart_libvirtd();
    assert_eq!(plan(0), free);

    // In place: the same inode and size.
    let rebase = |base: &str| {
        let overlay = format!("{folder}/spare.qcow2");
        host.shell(&format!(
            "qemu-img rebase -u -f qcow2 -F qcow2 -b '{base}' {overlay}"
        ));
    };
    rebase(disk);
    assert!(plan(3).contains("spare.qcow2"));
    rebase("");
    assert_eq!(plan(0), free);

    let mut bad = fs::read(&memory).unwrap();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    for bytes in [&bad[..], &bad[..middle], b""] {
        fs::write(&memory, bytes).unwrap();
        assert_eq!(plan(0), free);
    }
    fs::remove_file(&memory).unwrap();
    fs::create_dir(&memory).unwrap();
    assert_eq!(plan(0), free);
    host.retire(&["undefine", "web", "--remove-all-storage", "--yes"])
        .expect(0);
}
