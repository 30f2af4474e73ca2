//! If this fails, undefining a running guest takes its disks from under it, or what it needs to
//! boot again (NVRAM, TPM state, the record of its snapshots) ends with it, and rollback brings
//! back a guest that asks for a recovery key.

use crate::support::tracer::After;
use crate::support::{Disk, Guest, GuestBuilder, Identity, PrivateHost, assert_same};

fn heavy<'h>(host: &'h PrivateHost, name: &str) -> Guest<'h> {
    let guest = GuestBuilder::new(name)
        .efi()
        .tpm()
        .disk(Disk::pool(&format!("{name}.qcow2")))
        .autostart()
        .define(host);
    guest.run_once();
    guest.snapshot_disk_only("s1");
    guest.checkpoints(&["c1", "c2"]);
    guest
}

fn tpm(guest: &Guest) -> String {
    format!("/var/lib/libvirt/swtpm/{}", guest.uuid)
}

fn hashes(host: &PrivateHost, folder: &str) -> String {
    host.shell(&format!(
        "cd {folder} && find . -type f ! -name .lock | sort | xargs sha256sum && \
         find . ! -name .lock -printf '%p %u %g %m\\n' | sort"
    ))
}

/// Issue item 5, first half.
#[test]
fn removing_flags_fail_on_a_running_guest() {
    let host = PrivateHost::start();
    let guest = heavy(&host, "web1");
    guest.start();
    for flag in [
        &["--remove-all-storage", "--all"][..],
        &["--remove-managed-storage", "--all"],
        &["--remove-unmanaged-storage", "--all"],
        &["--storage", "vda", "--all"],
        &["--keep-storage", "--nvram"],
        &["--keep-storage", "--tpm"],
    ] {
        let words = [&["undefine", "web1", "--yes"][..], flag].concat();
        let outcome = host.retire_json(&words).expect(3);
        assert_eq!(
            outcome.json_error()["error"]["code"],
            "active-domain",
            "{outcome}"
        );
        assert!(host.is_running("web1") && host.is_persistent("web1"));
    }
    guest.stop();
}

/// Copies in quarantine. In this host's own folders only: other tests' hosts lie in the same file
/// system, with copies of their own.
#[track_caller]
fn copies(host: &PrivateHost) -> String {
    host.shell("find /var/lib -path '*quarantine*' -name '*copy-*'")
}

/// Issue item 5, second half, and back while it still runs.
#[test]
fn keep_storage_makes_a_running_guest_transient_and_rollback_persistent() {
    let host = PrivateHost::start();
    let guest = heavy(&host, "web2");
    guest.start_paused();
    let before = Identity::capture(&host, "web2", &[]);
    host.retire(&["undefine", "web2", "--keep-storage", "--yes"])
        .expect(0);
    assert!(host.is_running("web2") && !host.is_persistent("web2"));
    assert!(host.exists(guest.path("vda")));
    assert_ne!(copies(&host), "");
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert!(host.is_running("web2") && host.is_persistent("web2"));
    // To copy a file is to read it.
    let after = Identity::capture(&host, "web2", &[]);
    assert_same(&before.ignoring(&["atime"]), &after.ignoring(&["atime"]));
    guest.stop();
    assert!(host.exists(&tpm(&guest)));
    assert_eq!(copies(&host), "");
}

