//! If one of these fails, root has acted by a name in a folder that a user owns, and the user has
//! meanwhile given that name to something else: a file of root's is his, or its contents are, or
//! root has made a file where he may not.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::support::retire::BINARY;
use crate::support::tracer::{After, Point};
use crate::support::{Disk, GuestBuilder, Outcome, PrivateHost};

const USER: &str = "1207";
const SECRET: &str = "only root may read this\n";
/// What only root may look into.
const VAULT: &str = "/var/lib/libvirt/vault";

fn host() -> PrivateHost {
    let host = PrivateHost::start();
    host.shell(&format!(
        "umask 077; mkdir {VAULT}; printf '{SECRET}' >{VAULT}/secret"
    ));
    host
}

fn nvram(name: &str) -> String {
    format!("{}/{name}_VARS.fd", home(name))
}

fn home(name: &str) -> String {
    format!("/var/lib/libvirt/u-{name}")
}

/// A guest with NVRAM in a folder of the user's.
fn define(host: &PrivateHost, name: &str) {
    define_with(host, name, |guest| guest);
}

fn define_with(host: &PrivateHost, name: &str, more: impl FnOnce(GuestBuilder) -> GuestBuilder) {
    let (home, nvram) = (home(name), nvram(name));
    host.shell(&format!(
        "mkdir {home}; cp /usr/share/OVMF/OVMF_VARS_4M.fd {nvram}; chown -R {USER}:{USER} {home}; \
         chmod 640 {nvram}"
    ));
    more(GuestBuilder::new(name))
        .q35()
        .os_xml(&format!(
            "<loader readonly='yes' \
             type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader><nvram>{nvram}</nvram>"
        ))
        .define(host);
}

#[track_caller]
fn retire(host: &PrivateHost, name: &str, flags: &[&str]) -> String {
    let words = [&["undefine", name, "--yes"][..], flags].concat();
    let done = host.retire_json(&words).expect(0).json();
    done["transactions"][0]["id"].to_string()
}

fn as_name(host: &PrivateHost, id: &str, name: &str) -> Outcome {
    host.retire_json(&["rollback", id, "--as-name", name, "--yes"])
}

/// Nobody but root has anything of the vault, and nothing new is in it.
#[track_caller]
fn safe(host: &PrivateHost, when: &str) {
    let secret = host.path(format!("{VAULT}/secret"));
    let found = fs::symlink_metadata(&secret).unwrap();
    assert_eq!(
        (found.uid(), found.gid(), found.mode() & 0o7777),
        (0, 0, 0o600),
        "{when}"
    );
    assert_eq!(fs::read_to_string(&secret).unwrap(), SECRET, "{when}");
    assert_eq!(
        host.shell(&format!("getfattr -d -m - {VAULT}/secret")),
        "",
        "{when}"
    );
    assert_eq!(host.shell(&format!("ls -A {VAULT}")), "secret\n", "{when}");
    // The names that the user gave to the secret itself are of no matter, a copy is.
    let leaked = host.shell(&format!(
        "for f in $(find /var/lib/libvirt/u-* /var/lib/libvirt/.virt-retire -type f 2>/dev/null); do
            [[ $f -ef {VAULT}/secret ]] || ! grep -q 'only root' $f || echo $f; done"
    ));
    assert_eq!(leaked, "", "{when}");
}

