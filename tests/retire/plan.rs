//! An operator looks before acting, keeps the plan, and has it run later, perhaps by somebody else.
//! If these fail, looking changes something, or what is run is not what was approved.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::support::{Disk, Guest, GuestBuilder, Identity, PrivateHost, assert_same};

fn guest<'h>(host: &'h PrivateHost, name: &str) -> Guest<'h> {
    GuestBuilder::new(name)
        .disk(Disk::pool(&format!("{name}.qcow2")))
        .disk(Disk::unmanaged(&format!("{name}.raw")))
        .vnc_password("geheim42")
        .autostart()
        .define(host)
}

fn saved(host: &PrivateHost) -> String {
    format!("{}/plan", host.folder.display())
}

#[track_caller]
fn save(host: &PrivateHost, name: &str) {
    let words = ["plan", name, "--remove-all-storage", "--save", &saved(host)];
    host.retire(&words).expect(0);
}

#[track_caller]
fn refused(host: &PrivateHost, code: i32, word: &str) {
    let told = host
        .retire_json(&["apply", &saved(host), "--yes"])
        .expect(code);
    assert_eq!(told.json_error()["error"]["code"], word, "{told}");
    assert_ne!(told.json_error()["error"]["hint"], "", "{told}");
}

#[test]
fn a_plan_changes_nothing() {
    let host = PrivateHost::start();
    guest(&host, "web1");
    host.shell(&format!("rmdir {}", host.state));
    let all = [
        "/var/lib/libvirt/images",
        "/var/lib/libvirt/pool",
        "/etc/libvirt/qemu",
        &host.state,
    ];
    let before = Identity::capture(&host, "web1", &all);
    let times = || {
        let of = |path: &&str| {
            fs::metadata(host.path(path))
                .map(|found| (found.mtime(), found.ctime_nsec()))
                .ok()
        };
        all.iter().map(of).collect::<Vec<_>>()
    };
    let folders = times();
    for flags in [
        &["--remove-all-storage"][..],
        &["--keep-storage"],
        &["--storage", "vda"],
        &[],
    ] {
        for output in ["text", "json"] {
            let code = if flags.is_empty() { 3 } else { 0 };
            host.retire(&[&["plan", "web1", "--output", output], flags].concat())
                .expect(code);
        }
    }
    assert_same(&before, &Identity::capture(&host, "web1", &all));
    assert_eq!(folders, times());
    // Not one call that could change a file, but for libvirt's own doing on the other end of its
    // socket.
    let calls = "openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,\
        rmdir,truncate,ftruncate,chmod,fchmod,fchmodat,fchmodat2,chown,fchown,lchown,fchownat,setxattr,lsetxattr,\
        fsetxattr,removexattr,utimensat,pwrite64";
    let trace = host.trace(calls, &["plan", "web1", "--remove-all-storage"]);
    let changing = |call: &&String| {
        let opens = call.contains("openat(");
        !call.contains("+++")
            && (!opens
                || ["O_WRONLY", "O_RDWR", "O_CREAT"]
                    .iter()
                    .any(|flag| call.contains(flag)))
            && !call.contains("\"/dev/")
    };
    let found: Vec<_> = trace.calls.iter().filter(changing).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_saved_plan_runs_as_it_was_shown() {
    let host = PrivateHost::start();
    let guest = guest(&host, "web1");
    let before = Identity::capture(&host, "web1", &[]);
    save(&host, "web1");
    let file = fs::metadata(saved(&host)).unwrap();
    assert_eq!(file.mode() & 0o7777, 0o600);
    // Saved again over itself, and only over itself.
    save(&host, "web1");
    let disk = guest.path("vdb");
    for other in [disk, "/etc/hostname", &host.images] {
        let words = ["plan", "web1", "--remove-all-storage", "--save", other];
        let told = host.retire_json(&words).expect(1);
        assert_eq!(told.json_error()["error"]["code"], "saved-plan", "{told}");
    }
    // The folder by way of a symlink is as good as the folder.
    host.shell("ln -s /var/lib/libvirt/boot /var/lib/libvirt/to-boot");
    let words = ["plan", "web1", "--remove-all-storage", "--save"];
    host.retire(&[&words[..], &["/var/lib/libvirt/to-boot/plan"]].concat())
        .expect(0);
    assert!(host.exists("/var/lib/libvirt/boot/plan"));
    // Not by a user's symlink, who would choose where root writes.
    host.shell(
        "cd /var/lib/libvirt; mkdir -m 700 vault; mkdir theirs; ln -s ../vault theirs/plans
        chown -hR 1207:1207 theirs",
    );
    let told = host
        .retire_json(&[&words[..], &["/var/lib/libvirt/theirs/plans/plan"]].concat())
        .expect(1);
    let said = told.json_error()["error"]["message"].to_string();
    assert!(said.contains("user 1207"), "{told}");
    assert_eq!(host.shell("ls /var/lib/libvirt/vault"), "");
    host.retire(&[
        "plan",
        "web1",
        "--remove-all-storage",
        "--save",
        "/nowhere/plan",
    ])
    .expect(1);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));

    // Without a word of consent nothing is run.
    refused_unconfirmed(&host);
    let done = host
        .retire_json(&["apply", &saved(&host), "--yes", "--reason", "approved"])
        .expect(0)
        .json();
    assert_eq!(done["transactions"][0]["state"], "committed");
    assert_eq!(done["transactions"][0]["reason"], "approved");
    assert!(host.domains().is_empty() && !host.exists(disk));
    // It was for that one time.
    refused(&host, 3, "changed-since-plan");
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
    // All is as it was when it was made, so it may be run again; this time it stops before the
    // decision.
    let done = host
        .retire_json(&["apply", &saved(&host), "--yes", "--prepare"])
        .expect(0)
        .json();
    assert_eq!(done["transactions"][0]["state"], "prepared");
    host.retire(&["rollback", "2", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
}

fn refused_unconfirmed(host: &PrivateHost) {
    let told = host.retire_json(&["apply", &saved(host)]).expect(1);
    assert_eq!(
        told.json_error()["error"]["code"],
        "not-confirmed",
        "{told}"
    );
}

#[test]
fn a_plan_that_is_not_true_any_more_is_not_run() {
    let host = PrivateHost::start();
    let guest = guest(&host, "web1");
    let disk = guest.path("vdb").to_owned();
    let state = || fs::read_dir(host.path(&host.state)).unwrap().count();
    let stale = |change: &str, undo: &str| {
        save(&host, "web1");
        host.shell(change);
        let before = Identity::capture(&host, "web1", &[]);
        refused(&host, 3, "changed-since-plan");
        assert_same(&before, &Identity::capture(&host, "web1", &[]));
        host.shell(undo);
        assert_eq!(state(), 0, "a refused plan leaves nothing behind");
    };
    // Its definition, a flag beside it, a disk's size, time, bytes, owner, place.
    stale("virsh -q desc web1 --config 'edited since'", "true");
    stale(
        "virsh -q autostart --disable web1",
        "virsh -q autostart web1",
    );
    stale(&format!("truncate -s +512 {disk}"), "true");
    stale(&format!("touch {disk}"), "true");
    stale(&format!("chmod 600 {disk}"), &format!("chmod 640 {disk}"));
    stale(
        &format!("cp -a {disk} {disk}.copy; mv {disk}.copy {disk}"),
        "true",
    );
    stale(
        &format!("mv {disk} {disk}.away"),
        &format!("mv {disk}.away {disk}"),
    );
    // It runs.
    stale("virsh -q start web1", "virsh -q destroy web1");
    // Somebody else uses a disk now.
    let other = format!(
        "<domain type='qemu'><name>other</name><memory>32768</memory><os><type>hvm</type></os><devices>\
         <disk type='file'><source file='{disk}'/><target dev='vda'/></disk></devices></domain>"
    );
    let other = host.scratch(&other);
    stale(
        &format!("virsh -q define {other}"),
        "virsh -q undefine other",
    );
    // The pool does not know it any more.
    stale(
        "virsh -q pool-destroy default",
        "virsh -q pool-start default",
    );
    // Another domain of the same name.
    let xml = host.scratch(&host.virsh(&["dumpxml", "web1", "--inactive", "--security-info"]));
    save(&host, "web1");
    host.virsh(&["undefine", "web1"]);
    refused(&host, 3, "changed-since-plan");
    host.shell(&format!("sed -i '/<uuid>/d' {xml}; virsh -q define {xml}"));
    refused(&host, 3, "changed-since-plan");
    assert_eq!(host.domains(), ["web1"]);
}

#[test]
fn a_file_that_is_no_plan_is_refused() {
    let host = PrivateHost::start();
    guest(&host, "web1");
    save(&host, "web1");
    let good = fs::read(saved(&host)).unwrap();
    let mut bad: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "empty"),
        (b"garbage".to_vec(), "garbage"),
        (vec![0xff; 4096], "0xff"),
        (good[..good.len() - 1].to_vec(), "cut off"),
        ([&good[..], b"more"].concat(), "with more behind"),
    ];
    for position in (0..good.len()).step_by(good.len() / 40 + 1) {
        let mut flipped = good.clone();
        flipped[position] ^= 0x10;
        bad.push((flipped, "flipped"));
    }
    for (bytes, what) in bad {
        fs::write(saved(&host), bytes).unwrap();
        let told = host
            .retire_json(&["apply", &saved(&host), "--yes"])
            .expect(1);
        assert_eq!(
            told.json_error()["error"]["code"],
            "saved-plan",
            "{what}: {told}"
        );
    }
    for path in ["/nowhere", "/", "/dev/zero", "/proc/self/mem"] {
        let told = host.retire_json(&["apply", path, "--yes"]).expect(1);
        assert_eq!(
            told.json_error()["error"]["code"],
            "saved-plan",
            "{path}: {told}"
        );
    }
    fs::write(saved(&host), &good).unwrap();
    // Made at one place, it is not run at another.
    let uri = "qemu+unix:///system?socket=/run/libvirt/libvirt-sock";
    let told = host
        .retire_json(&["-c", uri, "apply", &saved(&host), "--yes"])
        .expect(1);
    assert_eq!(
        told.json_error()["error"]["code"],
        "other-connection",
        "{told}"
    );
    assert_eq!(host.domains(), ["web1"]);
    // A refused plan can be kept, and stays refused.
    fs::remove_file(saved(&host)).unwrap();
    host.retire(&["plan", "web1", "--save", &saved(&host)])
        .expect(3);
    refused(&host, 3, "undecided-disk");
}