/// The guest has ended in the meantime, and libvirt took away what it takes.
#[test]
fn rollback_after_the_guest_ended_gives_it_its_state_again() {
    let host = PrivateHost::start();
    let guest = heavy(&host, "web3");
    guest.start_paused();
    host.retire(&["undefine", "web3", "--keep-storage", "--yes"])
        .expect(0);
    // What an operator without this program would have to put back is named, and so is its place.
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    let manifest = format!("{}/manifest.json", shown["home"].as_str().unwrap());
    let manifest = std::fs::read(host.path(manifest)).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    for original in [&*tpm(&guest), "/var/lib/libvirt/qemu/nvram/web3_VARS.fd"] {
        for list in [&shown["quarantine"], &manifest["files"]] {
            let mut listed = list.as_array().unwrap().iter();
            let copy = listed.find(|file| file["original"] == original);
            let copy = copy.unwrap_or_else(|| panic!("no {original} in {list:#}"));
            assert!(host.exists(copy["stored"].as_str().unwrap()), "{copy:#}");
        }
        assert!(manifest["restore"].to_string().contains(original));
    }
    // As it is at its end: the guest stands still.
    let state = hashes(&host, &tpm(&guest));
    guest.stop();
    assert!(host.domains().iter().all(|name| name != "web3"));
    assert!(!host.exists(&tpm(&guest)), "libvirt 11.3 removes it");

    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_eq!(hashes(&host, &tpm(&guest)), state);
    assert!(host.exists("/var/lib/libvirt/qemu/nvram/web3_VARS.fd"));
    assert_eq!(host.virsh(&["snapshot-list", "web3", "--name"]), "s1");
    let checkpoints = host.virsh(&["checkpoint-list", "web3", "--name"]);
    assert_eq!(
        checkpoints.split_whitespace().collect::<Vec<_>>(),
        ["c1", "c2"]
    );
    assert!(
        host.virsh(&["dominfo", "web3"])
            .contains("Autostart:      enable")
    );
    guest.start();
    guest.stop();
}

/// Somebody has made the guest's TPM state anew meanwhile. A copy never goes over what is there,
/// and it is not thrown away either: it is all that is left of the guest's own.
#[test]
fn a_state_that_somebody_has_made_anew_stands_in_the_way_of_its_copy() {
    let host = PrivateHost::start();
    let guest = heavy(&host, "web4");
    guest.start_paused();
    host.retire(&["undefine", "web4", "--keep-storage", "--yes"])
        .expect(0);
    let state = hashes(&host, &tpm(&guest));
    guest.stop();
    let place = tpm(&guest);
    host.shell(&format!(
        "mkdir -p {place}/tpm2; echo newer > {place}/tpm2/mark"
    ));
    let refused = host.retire_json(&["rollback", "1", "--yes"]).expect(3);
    let error = refused.json_error()["error"].clone();
    assert_eq!(error["code"], "path-occupied", "{error}");
    assert!(
        error["message"].as_str().unwrap().contains(&place),
        "{error}"
    );
    assert!(host.domains().iter().all(|name| name != "web4"));
    assert_eq!(
        host.shell(&format!("cd {place}; find . -type f")).trim(),
        "./tpm2/mark"
    );

    host.shell(&format!("mv {place} /var/lib/libvirt/boot/away"));
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_eq!(hashes(&host, &place), state);
}

/// Killed while the copy is taken away that is needed no more: what is left of it must not pass for
/// a copy, nor the state that came back for somebody else's.
#[test]
fn a_rollback_killed_while_it_clears_its_copies_away_goes_on() {
    let host = PrivateHost::start();
    let guest = heavy(&host, "web5");
    guest.start_paused();
    host.retire(&["undefine", "web5", "--keep-storage", "--yes"])
        .expect(0);
    let state = hashes(&host, &tpm(&guest));
    guest.stop();
    let mut removed = 0;
    let killed = host.traced(&["rollback", "1", "--yes"], &mut |point| {
        removed += usize::from(point.step.contains("copy-tpm") && point.call.contains("unlink"));
        match removed {
            2 => After::Kill,
            _ => After::GoOn,
        }
    });
    assert_eq!(killed.code, 137, "{killed}");
    let recovered = host.retire_json(&["recover", "--yes"]).expect(0);
    let one = &recovered.json()["transactions"][0];
    assert_eq!(one["recovery"], "undone", "{recovered}");
    assert_eq!(hashes(&host, &tpm(&guest)), state);
    guest.start();
    guest.stop();
    assert_eq!(copies(&host), "");
}
