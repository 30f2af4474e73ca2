//! The systemd units work hardened as they are. If these fail, a setting takes away what a
//! retirement needs: a recovery at boot cannot rename a disk back (EXDEV), or does not see who uses
//! one and takes it.
//!
//! Where no systemd runs, each setting of the unit file is made by hand: capabilities, system calls
//! that fail. A setting that is not known here fails the test, so that none is added untried.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::support::retire::BINARY;
use crate::support::{Fault, GuestBuilder, Outcome, PrivateHost};

/// The lines of `[Service]`.
fn service(unit: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd");
    let text = fs::read_to_string(folder.join(unit)).unwrap();
    let (_, rest) = text.split_once("[Service]").unwrap();
    let own = rest.split("\n[").next().unwrap();
    own.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once('=').unwrap())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// When it is started and how often, which is nothing that confines it.
const OTHERS: [&str; 7] = [
    "Type",
    "ExecStart",
    "Restart",
    "RestartSec",
    "Nice",
    "IOSchedulingClass",
    // Of a call that is refused anyway.
    "SystemCallErrorNumber",
];

fn confining(unit: &str) -> Vec<(String, String)> {
    let mut all = service(unit);
    all.retain(|(key, _)| !OTHERS.contains(&key.as_str()));
    all
}

/// What a unit's settings come to.
#[derive(Default)]
struct Sandbox {
    setpriv: Vec<String>,
    umask: String,
    /// System calls that fail.
    refused: BTreeSet<&'static str>,
    families: Vec<String>,
    /// No page of memory is both written and run.
    keeps_code_apart: bool,
}

/// Where the kernel can be told so (prctl(2), `PR_SET_MDWE`, Linux 6.3), which lasts through an
/// exec.
const WITHOUT_NEW_CODE: &str = "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0); \
                                os.execvp(sys.argv[1], sys.argv[1:])";

impl Sandbox {
    fn of(settings: &[(String, String)]) -> Self {
        let mut made = Sandbox::default();
        for (key, value) in settings {
            made.add(key, value);
        }
        made
    }

    /// systemd.exec(5) says what each does.
    fn add(&mut self, key: &str, value: &str) {
        match (key, value) {
            ("NoNewPrivileges", "yes") => self.setpriv.push("--no-new-privs".into()),
            ("CapabilityBoundingSet", list) => {
                let kept = list
                    .split_whitespace()
                    .map(|it| format!(",+{}", it.strip_prefix("CAP_").unwrap().to_lowercase()));
                let set = format!("-all{}", kept.collect::<String>());
                self.setpriv.extend(["--bounding-set".into(), set]);
            }
            ("RestrictNamespaces", "yes") => self.refuse(&["unshare", "setns"]),
            ("RestrictRealtime", "yes") => {
                self.refuse(&["sched_setscheduler", "sched_setparam", "sched_setattr"]);
            }
            ("LockPersonality", "yes") => self.refuse(&["personality"]),
            ("MemoryDenyWriteExecute", "yes") => self.keeps_code_apart = true,
            ("SystemCallArchitectures", "native") => {}
            ("RestrictAddressFamilies", list) => {
                self.families = list.split_whitespace().map(str::to_owned).collect();
            }
            ("SystemCallFilter", list) => {
                let groups = list.strip_prefix('~').expect("a list of what is refused");
                groups
                    .split_whitespace()
                    .for_each(|it| self.refuse(group(it)));
            }
            ("UMask", mask) => self.umask = mask.to_owned(),
            other => panic!("{other:?} is a setting that this test does not know how to make"),
        }
    }

    fn refuse(&mut self, calls: &[&'static str]) {
        self.refused.extend(calls);
    }

    /// Runs the program so confined.
    fn run(&self, host: &PrivateHost, words: &[&str]) -> Outcome {
        let log = host.scratch("");
        let refused: Vec<&str> = self.refused.iter().copied().collect();
        let refused = refused.join(",");
        let apart = match self.keeps_code_apart {
            true => format!("python3 -c '{WITHOUT_NEW_CODE}'"),
            false => String::new(),
        };
        let script = format!(
            "umask {} && exec setpriv {} {apart} strace -f --seccomp-bpf -q -o {log} \
             -e trace={refused},socket,clone,clone3 \
             -e inject={refused}:error=EPERM -- \"$@\"",
            self.umask,
            self.setpriv.join(" "),
        );
        let own = [
            "bash",
            "-c",
            &script,
            "unit",
            BINARY,
            "--state-dir",
            &host.state,
        ];
        let outcome = host.run(&[&own[..], words].concat());
        for call in fs::read_to_string(&log).unwrap().lines() {
            let is_known = self.families.iter().any(|it| call.contains(it.as_str()));
            assert!(!call.contains(" socket(") || is_known, "{call}");
            assert!(!call.contains("CLONE_NEW"), "{call}");
        }
        outcome
    }
}

/// The members of systemd's groups that this processor has (`systemd-analyze syscall-filter`).
fn group(name: &str) -> &'static [&'static str] {
    match name {
        "@clock" => &["clock_settime", "clock_adjtime", "settimeofday", "adjtimex"],
        "@cpu-emulation" => &["modify_ldt"],
        "@debug" => &[
            "ptrace",
            "process_vm_readv",
            "process_vm_writev",
            "perf_event_open",
            "lookup_dcookie",
        ],
        "@module" => &["init_module", "finit_module", "delete_module"],
        "@mount" => &[
            "mount",
            "umount2",
            "pivot_root",
            "chroot",
            "fsconfig",
            "fsmount",
            "fsopen",
            "fspick",
            "mount_setattr",
            "move_mount",
            "open_tree",
        ],
        "@obsolete" => &["uselib", "ustat", "sysfs", "vserver"],
        "@raw-io" => &["ioperm", "iopl"],
        "@reboot" => &["reboot", "kexec_load", "kexec_file_load"],
        "@swap" => &["swapon", "swapoff"],
        other => panic!("{other} is a group that this test does not know"),
    }
}