/// The issue's own case, its mirror image, and their neighbours: nothing was changed, and what to
/// do is said.
#[test]
fn what_a_user_puts_under_the_names_of_kept_nvram_is_refused() {
    let host = host();
    define(&host, "web1");
    let (kept, home) = (nvram("web1"), home("web1"));
    let bytes = fs::read(host.path(&kept)).unwrap();
    let copy = format!("{home}/web2_VARS.fd");
    let id = retire(&host, "web1", &["--keep-storage", "--keep-nvram"]);
    let refused = |plant: &str, code: &str| {
        host.shell(&format!("cd {home}; {plant}"));
        let outcome = as_name(&host, &id, "web2").expect(3);
        assert_eq!(
            outcome.json_error()["error"]["code"],
            code,
            "{plant}: {outcome}"
        );
        safe(&host, plant);
        assert!(host.domains().is_empty(), "{plant}");
        let shown = host.retire_json(&["show", &id]).expect(0).json();
        assert_eq!(shown["state"], "committed", "{plant}");
        // Back to the inode that was kept.
        host.shell(&format!(
            "if [ -e {home}.was ]; then rm -rf {home}; mv -T {home}.was {home}; fi
            cd {home}; rm -rf web2_VARS.fd; if [ -e was ]; then rm -rf web1_VARS.fd; mv was web1_VARS.fd; fi"
        ));
    };
    for target in [
        format!("{VAULT}/new"),
        format!("{VAULT}/secret"),
        kept.clone(),
        VAULT.into(),
    ] {
        refused(
            &format!("ln -s {target} {copy}; chown -h {USER} {copy}"),
            "path-occupied",
        );
    }
    refused(&format!("mkdir {copy}"), "path-occupied");
    refused(&format!("mkfifo {copy}"), "path-occupied");
    for plant in [
        format!("ln -s {VAULT}/secret"),
        format!("ln {VAULT}/secret"),
        "mkfifo".into(),
        "mkdir".into(),
        "cp was".into(),
        "ln -s was".into(),
    ] {
        refused(
            &format!("mv {kept} was; {plant} web1_VARS.fd"),
            "changed-since-plan",
        );
    }
    // The folder itself leads to one where root alone may write.
    refused(
        &format!("mv {home} {home}.was; ln -s {VAULT} {home}; chown -h {USER} {home}"),
        "changed-since-plan",
    );
    refused(
        &format!("cp -a {home} {home}.other; mv {home} {home}.was; mv {home}.other {home}"),
        "changed-since-plan",
    );
    // And as it was kept, it is copied.
    as_name(&host, &id, "web2").expect(0);
    assert_eq!(fs::read(host.path(&copy)).unwrap(), bytes);
    let (one, other) = (host.path(&kept), host.path(&copy));
    let (one, other) = (fs::metadata(one).unwrap(), fs::metadata(other).unwrap());
    assert_eq!(
        (one.uid(), one.mode(), one.mtime()),
        (other.uid(), other.mode(), other.mtime())
    );
    safe(&host, "at the end");
}

/// What a user does at one point of the run.
struct Attack {
    what: &'static str,
    /// A script in his folder, `$1` the guest's name.
    script: &'static str,
}

const ATTACKS: [Attack; 4] = [
    Attack {
        what: "the temporary file's name is given to the secret",
        script: "for f in .new-*; do [ ! -e $f ] || ln -f $V/secret $f; done",
    },
    Attack {
        what: "the copy's name leads into the vault",
        script: "ln -sfn $V/new $1-back_VARS.fd",
    },
    Attack {
        what: "the NVRAM's name is given to the secret",
        script: "if [ ! -e was ]; then mv $1_VARS.fd was 2>/dev/null || touch was; ln -f $V/secret \
                 $1_VARS.fd; fi",
    },
    Attack {
        what: "the folder's name leads to the vault",
        script: "[ -L $H ] || { mv $H $H.was; ln -sfn $V $H; }",
    },
];

/// Runs `verb` on a guest of its own once for each attack at each call that changes
/// anything in the user's folder.
fn attacked(host: &PrivateHost, mark: &str, ready: impl Fn(&str) -> Vec<String>) {
    let about = |point: &Point, home: &str| point.target.starts_with(home);
    let mut number = 0;
    for attack in &ATTACKS {
        let mut at = 1;
        loop {
            number += 1;
            let name = format!("{mark}{number}");
            let (words, home) = (ready(&name), home(&name));
            let mut seen = 0;
            let mut point = String::new();
            let traced = host.traced(&words, &mut |here| {
                if about(here, &home) {
                    seen += 1;
                    if seen == at {
                        point = format!("{} {}", here.call, here.target);
                        host.shell(&format!(
                            "V={VAULT} H={home}; set -- {name}; cd {home}; {}",
                            attack.script
                        ));
                    }
                }
                After::GoOn
            });
            let when = format!("{} before {point}: {traced}", attack.what);
            assert!(traced.code < 100, "{when}");
            // His own names for the secret, and nothing else, go again.
            safe(host, &when);
            host.shell(&format!("rm -rf {home} {home}.was"));
            if seen < at {
                assert!(at > 3, "too few calls to strike: {when}");
                break;
            }
            at += 1;
        }
    }
}