/// Several plans in one file are one batch, and all of them are what they were or none is run.
#[test]
fn plans_of_several_domains_are_saved_together() {
    let host = PrivateHost::start();
    for name in ["web1", "web2", "web3"] {
        guest(&host, name);
    }
    let save = |names: &[&str]| {
        let words = ["--remove-all-storage", "--save", &saved(&host)].map(str::to_owned);
        let names = names.iter().map(|it| (*it).to_owned());
        let words: Vec<String> = ["plan".to_owned()]
            .into_iter()
            .chain(names)
            .chain(words)
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        host.retire(&words).expect(0)
    };
    save(&["web2", "web1", "web3"]);
    host.virsh(&["desc", "web1", "--config", "another text"]);
    host.virsh(&["undefine", "web3"]);
    let told = host
        .retire_json(&["apply", &saved(&host), "--yes"])
        .expect(3);
    let told = told.json_error()["error"]["message"].to_string();
    assert!(
        told.contains("web1") && told.contains("web3") && !told.contains("web2"),
        "{told}"
    );
    assert_eq!(host.domains(), ["web1", "web2"]);
    let shown = save(&["web2", "web1"]);
    let command = format!("virt-retire apply {}", saved(&host));
    assert!(shown.stdout.contains(&command), "{shown}");
    let done = host
        .retire_json(&["apply", &saved(&host), "--yes"])
        .expect(0);
    assert_eq!(done.json()["transactions"].as_array().unwrap().len(), 2);
    assert!(host.domains().is_empty());
}
