//! If this fails, the guest that needs undo most is the one that does not get it: somebody retires
//! a server that has grown snapshots, checkpoints, firmware variables, a TPM and a saved state over
//! the years, finds that it was the wrong one, rolls back, and it comes back as something a little
//! different.

use crate::support::{Heaviest, Identity, PrivateHost, assert_same};

const RETIRE: [&str; 4] = ["--all", "--remove-all-storage", "--yes", "--output=json"];

#[test]
fn the_heaviest_guest_comes_back_whole_twice_and_resumes() {
    let host = PrivateHost::start();
    let heavy = Heaviest::build(&host, "heavy");
    let before = Identity::capture(&host, "heavy", &[]);
    assert_eq!(before.fact("snapshots: current"), Some("memory"));
    assert_eq!(before.fact("checkpoints: current"), Some("check2"));

    for id in ["1", "2"] {
        let undefine = [&["undefine", "heavy"], &RETIRE[..]].concat();
        let done = host.retire(&undefine).expect(0).json();
        assert_eq!(done["transactions"][0]["state"], "committed");
        assert!(host.domains().is_empty());
        let files = [&heavy.save, &heavy.memory, &heavy.nvram, &heavy.tpm];
        let guest = &heavy.guest;
        let disks = [guest.path("vdb"), guest.path("vdc")];
        let gone = files.into_iter().chain(&heavy.chain).map(String::as_str);
        for path in gone.chain(disks) {
            assert!(!host.exists(path), "{path} should wait in quarantine");
        }
        host.retire(&["rollback", id, "--yes"]).expect(0);
        assert_same(&before, &Identity::capture(&host, "heavy", &[]));
    }
    // What lies on libvirt's disk is what it said.
    host.restart_libvirtd();
    assert_same(&before, &Identity::capture(&host, "heavy", &[]));

    let started = host.virsh(&["start", "heavy"]);
    let reason = host.virsh(&["domstate", "heavy", "--reason"]);
    assert_eq!(reason, "running (restored)", "{started}");
    assert!(!host.exists(&heavy.save), "the saved state has been used");
    heavy.guest.stop();
}
