//! Two commands with two state folders, which know nothing of each other's journals. If these tests
//! fail, one retires a domain and the other brings it back without its disks.

use std::process::Stdio;

use crate::support::retire::BINARY;
use crate::support::tracer::After;
use crate::support::{Disk, GuestBuilder, Outcome, PrivateHost};

/// Runs virt-retire with another state folder, and without patience.
fn there(host: &PrivateHost, words: &[&str]) -> Outcome {
    let global = ["--output", "json", "--state-dir", SECOND, "--wait", "0"];
    host.run(&[&[BINARY][..], &global, words].concat())
}

const SECOND: &str = "/var/lib/libvirt/second";

#[test]
fn who_works_on_a_domain_holds_it_for_every_journal() {
    let host = PrivateHost::start();
    GuestBuilder::new("web")
        .disk(Disk::unmanaged("web.raw"))
        .define(&host);
    GuestBuilder::new("other")
        .disk(Disk::unmanaged("other.raw"))
        .define(&host);
    let there = |words: &[&str]| there(&host, words);
    let undefine = ["undefine", "web", "--remove-all-storage", "--yes"];
    let mut looked = false;
    let ran = host.traced(&undefine, &mut |point| {
        if looked || !point.step.starts_with("do undefine") {
            return After::GoOn;
        }
        looked = true;
        // It is still defined, and whoever can find it has to wait.
        for words in [
            &undefine[..],
            &["destroy", "web", "--remove-all-storage", "--yes"],
            &["policy", "set", "web", "vda", "keep", "--yes"],
        ] {
            let held = there(words).expect(6);
            let error = &held.json_error()["error"];
            assert_eq!(error["code"], "domain-held", "{held}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("undefine web"), "{held}");
        }
        // Nobody waits for a domain that nobody holds.
        there(&["undefine", "other", "--remove-all-storage", "--yes"]).expect(0);
        After::GoOn
    });
    assert!(looked && ran.code == 0, "{ran}");
    assert!(host.domains().is_empty());
    // The other way: a decision on what this journal has.
    let mut looked = false;
    let ran = host.traced(&["rollback", "1", "--yes"], &mut |point| {
        if !looked && point.step.starts_with("undo quarantine") {
            looked = true;
            there(&["list"]).expect(0);
            let held = host.retire(&["--wait", "0", "rollback", "1", "--yes"]);
            held.expect(6);
        }
        After::GoOn
    });
    assert!(looked && ran.code == 0, "{ran}");
    assert_eq!(host.domains(), ["web"]);
}

/// As many as are patient, one after the other; whoever comes too late is told so.
#[test]
fn two_at_once_retire_it_once() {
    let host = PrivateHost::start();
    for round in 0..6 {
        let name = format!("web{round}");
        let disk = format!("{name}.raw");
        let guest = GuestBuilder::new(&name)
            .disk(Disk::unmanaged(&disk))
            .define(&host);
        let words = ["undefine", &name, "--remove-all-storage", "--yes"];
        let mut one = host
            .retire_command(&words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let global = ["--state-dir", SECOND];
        let mut other = host
            .command(BINARY)
            .args(global)
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let codes = [one.wait().unwrap().code(), other.wait().unwrap().code()];
        assert!(codes.contains(&Some(0)), "{codes:?}");
        assert!(
            codes.iter().any(|code| matches!(code, Some(1 | 3))),
            "round {round}: {codes:?}"
        );
        assert!(!host.domains().contains(&name), "half a domain: {codes:?}");
        assert!(!host.exists(guest.path("vda")));
    }
}
