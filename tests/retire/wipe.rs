//! A disk that was to be overwritten, and whose bytes are still on the medium; or one whose
//! certificate says more than what was done. If these tests fail, a medium that is sold has
//! somebody's data on it.

use crate::support::{Disk, Filesystem, GuestBuilder, PrivateHost};
use serde_json::Value;

const SECRET: &str = "geheimnis-4711-der-kundschaft";

fn host_on(kind: &str) -> (PrivateHost, Filesystem) {
    PrivateHost::start_on(kind)
}

/// A sparse disk with the secret at its beginning and far behind.
fn retire(host: &PrivateHost, more: &[&str]) {
    let disk = format!("{}/a.raw", host.images);
    host.shell(&format!(
        "set +o pipefail; truncate -s 64M {disk}
        for at in 0 20; do
            yes {SECRET} | head -c 2M | dd of={disk} bs=1M seek=$at conv=notrunc iflag=fullblock status=none
        done; sync {disk}"
    ));
    GuestBuilder::new("a")
        .disk(Disk::unmanaged("a.raw").existing())
        .define(host);
    let words = [
        &["undefine", "a", "--remove-all-storage", "--yes"][..],
        more,
    ]
    .concat();
    host.retire(&words).expect(0);
}

/// How many lines of the raw device hold the secret.
fn on_device(host: &PrivateHost, medium: &Filesystem) -> u64 {
    let found = host.shell(&format!(
        "sync -f {0}; device=$(findmnt -no SOURCE {0}); blockdev --flushbufs $device
        grep -a -c {SECRET} $device || true",
        medium.mount_point
    ));
    found.trim().parse().unwrap()
}

fn certificate(host: &PrivateHost) -> Value {
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    let events = shown["events"].as_array().unwrap();
    let mut wiped = events.iter().filter(|event| event["kind"] == "wiped");
    wiped.next().expect("a certificate").clone()
}

#[test]
fn what_is_wiped_is_on_the_raw_device_no_more() {
    for (kind, how) in [("ext4", "--wipe"), ("xfs", "--wipe=random")] {
        let (host, medium) = host_on(kind);
        retire(&host, &[]);
        assert!(on_device(&host, &medium) > 0);
        host.retire(&["purge", "1", how, "--yes"]).expect(0);
        assert_eq!(on_device(&host, &medium), 0, "{kind}");
        let wiped = certificate(&host);
        assert!(
            wiped["overwritten_bytes"].as_u64().unwrap() >= 4 << 20,
            "{wiped}"
        );
        assert!(
            wiped["overwritten_bytes"].as_u64().unwrap() < 64 << 20,
            "holes stay\n{wiped}"
        );
        assert_eq!(wiped["skipped_bytes"], 0);
        assert_eq!(wiped["elsewhere_bytes"], 0);
        assert_eq!(wiped["file_system"], kind);
        let claim = wiped["claim"].as_str().unwrap();
        assert!(
            claim.starts_with("clear (NIST SP 800-88r2) at most"),
            "{claim}"
        );
        assert!(claim.contains("loop device"), "{claim}");
    }
}

/// Whoever writes elsewhere must not be certified. Without mkfs.btrfs the classification alone is
/// tested, beside the code.
#[test]
fn a_file_system_that_writes_elsewhere_or_keeps_a_journal_of_the_data_says_so() {
    let has_btrfs = std::process::Command::new("mkfs.btrfs")
        .arg("--version")
        .output()
        .is_ok();
    if has_btrfs {
        let (host, medium) = host_on("btrfs");
        retire(&host, &[]);
        host.retire(&["purge", "1", "--wipe", "--yes"]).expect(0);
        let wiped = certificate(&host);
        assert_eq!(wiped["file_system"], "btrfs", "{wiped}");
        assert!(
            wiped["claim"].as_str().unwrap().starts_with("none"),
            "{wiped}"
        );
        assert!(wiped["elsewhere_bytes"].as_u64().unwrap() > 0, "{wiped}");
        assert!(on_device(&host, &medium) > 0, "and it is true");
    }
    let (host, medium) = host_on("ext4");
    // As the file system's own default, which the list of mounts does not tell.
    host.shell(&format!(
        "PATH=$PATH:/usr/sbin:/sbin; tune2fs -o journal_data $(findmnt -no SOURCE {})",
        medium.mount_point
    ));
    medium.remount(&host);
    retire(&host, &[]);
    host.retire(&["purge", "1", "--wipe", "--yes"]).expect(0);
    let wiped = certificate(&host);
    assert!(
        wiped["claim"].as_str().unwrap().contains("journal"),
        "{wiped}"
    );
}

#[test]
fn the_mark_of_the_retirement_is_honoured_and_nothing_else_overwrites() {
    let (host, medium) = host_on("ext4");
    retire(&host, &[]);
    host.retire(&["purge", "1", "--yes"]).expect(0);
    assert!(on_device(&host, &medium) > 0, "a purge alone unlinks");
    let (host, medium) = host_on("ext4");
    retire(&host, &["--wipe-storage"]);
    host.retire(&["purge", "1", "--yes"]).expect(0);
    assert_eq!(on_device(&host, &medium), 0);
    assert_eq!(certificate(&host)["method"], "zero");
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    let mut events = shown["events"].as_array().unwrap().iter();
    let begun = events.find(|event| event["kind"] == "wiping").unwrap();
    assert_eq!(
        begun["method"], "zero",
        "what a purge that is cut off goes on with"
    );
}

#[test]
fn what_others_share_is_not_overwritten_and_the_certificate_says_so() {
    let (host, medium) = host_on("xfs");
    retire(&host, &[]);
    let shown = host.retire_json(&["show", "1"]).expect(0).json();
    let stored = shown["quarantine"][0]["stored"].as_str().unwrap();
    let clone = format!("{}/clone.raw", host.images);
    host.shell(&format!(
        "cp --reflink=always {stored} {clone}; sync {clone}; cksum <{clone} >{clone}.sum"
    ));
    host.retire(&["purge", "1", "--wipe", "--yes"]).expect(0);
    host.shell(&format!(
        "test \"$(cksum <{clone})\" = \"$(cat {clone}.sum)\""
    ));
    assert!(on_device(&host, &medium) > 0);
    let wiped = certificate(&host);
    assert!(
        wiped["skipped_bytes"].as_u64().unwrap() >= 4 << 20,
        "{wiped}"
    );
    assert_eq!(wiped["overwritten_bytes"], 0);
    assert!(
        wiped["claim"].as_str().unwrap().starts_with("none"),
        "{wiped}"
    );
    // Discarding claims nothing, whatever it gave back.
    let (host, _medium) = host_on("ext4");
    retire(&host, &[]);
    let told = host
        .retire_json(&["purge", "1", "--wipe=discard", "--yes"])
        .expect(0)
        .json();
    let freed = told["freed_bytes"].as_u64().unwrap();
    assert!((4 << 20..8 << 20).contains(&freed), "{freed} bytes freed");
    let wiped = certificate(&host);
    assert!(
        wiped["discarded_bytes"].as_u64().unwrap() >= 4 << 20,
        "{wiped}"
    );
    assert!(
        wiped["claim"].as_str().unwrap().starts_with("none"),
        "{wiped}"
    );
}
