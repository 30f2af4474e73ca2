//! A typing error, a stopped daemon, a state folder that is somebody else's, a full disk, a damaged
//! journal, a hostile name. If these fail, the operator reads a panic or nothing at all, and
//! something has been lost or changed all the same.

use std::fs;

use crate::support::{Guest, GuestBuilder, Identity, Outcome, PrivateHost, assert_same};

const UNDEFINE: [&str; 4] = ["undefine", "web1", "--remove-all-storage", "--yes"];

fn guest(host: &PrivateHost) -> Guest<'_> {
    GuestBuilder::two_disks("web1").define(host)
}

/// One error, in text and in JSON, with its code and what to do; no panic; nothing on stdout.
#[track_caller]
fn refused(host: &PrivateHost, arguments: &[&str], exit: i32, code: &str) -> String {
    let text = host.retire(arguments).expect(exit);
    assert!(text.stderr.starts_with("error: "), "{text}");
    assert!(text.stderr.contains("\n hint: "), "{text}");
    assert!(!text.stderr.contains("panicked"), "{text}");
    let told = host.retire_json(arguments).expect(exit);
    let error = told.json_error()["error"].clone();
    assert_eq!(error["code"], code, "{told}");
    for field in ["message", "hint"] {
        assert_ne!(error[field].as_str().unwrap(), "", "{told}");
    }
    if arguments[0] != "plan" {
        assert_eq!(told.stdout, "", "{told}");
    }
    error.to_string()
}

fn with_state(host: &PrivateHost, state: &str, arguments: &[&str]) -> Outcome {
    let mut words = vec![
        crate::support::retire::BINARY,
        "--output",
        "json",
        "--state-dir",
        state,
    ];
    words.extend(arguments);
    host.run(&words)
}

