//! On a hardened host some processes show nobody what they have open, not even root: an init with
//! more rights than ours, a guest of another user namespace. If these tests fail, either nothing
//! can be retired on such a host, or a disk is taken from a process that could not be seen.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::support::retire::BINARY;
use crate::support::{Disk, GuestBuilder, Identity, Outcome, PrivateHost, assert_same};

/// Root that may not look into processes that hide.
const BLIND: [&str; 5] = [
    "setpriv",
    "--bounding-set",
    "-sys_ptrace",
    "--inh-caps",
    "-sys_ptrace",
];

fn retire(host: &PrivateHost, words: &[&str]) -> Outcome {
    let program = [BINARY, "--state-dir", &host.state];
    host.run(&[&BLIND[..], &program, words].concat())
}

#[test]
fn what_proc_hides_from_root_the_kernel_answers_for_each_file() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web1")
        .disk(Disk::pool("web1-a.qcow2"))
        .disk(Disk::unmanaged("web1-b.raw"))
        .tpm()
        .define(&host);
    guest.run_once();
    guest.dress(&[]);
    let disk = format!("{}/web1-b.raw", host.images);
    let before = Identity::capture(&host, "web1", &[]);

    // PR_SET_DUMPABLE 0 hides a process from all that lack CAP_SYS_PTRACE. It says when it is
    // ready.
    let hidden = |open: &str| {
        let script = format!(
            "import ctypes, os, time; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); \
             {open}\nprint(os.getpid(), flush=True); time.sleep(1000)"
        );
        let mut process = host
            .command("python3")
            .args(["-c", &script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        (process, line.trim().to_owned())
    };
    // What was spawned is the way into the host; the process itself is ended by its own id.
    let end = |(mut way, pid): (Child, String)| {
        host.run(&["kill", &pid]).expect(0);
        way.wait().unwrap();
    };
    let idle = hidden("");
    // One of them has a disk open.
    let reader = hidden(&format!("f = open('{disk}')"));
    let refused = retire(
        &host,
        &["undefine", "web1", "--remove-all-storage", "--yes"],
    )
    .expect(3);
    assert!(refused.stderr.contains("web1-b.raw"), "{refused}");
    assert!(
        refused.stderr.contains("cannot be seen from here"),
        "this test needs a process that is hidden: {refused}"
    );
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
    end(reader);

    // Without it everything is known, TPM folder included: nothing has to be accepted unseen.
    retire(
        &host,
        &["undefine", "web1", "--remove-all-storage", "--yes"],
    )
    .expect(0);
    assert!(!host.exists(&disk));
    retire(&host, &["rollback", "1", "--yes"]).expect(0);
    assert_same(&before, &Identity::capture(&host, "web1", &[]));
    end(idle);
}
