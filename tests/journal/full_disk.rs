//! The failure story: the disk of the journal is full, or goes read-only under it, in the middle of
//! an append. The command must end with an error it can show; sled, left to itself, may panic or
//! wait for ever. What was acknowledged before is there once there is room again.
//!
//! Needs root (a small tmpfs in a mount namespace of its own).

use std::path::Path;
use std::process::Command;

use crate::sample::{self, BeginOne};
use virt_retire::model::{SecretXml, TransactionId};
use virt_retire::ports::{Journal, JournalError, JournalReader};

const MOUNT: &str = "VIRT_RETIRE_TEST_FULL";
const PHASE: &str = "VIRT_RETIRE_TEST_PHASE";

/// Not a test of its own: the body of the processes that the test below starts.
#[test]
fn process_on_a_full_disk() {
    let Some(mount) = std::env::var_os(MOUNT) else {
        return;
    };
    let state = Path::new(&mount).join("state");
    match std::env::var(PHASE).unwrap().as_str() {
        "fill" => fill(&state),
        _ => look(&state),
    }
}

fn fill(state: &Path) {
    // Small records, records of a file of their own, or both in turn.
    let length: usize = std::env::var("LENGTH").unwrap().parse().unwrap();
    let mut journal = crate::sample::open(state).unwrap();
    for number in 0..20_000 {
        let mut draft = sample::draft();
        draft.definition.xml = SecretXml::new("x".repeat(length * (number % 2 + 1)));
        let begun = journal.begin(draft).and_then(|begun| {
            journal.append(begun.id, sample::kinds())?;
            Ok(begun.id)
        });
        match begun {
            Ok(id) => println!("acknowledged {id}"),
            Err(error) => {
                assert!(matches!(error, JournalError::Unwritten { .. }), "{error}");
                // And stays so: nobody knows what is on the disk.
                assert!(journal.begin(sample::draft()).is_err());
                assert!(journal.summaries().is_err());
                drop(journal);
                println!("full: {error}");
                return;
            }
        }
    }
    panic!("the disk never filled");
}

fn look(state: &Path) {
    let mut journal = crate::sample::open(state).unwrap();
    println!("found {}", journal.summaries().unwrap().len());
    for id in 1..journal.next_id().unwrap().0 {
        journal.read(TransactionId(id)).unwrap();
    }
    journal.begin(sample::draft()).unwrap();
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing_acknowledged() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    for (length, megabytes) in [(10, 5), (3_000, 6), (400_000, 9), (400_000, 8)] {
        let dir = tempfile::tempdir().unwrap();
        let test =
            "timeout 300 \"$TEST\" --exact full_disk::process_on_a_full_disk --nocapture --quiet";
        let script = format!(
            "mount -t tmpfs -o size={megabytes}m none \"$MOUNT\" || exit 9
            {PHASE}=fill {test} || exit 8
            mount -o remount,size=64m \"$MOUNT\" || exit 7
            {PHASE}=look {test} || exit 6"
        );
        let output = Command::new("unshare")
            .args(["-m", "--propagation", "private", "bash", "-c", &script])
            .env("TEST", std::env::current_exe().unwrap())
            .env("MOUNT", dir.path())
            .env(MOUNT, dir.path())
            .env("LENGTH", length.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{length}: {}\n{said}\n{why}",
            output.status
        );
        let last = |word: &str| -> u64 {
            let mut lines = said.lines().rev();
            let line = lines.find_map(|line| line.split_once(word)).unwrap();
            line.1.parse().unwrap()
        };
        assert!(last("found ") >= last("acknowledged "), "{length}: {said}");
        assert!(last("acknowledged ") > 2, "{length}: {said}");
        // sled's panics stay off the terminal.
        assert!(!why.contains("panicked"), "{length}: {why}");
    }
}