#[test]
fn a_retirement_goes_and_comes_back_under_the_units_settings() {
    let settings = confining("virt-retire-recover.service");
    assert!(settings.len() > 8, "{settings:?}");
    for other in ["virt-retire-purge.service", "virt-retire-watch.service"] {
        assert_eq!(
            confining(other),
            settings,
            "{other} is confined in the same way"
        );
    }
    let sandbox = Sandbox::of(&settings);
    let host = PrivateHost::start();
    fs::write(
        host.path("/etc/virt-retire/config.toml"),
        "minimum-age = \"0s\"\n",
    )
    .unwrap();
    let guest = GuestBuilder::two_disks("web1").autostart().define(&host);
    let undefine = ["undefine", "web1", "--remove-all-storage", "--yes"];

    // Why no setting may be among them that gives the unit mounts of its own.
    let apart = ["unshare", "--mount", BINARY, "--state-dir", &host.state];
    let refused = host.run(&[&apart[..], &undefine[..]].concat()).expect(3);
    assert!(refused.stderr.contains("mount namespace"), "{refused}");

    // Somebody outside of the unit has a disk open, and is seen.
    let mut holder = host
        .command("bash")
        .args(["-c", "exec 9<\"$0\"; echo; read -r _", guest.path("vdb")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut line).unwrap();
    let refused = sandbox.run(&host, &undefine).expect(3);
    assert!(refused.stderr.contains("process"), "{refused}");
    drop(holder.stdin.take());
    holder.wait().unwrap();

    sandbox.run(&host, &undefine).expect(0);
    assert!(!host.exists(guest.path("vda")) && host.domains().is_empty());
    sandbox.run(&host, &["rollback", "1", "--yes"]).expect(0);
    assert!(host.exists(guest.path("vda")) && host.exists(guest.path("vdb")));

    // What the units themselves do.
    let started = |unit: &str| {
        let all = service(unit);
        let (_, line) = all.into_iter().find(|(key, _)| key == "ExecStart").unwrap();
        line.strip_prefix("/usr/bin/virt-retire ")
            .unwrap()
            .to_owned()
    };
    let run = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        sandbox.run(&host, &words)
    };
    let killed = host.inject(&Fault::kill("renameat2", 2), &undefine);
    assert!(killed.outcome.killed(), "{}", killed.outcome);
    run(&started("virt-retire-recover.service")).expect(0);
    assert_eq!(host.domains(), ["web1"]);
    assert!(host.exists(guest.path("vda")) && host.exists(guest.path("vdb")));
    run(&format!("{} --once", started("virt-retire-watch.service"))).expect(0);
    let expiring = [&undefine[..], &["--expires", "0s"]].concat();
    sandbox.run(&host, &expiring).expect(0);
    run(&started("virt-retire-purge.service")).expect(0);
    let all = host.retire_json(&["list", "--limit", "1"]).expect(0).json();
    assert_eq!(all["transactions"][0]["state"], "purged", "{all:#}");
}

/// Where systemd's own tool is there, it understands every line.
#[test]
fn systemd_understands_the_units() {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd");
    let mut units = Vec::new();
    for entry in fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        let text = fs::read_to_string(entry.path()).unwrap();
        // It looks whether the program is there, and reads its manual.
        let text = text.replace("/usr/bin/virt-retire", BINARY);
        let text: Vec<&str> = text
            .lines()
            .filter(|it| !it.starts_with("Documentation"))
            .collect();
        let path = folder.path().join(entry.file_name());
        fs::write(&path, text.join("\n")).unwrap();
        units.push(path);
    }
    let Ok(output) = std::process::Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args(&units)
        .output()
    else {
        eprintln!("not tried: this machine has no systemd-analyze");
        return;
    };
    let told = Outcome::new("systemd-analyze verify".into(), &output);
    let about_us: Vec<&str> = (told.stderr.lines())
        .filter(|line| line.contains("virt-retire"))
        .collect();
    assert!(about_us.is_empty(), "{about_us:#?}");
}