#[test]
fn nothing_a_user_does_while_kept_nvram_is_copied_reaches_root_s_files() {
    let host = host();
    attacked(&host, "kept", |name| {
        define(&host, name);
        let id = retire(&host, name, &["--keep-storage", "--keep-nvram"]);
        let back = format!("{name}-back");
        ["rollback", &id, "--yes", "--as-name", &back]
            .map(String::from)
            .into()
    });
}

/// libvirt removes the NVRAM of a guest that runs on without a definition when it ends; a copy
/// waits.
#[test]
fn nothing_a_user_does_while_copies_come_back_reaches_root_s_files() {
    let host = host();
    attacked(&host, "ran", |name| {
        define(&host, name);
        host.virsh(&["start", name]);
        let id = retire(&host, name, &["--keep-storage"]);
        host.virsh(&["destroy", name]);
        host.shell(&format!("rm -f {}", nvram(name)));
        ["rollback", &id, "--yes"].map(String::from).into()
    });
}

/// A state folder that is made in a user's folder.
#[test]
fn the_mode_of_a_new_state_folder_is_not_given_to_another() {
    let mut host = host();
    define(&host, "web");
    let (home, open) = (home("web"), "/var/lib/libvirt/open");
    let state = format!("{home}/state");
    host.state = state.clone();
    host.shell(&format!("mkdir -m 751 {open}"));
    let words = ["undefine", "web", "--keep-storage", "--keep-nvram", "--yes"];
    let mut is_swapped = false;
    let traced = host.traced(&words, &mut |point| {
        if !is_swapped && point.call.contains("chmod") && point.target.starts_with(&state) {
            host.shell(&format!("mv {state} {state}.was; ln -s {open} {state}"));
            is_swapped = true;
        }
        After::GoOn
    });
    assert!(is_swapped, "{traced}");
    let found = fs::metadata(host.path(open)).unwrap();
    assert_eq!(found.mode() & 0o7777, 0o751, "{traced}");
}

/// Calls that change what a name stands for, or what it is.
const BY_NAME: [&str; 12] = [
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "symlink",
    "symlinkat",
];
/// Calls that change a file, and have a form that takes its descriptor.
const BY_DESCRIPTOR: [&str; 15] = [
    "chmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "lchown",
    "fchownat",
    "utime",
    "utimes",
    "utimensat",
    "setxattr",
    "lsetxattr",
    "removexattr",
    "lremovexattr",
    "truncate",
    "mknod",
];

/// What is wrong with one call as strace has it, in a folder where a user may write.
fn fault(call: &str, home: &str) -> Option<&'static str> {
    let (name, arguments) = call.split_once('(')?;
    // Not what it answered.
    let arguments = arguments
        .rsplit_once(") = ")
        .map_or(arguments, |(it, _)| it);
    let in_home = |word: &str| word.contains(&format!("\"{home}"));
    // A folder's descriptor and a name: `5</var/lib/libvirt/u-web>, "name"`.
    let relative = arguments.contains(&format!("<{home}"));
    if BY_NAME.contains(&name) {
        return in_home(arguments).then_some("goes by a path");
    }
    if BY_DESCRIPTOR.contains(&name) {
        // `utimensat` without a name is `futimens`.
        let is_empty = arguments.contains("\"\"") && arguments.contains("AT_EMPTY_PATH")
            || name == "utimensat" && arguments.contains(">(deleted), NULL, ")
            || name == "utimensat" && arguments.contains(">, NULL, ");
        return ((in_home(arguments) || relative) && !is_empty).then_some("goes by a name");
    }
    if !["open", "openat", "openat2", "creat"].contains(&name) || arguments.contains("O_PATH") {
        return None;
    }
    let writes = ["O_CREAT", "O_WRONLY", "O_RDWR", "O_TRUNC", "O_TMPFILE"];
    if in_home(arguments) {
        let is_folder = arguments.contains("O_DIRECTORY");
        let is_new = writes.iter().any(|flag| arguments.contains(flag));
        return (is_new || !is_folder).then_some("opens a path");
    }
    let is_plain = arguments.contains("O_NOFOLLOW")
        || arguments.contains("O_TMPFILE")
        || arguments.contains("RESOLVE_NO_SYMLINKS")
        || arguments.contains("\".\"");
    (relative && !is_plain).then_some("follows what a name leads to")
}

