//! By cron, by a configuration tool, under nohup, by a person with a language and a time zone of
//! their own: how the program is started is not the operator's request. If these tests fail, it
//! says or does something else there, or puts a retirement back because a terminal has gone that it
//! was told to outlive.

use crate::support::retire::BINARY;
use crate::support::{Fault, Guest, GuestBuilder, Identity, Outcome, PrivateHost, assert_same};

fn guest(host: &PrivateHost) -> Guest<'_> {
    GuestBuilder::two_disks("web1").define(host)
}

const UNDEFINE: [&str; 4] = ["undefine", "web1", "--remove-all-storage", "--yes"];

/// Empty variables are none; the rest is of no concern to the program where nothing is a terminal.
const ODD: [(&str, &str); 21] = [
    ("HOME", "/nonexistent"),
    ("TMPDIR", "/nonexistent"),
    ("USER", "somebody"),
    ("TERM", "dumb"),
    ("COLUMNS", "20"),
    ("NO_COLOR", "1"),
    ("CLICOLOR_FORCE", "1"),
    ("RUST_LOG", "trace"),
    ("RUST_BACKTRACE", "1"),
    ("TZ", "Asia/Kathmandu"),
    ("LANG", "de_DE.ISO-8859-1"),
    ("LC_ALL", "de_DE.UTF-8"),
    ("LANGUAGE", "de"),
    ("XDG_STATE_HOME", "relative"),
    ("XDG_CONFIG_HOME", "relative"),
    ("XDG_CACHE_HOME", "relative"),
    ("VIRT_RETIRE_STATE_DIR", ""),
    ("VIRT_RETIRE_QUARANTINE", ""),
    ("LIBVIRT_DEFAULT_URI", ""),
    ("SUDO_USER", ""),
    ("SSH_CONNECTION", ""),
];

#[test]
fn no_answer_depends_on_the_environment() {
    let host = PrivateHost::start();
    let guest = guest(&host);
    let before = Identity::capture(&host, "web1", &[]);
    let alone = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = host.retire_command(words);
        command.env_clear().envs(variables.iter().copied());
        Outcome::new(words.join(" "), &command.output().unwrap())
    };
    let plan = ["plan", "web1", "--remove-all-storage"];
    let planned = host.retire(&plan).expect(0).stdout;
    for (id, variables) in [("1", &[][..]), ("2", &ODD)] {
        let same = |words: &[&str], code| {
            let usual = host.retire(words).expect(code);
            let told = alone(words, variables).expect(code);
            assert_eq!(told.stdout, usual.stdout, "{told}");
            assert_eq!(told.stderr, usual.stderr, "{told}");
            told
        };
        assert_eq!(same(&plan, 0).stdout, planned);
        same(&["plan", "nosuch"], 1);
        same(&["users", guest.path("vdb")], 0);
        let told = alone(&UNDEFINE, variables).expect(0);
        assert_eq!(told.stderr, "", "{told}");
        same(&["list"], 0);
        same(&["show", id], 0);
        same(&UNDEFINE, 1);
        let shown = host.retire_json(&["show", id]).expect(0).json();
        for who in ["login", "from"] {
            assert_ne!(shown[who], "", "{shown:#}");
        }
        alone(&["rollback", id, "--yes"], variables).expect(0);
        assert_same(&before, &Identity::capture(&host, "web1", &[]));
    }
}

/// SIGHUP arrives while a disk is moved.
#[test]
fn what_was_told_to_outlive_its_terminal_goes_on() {
    let host = PrivateHost::start();
    guest(&host);
    let before = Identity::capture(&host, "web1", &[]);
    let hangup = Fault {
        syscalls: "renameat2".into(),
        effect: "signal=HUP".into(),
        when: 2,
    };
    for (script, code) in [("exec \"$@\"", 4), ("trap '' HUP; exec \"$@\"", 0)] {
        let mut words = vec!["bash", "-c", script, "started", BINARY];
        words.extend(["--state-dir", &host.state]);
        words.extend(UNDEFINE);
        let ran = host.strace("renameat2", Some(&hangup), &words);
        let came = ran.calls.iter().any(|call| call.contains("--- SIGHUP"));
        assert!(came || code == 0, "{:#?}", ran.calls);
        assert_eq!(ran.outcome.code, code, "{}", ran.outcome);
        match code {
            0 => assert!(host.domains().is_empty()),
            _ => assert_same(&before, &Identity::capture(&host, "web1", &[])),
        }
    }
    host.retire(&["recover", "--yes"]).expect(0);
    host.retire(&["rollback", "2", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
}

/// As a full disk is: said, and nothing is half. How large a journal is, is sled's affair, so
/// several limits.
#[test]
fn a_limit_on_file_sizes_is_an_error_and_no_end() {
    let host = PrivateHost::start();
    guest(&host);
    let before = Identity::capture(&host, "web1", &[]);
    let script = "ulimit -f \"$1\"; shift; exec \"$@\"";
    for kibibytes in ["0", "1", "4", "16", "64", "256"] {
        let mut words = vec!["bash", "-c", script, "limited", kibibytes, BINARY];
        words.extend(["--state-dir", &host.state]);
        words.extend(UNDEFINE);
        let told = host.run(&words);
        assert!([1, 4].contains(&told.code), "{told}");
        assert!(told.stderr.contains("File too large"), "{told}");
        assert_same(&before, &Identity::capture(&host, "web1", &[]));
    }
    let done = host.retire_json(&UNDEFINE).expect(0).json();
    let id = done["transactions"][0]["id"].to_string();
    host.retire(&["rollback", &id, "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
}

/// What libraries make of too little memory is a segmentation fault, or a journal said to be
/// damaged.
#[test]
fn a_limit_on_memory_is_an_error_and_no_end() {
    let host = PrivateHost::start();
    guest(&host);
    host.retire(&UNDEFINE).expect(0);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    let before = Identity::capture(&host, "web1", &[]);
    let script = "ulimit -c 0; ulimit \"-$1\" \"$2\"; shift 2; exec \"$@\"";
    for (which, kibibytes) in [
        ("v", "110000"),
        ("v", "120000"),
        ("v", "250000"),
        ("d", "20000"),
    ] {
        for command in [&["list"][..], &["recover", "--yes"], &UNDEFINE] {
            let mut words = vec!["bash", "-c", script, "limited", which, kibibytes, BINARY];
            words.extend(["--state-dir", &host.state]);
            words.extend(command);
            let told = host.run(&words).expect(1);
            assert!(told.stderr.contains("memory is limited"), "{told}");
            assert!(!told.stderr.contains("damaged"), "{told}");
        }
    }
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
    host.retire(&UNDEFINE).expect(0);
}

/// What the kernel makes of too little stack is a segmentation fault.
#[test]
fn a_limit_on_the_stack_is_an_error_or_raised() {
    let host = PrivateHost::start();
    guest(&host);
    let before = Identity::capture(&host, "web1", &[]);
    let run = |script: &str, command: &[&str]| {
        let mut words = vec!["bash", "-c", script, "limited", BINARY];
        words.extend(["--state-dir", &host.state]);
        words.extend(command);
        host.run(&words)
    };
    let soft = "ulimit -S -s 64; exec \"$@\"";
    run(soft, &UNDEFINE).expect(0);
    run(soft, &["rollback", "1", "--yes"]).expect(0);
    // One who has no right to raise it.
    let script = "ulimit -s 128; exec setpriv --bounding-set -sys_resource --inh-caps \
                  -sys_resource -- \"$@\"";
    let told = run(script, &UNDEFINE).expect(1);
    assert!(told.stderr.contains("ulimit -s"), "{told}");
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
}