#[test]
fn a_refused_command_leaves_nothing_behind() {
    let host = PrivateHost::start();
    let guest = guest(&host);
    let before = Identity::capture(&host, "web1", &[&host.state]);
    for verb in ["plan", "undefine"] {
        for name in [
            "nosuch",
            "",
            "-1",
            "4711",
            "8b3e5c5a-7f5b-4f0e-9d3e-0d0d0d0d0d0d",
            "we b1",
            "web1\u{1b}[31m",
        ] {
            let words = [verb, "--remove-all-storage", "--", name];
            let words = if verb == "plan" {
                words.to_vec()
            } else {
                [&["undefine", "--yes"], &words[1..]].concat()
            };
            let error = refused(&host, &words, 1, "no-such-domain");
            assert!(error.contains("virsh list --all"), "{error}");
        }
        let more = if verb == "plan" { &[][..] } else { &["--yes"] };
        // No flag for the disks; a running guest; a target that is not there.
        let words = |flags: &[&'static str]| [&[verb, "web1"], flags, more].concat();
        refused(&host, &words(&[]), 3, "undecided-disk");
        refused(&host, &words(&["--storage", "vdz"]), 3, "no-such-disk");
        guest.start();
        let error = refused(&host, &words(&["--remove-all-storage"]), 3, "active-domain");
        assert!(error.contains("destroy"), "{error}");
        let id = host.virsh(&["domid", "web1"]);
        let by_id: Vec<&str> = [&[verb, &*id, "--remove-all-storage"], more].concat();
        refused(&host, &by_id, 3, "active-domain");
        guest.stop();
        guest.dress(&[guest.path("vda"), guest.path("vdb")]);
    }
    // What goes with what is clap's to say, and is usage.
    for flags in [
        &["--keep-storage", "--remove-all-storage"][..],
        &["--keep-storage", "--storage", "vda"],
        &["--storage", "vda", "--remove-managed-storage"],
        &["--nvram", "--keep-nvram"],
        &["--bogus"],
    ] {
        refused_usage(&host, &[&["undefine", "web1", "--yes"], flags].concat());
    }
    refused_usage(&host, &[]);
    refused_usage(&host, &["undefine", "--yes"]);
    refused_usage(&host, &["--wait", "long", "list"]);
    // Looking makes no journal either.
    assert_eq!(
        host.retire_json(&["list"]).expect(0).json()["transactions"],
        serde_json::json!([])
    );
    host.retire(&["recover", "--yes"]).expect(0);
    refused(&host, &["show", "1"], 1, "no-such-transaction");
    refused(&host, &["rollback", "1", "--yes"], 1, "no-such-transaction");
    // The guest that ran has read its disks.
    let after = Identity::capture(&host, "web1", &[&host.state]);
    assert_same(&before.ignoring(&["atime"]), &after.ignoring(&["atime"]));
    assert!(
        fs::read_dir(host.path(&host.state))
            .unwrap()
            .next()
            .is_none()
    );
    with_state(&host, "/var/lib/virt-retire/deep/er", &["list"]).expect(0);
    assert!(!host.exists("/var/lib/virt-retire/deep"));
}

#[track_caller]
fn refused_usage(host: &PrivateHost, arguments: &[&str]) {
    let told = host.retire_json(arguments).expect(2);
    assert_eq!(told.json_error()["error"]["code"], "usage", "{told}");
    assert_eq!(told.stdout, "", "{told}");
    let text = host.retire(arguments).expect(2);
    assert!(
        text.stderr.contains("--help") && text.stdout.is_empty(),
        "{text}"
    );
}

#[test]
fn files_that_are_elsewhere_are_not_guessed_at() {
    let host = PrivateHost::start();
    for uri in [
        "qemu+ssh://root@nowhere.example/system",
        "test:///default",
        "qemu+tls://h/system",
        "xen:///system",
    ] {
        // Where the files are is the question only where there may be some.
        let hint = match uri.starts_with("qemu") {
            true => "on the host that has the files",
            false => "--connect qemu:///system",
        };
        for words in [
            &["plan", "test", "--remove-all-storage"][..],
            &["undefine", "test", "--yes"],
        ] {
            let words = [&["--connect", uri], words].concat();
            let told = host.retire_json(&words).expect(3);
            let error = told.json_error()["error"].clone();
            assert_eq!(error["code"], "remote-files", "{told}");
            assert!(error["hint"].as_str().unwrap().contains(hint), "{told}");
        }
        let told = host
            .retire_with(&["plan", "test"], &[("LIBVIRT_DEFAULT_URI", uri)])
            .expect(3);
        assert!(
            told.stderr.contains("cannot be reached from here"),
            "{told}"
        );
    }
    let told = host
        .retire_json(&["-c", "qemu+ssh://me:secret@h/system", "plan", "x"])
        .expect(3);
    assert!(
        !told
            .to_string()
            .replace(&told.command, "")
            .contains("secret"),
        "{told}"
    );
    for uri in [
        "nonsense",
        "foo",
        "bogus:///system",
        "qemu:///bogus",
        "qemu+unix:///system?socket=/nowhere",
    ] {
        let told = host.retire_json(&["-c", uri, "plan", "x"]).expect(1);
        assert_eq!(
            told.json_error()["error"]["code"],
            "libvirt-unreachable",
            "{told}"
        );
    }
}

#[test]
fn without_libvirt_one_reads_that_and_can_still_look() {
    let host = PrivateHost::start();
    let guest = guest(&host);
    host.retire(&UNDEFINE).expect(0);
    host.shell(
        "pid=$(cat /run/libvirt/libvirtd.pid); kill $pid; while kill -0 $pid 2>/dev/null; \
                do sleep 0.01; done",
    );
    for words in [
        &["plan", "web1", "--remove-all-storage"][..],
        &UNDEFINE,
        &["rollback", "1", "--yes"],
    ] {
        let error = refused(&host, words, 1, "libvirt-unreachable");
        assert!(error.contains("libvirtd"), "{error}");
    }
    assert!(host.retire(&["list"]).expect(0).stdout.contains("web1"));
    host.retire(&["show", "1"]).expect(0);
    host.retire(&["recover", "--yes"]).expect(0);
    host.start_libvirtd();
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    guest.run_once();
}

#[test]
fn a_state_folder_that_is_not_ours_alone_is_refused() {
    let host = PrivateHost::start();
    guest(&host);
    let before = Identity::capture(&host, "web1", &[]);
    let folder = "/var/lib/libvirt/state";
    let refused = |make: &str, says: &str| {
        host.shell(&format!("rm -rf {folder}; {make}"));
        let was = Identity::of_files(&host, &[folder]);
        for words in [
            &UNDEFINE[..],
            &["list"],
            &["show", "1"],
            &["rollback", "1", "--yes"],
            &["recover", "--yes"],
        ] {
            let told = with_state(&host, folder, words).expect(1);
            let error = &told.json_error()["error"];
            assert_eq!(error["code"], "state-folder", "{told}");
            assert!(told.stderr.contains(says), "{says}: {told}");
        }
        assert_same(&was, &Identity::of_files(&host, &[folder]));
        assert_same(&before, &Identity::capture(&host, "web1", &[]));
    };
    for mode in ["0755", "0750", "0701", "0777"] {
        refused(&format!("mkdir -m {mode} {folder}"), "chmod 700");
    }
    refused(
        &format!("mkdir -m 0700 {folder}; chown 1207 {folder}"),
        "belongs to user 1207",
    );
    refused(&format!("echo file >{folder}"), "is not a folder");
    refused(&format!("ln -s {folder} {folder}"), "symbolic links");
    host.shell(&format!(
        "rm -rf {folder}; mkdir -m 0700 {folder}; ln -s {folder} {folder}.link"
    ));
    // A symlink to a folder that is ours alone is as good as the folder.
    with_state(&host, &format!("{folder}.link"), &UNDEFINE).expect(0);
    with_state(&host, folder, &["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
}

#[test]
fn a_state_folder_that_cannot_be_written_changes_nothing() {
    let host = PrivateHost::start();
    guest(&host);
    let before = Identity::capture(&host, "web1", &[]);
    host.shell(
        "mkdir -p -m 0700 /mnt2 2>/dev/null || true; mkdir -m 0700 /var/lib/libvirt/ro; \
        mount -t tmpfs -o mode=0700 none /var/lib/libvirt/ro; mount -o remount,ro \
        /var/lib/libvirt/ro",
    );
    let told = with_state(&host, "/var/lib/libvirt/ro", &UNDEFINE).expect(1);
    assert!(told.stderr.contains("Read-only file system"), "{told}");
    let told = with_state(&host, "/var/lib/libvirt/ro/deeper", &UNDEFINE).expect(1);
    assert!(told.stderr.contains("Read-only file system"), "{told}");
    with_state(&host, "/proc/nowhere", &UNDEFINE).expect(1);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
    // A journal that became read-only: looked at as ever, and otherwise said plainly.
    host.shell("mount -o remount,rw /var/lib/libvirt/ro");
    with_state(&host, "/var/lib/libvirt/ro", &UNDEFINE).expect(0);
    host.shell("mount -o remount,ro /var/lib/libvirt/ro");
    let told = with_state(&host, "/var/lib/libvirt/ro", &["rollback", "1", "--yes"]).expect(1);
    assert!(told.stderr.contains("Read-only file system"), "{told}");
    for words in [&["list"][..], &["show", "1"]] {
        let told = with_state(&host, "/var/lib/libvirt/ro", words).expect(0);
        assert!(told.stdout.contains("committed"), "{told}");
    }
    host.shell("mount -o remount,rw /var/lib/libvirt/ro");
    with_state(&host, "/var/lib/libvirt/ro", &["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
}

#[test]
fn a_full_disk_loses_nothing() {
    let host = PrivateHost::start();
    guest(&host);
    let before = Identity::capture(&host, "web1", &[]);
    let folder = "/var/lib/libvirt/small";
    host.shell(&format!(
        "mkdir -m 0700 {folder}; mount -t tmpfs -o mode=0700,size=4m none {folder}"
    ));
    let state = format!("{folder}/state");
    let mut codes = Vec::new();
    // From nothing left to enough left, a page or more at a time.
    for left in [0, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048] {
        host.shell(&format!(
            "rm -rf {folder}/*; head -c $((4*1024*1024-{left}*1024)) /dev/zero >{folder}/filler || \
             true"
        ));
        let told = with_state(&host, &state, &UNDEFINE);
        assert!(!told.stderr.contains("panicked"), "{left} KiB: {told}");
        codes.push(told.code);
        host.shell(&format!("rm {folder}/filler"));
        match told.code {
            0 => drop(with_state(&host, &state, &["rollback", "1", "--yes"]).expect(0)),
            1 | 4 => {}
            5 => drop(with_state(&host, &state, &["recover", "--yes"]).expect(0)),
            _ => panic!("{left} KiB: {told}"),
        }
        assert_same(&before, &Identity::capture(&host, "web1", &[]));
    }
    assert_eq!((codes[0], codes[codes.len() - 1]), (1, 0), "{codes:?}");
}

#[test]
fn a_journal_that_is_damaged_or_newer_is_left_alone() {
    let host = PrivateHost::start();
    let guest = guest(&host);
    host.retire(&UNDEFINE).expect(0);
    let file = format!("{}/journal/db", host.state);
    // The quarantine stays as it is: its files are known by their inodes.
    host.shell(&format!(
        "mkdir -m 0700 {0}.good; cp -a {0}/journal* {0}/view {0}.good/",
        host.state
    ));
    let size = fs::metadata(host.path(&file)).unwrap().len();
    for damage in [
        format!("truncate -s $(({size} / 2)) {file}"),
        format!("truncate -s 0 {file}"),
        format!("rm {file}"),
        format!(
            "rm -r {0}/journal {0}/journal.head; echo >{0}/journal",
            host.state
        ),
        format!("head -c {size} /dev/urandom >{file}"),
        format!("head -c 4096 /dev/urandom >{}/journal.head", host.state),
    ] {
        host.shell(&damage);
        for words in [
            &["list"][..],
            &["show", "1"],
            &["rollback", "1", "--yes"],
            &["recover", "--yes"],
        ] {
            let told = host.retire_json(words);
            assert!(!told.stderr.contains("panicked"), "{damage}: {told}");
            assert_eq!(told.code, 1, "{damage}: {told}");
            told.json_error();
        }
        host.shell(&format!(
            "rm -rf {0}/journal* {0}/view; cp -a {0}.good/. {0}/",
            host.state
        ));
    }
    assert!(host.domains().is_empty() && !host.exists(guest.path("vda")));
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    guest.run_once();
}