#[test]
fn a_fault_of_each_kind_is_found() {
    let home = "/u";
    for call in [
        r#"chown("/u/x", 1, 2) = 0"#,
        r#"fchownat(5</u>, "x", 1, 2, AT_SYMLINK_NOFOLLOW) = 0"#,
        r#"rename("/u/a", "/u/b") = 0"#,
        r#"renameat2(AT_FDCWD</>, "/u/a", AT_FDCWD</>, "/u/b", RENAME_NOREPLACE) = 0"#,
        r#"openat(AT_FDCWD</>, "/u/x", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW, 0600) = 3"#,
        r#"openat(AT_FDCWD</>, "/u/x", O_RDONLY) = 3"#,
        r#"openat(5</u>, "x", O_RDONLY) = 3"#,
        r#"lsetxattr("/u/x", "user.x", "1", 1, 0) = 0"#,
    ] {
        assert!(fault(call, home).is_some(), "{call}");
    }
    for call in [
        r#"fchown(5</u/x>, 1, 2) = 0"#,
        r#"linkat(AT_FDCWD</>, "/proc/self/fd/7", 5</u>, "x", AT_SYMLINK_FOLLOW) = 0"#,
        r#"openat(5</u>, ".", O_WRONLY|O_TMPFILE, 0600) = 3"#,
        r#"openat(AT_FDCWD</>, "/u/x", O_PATH|O_NOFOLLOW) = 3"#,
        r#"openat2(AT_FDCWD</>, "/u", {flags=O_DIRECTORY, resolve=RESOLVE_NO_SYMLINKS}, 24) = 3"#,
        r#"chmod("/other/x", 0600) = 0"#,
    ] {
        assert_eq!(fault(call, home), None, "{call}");
    }
}

/// Every verb that touches a user's folder goes by descriptors, at every call.
#[test]
fn no_call_goes_by_a_path_that_a_user_can_change() {
    let host = host();
    let home = home("web");
    let mut seen = 0;
    let mut traced = |words: &[&str]| {
        let log = host.scratch("");
        let strace = [
            "strace",
            "-f",
            "-y",
            "-q",
            "-s",
            "4096",
            "-o",
            &log,
            "-e",
            "trace=%file,desc",
            "--",
        ];
        let program = [BINARY, "--state-dir", &host.state];
        let done = host.run(&[&strace[..], &program, words].concat()).expect(0);
        let calls = fs::read_to_string(&log).unwrap();
        for line in calls.lines() {
            let call = line.split_once(' ').unwrap_or(("", line)).1.trim_start();
            seen += usize::from(call.contains(&home));
            if let Some(what) = fault(call, &home) {
                panic!("{words:?} {what}: {line}");
            }
        }
        done
    };
    define_with(&host, "web", |guest| {
        let disk = format!("{home}/disk.qcow2");
        host.shell(&format!(
            "qemu-img create -q -f qcow2 {disk} 1M; chown {USER} {disk}"
        ));
        guest.disk(Disk::unmanaged(&disk).existing()).tpm()
    });
    host.virsh(&["start", "web"]);
    traced(&["undefine", "web", "--keep-storage", "--yes"]);
    host.virsh(&["destroy", "web"]);
    host.shell(&format!("rm -f {}", nvram("web")));
    traced(&["rollback", "1", "--yes"]);
    assert!(host.exists(&nvram("web")));
    traced(&[
        "undefine",
        "web",
        "--remove-all-storage",
        "--keep-nvram",
        "--yes",
    ]);
    traced(&["rollback", "2", "--as-name", "web2", "--yes"]);
    assert!(host.exists(&format!("{home}/web2_VARS.fd")));
    traced(&[
        "undefine",
        "web2",
        "--remove-all-storage",
        "--nvram",
        "--yes",
    ]);
    traced(&["rollback", "3", "--yes"]);
    assert!(host.exists(&format!("{home}/web2_VARS.fd")));
    assert!(seen > 100, "only {seen} calls about the user's folder");
}
