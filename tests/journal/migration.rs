//! The failure story: the program is upgraded, and in the middle of making last year's journal a
//! new one the machine goes down, the disk fills up, somebody types `kill -9`. At every instant
//! there must be the old journal or the new one, and never a third thing.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::golden::{answers_as_then, unpack};
use super::power_cut::{CUT, ONE_AT_A_TIME, REMOUNT, Shell, can_cut};
use super::program::killed_at;
use crate::support;
use virt_retire::adapters::sled_journal::outlook;
use virt_retire::journal::{decode_first, legacy};
use virt_retire::model::TransactionId;
use virt_retire::ports::{JournalError, JournalReader, Log};

fn is_migrated(state: &Path) -> bool {
    legacy::mark(&fs::read(state.join("journal.head")).unwrap()).is_err()
}

#[test]
fn the_old_files_are_kept_and_the_new_log_begins_with_the_old_one() {
    let state = unpack("clean");
    let before = fs::read(state.path().join("journal.head")).unwrap();
    let journal = crate::sample::open(state.path()).unwrap();
    let migrated = journal.migrated().unwrap();
    assert_eq!((migrated.from, migrated.to), (1, 2));
    let kept = fs::read(state.path().join("format-1/journal.head")).unwrap();
    assert_eq!(kept, before);
    assert!(state.path().join("format-1/journal/db").exists());
    // Two slots, the one that goes further counts.
    let slots = [0, 4096].map(|at| legacy::mark(&before[at..]).unwrap().sequence);
    let last = slots[0].max(slots[1]);
    assert_eq!(journal.origin().1, last);
    assert_eq!(journal.checkpoint().size, last);
    // The very bytes, so that the first format's chain can still be followed.
    let records = journal.records(TransactionId(1)).unwrap();
    let (first, _): (virt_retire::journal::Entry, _) = decode_first(&records[0].1).unwrap();
    assert_eq!(first.sequence, 1);
    assert_eq!(virt_retire::journal::version_of(&records[0].1), Ok(1));
    assert_eq!(
        journal.check(&[], &mut |_, _| {}).unwrap().findings,
        Vec::<String>::new()
    );
    drop(journal);
    let again = crate::sample::open(state.path()).unwrap();
    assert_eq!(again.migrated(), None);
}

#[test]
fn a_dry_run_tells_and_changes_nothing() {
    let state = unpack("clean");
    let read = |path: &Path| {
        let mut files = Vec::new();
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_file() && !entry.ends_with("lock") {
                files.push((entry.clone(), fs::read(&entry).unwrap()));
            }
        }
        files.sort();
        files
    };
    let all = || (read(state.path()), read(&state.path().join("journal")));
    let before = all();
    let told = outlook(state.path(), std::time::Duration::from_secs(20))
        .unwrap()
        .unwrap();
    assert_eq!((told.from, told.to, told.transactions), (1, 2, 4));
    assert!(all() == before, "something was changed");
    drop(crate::sample::open(state.path()).unwrap());
    let none = outlook(state.path(), std::time::Duration::from_secs(20)).unwrap();
    assert_eq!(none, None);
    // A damaged one is not migrated, and says so.
    let state = unpack("cut");
    let error = outlook(state.path(), std::time::Duration::from_secs(20)).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
}

/// Killed at every call that changes a name, and at some of those that write or sync: whoever
/// opens it next finds all that was there, and finishes or begins again.
#[test]
fn a_kill_anywhere_leaves_the_old_one_or_the_new_one() {
    let mut seen = [0, 0];
    for (calls, step) in [
        ("rename,renameat,renameat2", 1),
        ("mkdir,mkdirat,unlink,unlinkat,rmdir", 1),
        ("fdatasync,fsync", 3),
        ("pwrite64", 7),
    ] {
        for number in (1..).step_by(step) {
            let state = unpack("executing");
            let output = killed_at(state.path(), calls, number, &["list"]);
            if output.status.success() {
                assert!(number > 1 || step > 1, "{calls}: nothing was struck");
                break;
            }
            if state.path().join("journal.head").exists() {
                seen[usize::from(is_migrated(state.path()))] += 1;
            }
            answers_as_then(state.path(), "executing");
            assert!(is_migrated(state.path()));
            assert!(!state.path().join("upgrade.ready").exists());
            let journal = crate::sample::open(state.path()).unwrap();
            let findings = journal.check(&[], &mut |_, _| {}).unwrap().findings;
            assert_eq!(findings, Vec::<String>::new(), "{calls} {number}");
            drop(journal);
            let kept = state.path().join("format-1");
            assert!(kept.join("journal/db").exists() && kept.join("journal.head").exists());
        }
    }
    assert!(
        seen[0] > 3,
        "the old one {} times, the new one {} times",
        seen[0],
        seen[1]
    );
}

/// The power goes at a call that changes a name, or that syncs: what had not been synced by then is
/// lost besides.
#[test]
fn a_power_cut_anywhere_leaves_the_old_one_or_the_new_one() {
    if !can_cut() {
        return;
    }
    let _alone = ONE_AT_A_TIME.lock();
    let dir = tempfile::tempdir().unwrap();
    let mount = dir.path().join("mount");
    fs::create_dir(&mount).unwrap();
    let mut shell = Shell::new(&dir.path().join("image"), &mount);
    shell.run("mkfs.xfs -q \"$IMAGE\" && mount -o loop \"$IMAGE\" \"$MOUNT\"");
    let (mut cuts, mut migrated) = (0, 0);
    for (calls, numbers) in [
        ("rename,renameat,renameat2", vec![1, 2, 3, 4, 5]),
        ("fdatasync,fsync", vec![2, 7, 12, 16, 19, 22, 25]),
    ] {
        for number in numbers {
            let then = unpack("executing");
            let after = dir.path().join(format!("{calls}-{number}"));
            shell.run(&format!(
                "rm -rf \"$MOUNT\"/state && cp -a '{}' \"$MOUNT\"/state && sync -f \"$MOUNT\"",
                then.path().display()
            ));
            // However it ends: the last numbers may be beyond its calls.
            shell.run(&format!(
                "strace -f -qq -o /dev/null -e trace={calls} \
                 -e inject={calls}:signal=KILL:when={number} \
                 -- '{}' --state-dir \"$MOUNT\"/state list >/dev/null 2>&1 || true",
                support::retire::BINARY
            ));
            shell.run(CUT);
            shell.run(REMOUNT);
            shell.run(&format!("cp -a \"$MOUNT\"/state '{}'", after.display()));
            cuts += 1;
            migrated += usize::from(after.join("journal.head").exists() && is_migrated(&after));
            answers_as_then(&after, "executing");
            let journal = crate::sample::open(&after).unwrap();
            let findings = journal.check(&[], &mut |_, _| {}).unwrap().findings;
            assert_eq!(findings, Vec::<String>::new(), "{calls} {number}");
        }
    }
    assert!(
        0 < migrated && migrated < cuts,
        "{migrated} of {cuts}: no cut was in the middle"
    );
}

/// A file system that fills up in the middle.
#[test]
fn an_error_leaves_the_old_one() {
    for number in [1, 2, 5, 9] {
        let state = unpack("executing");
        let fault = format!("inject=fdatasync:error=ENOSPC:when={number}");
        let output = Command::new("strace")
            .args([
                "-f",
                "-q",
                "-o",
                "/dev/null",
                "-e",
                "trace=fdatasync",
                "-e",
                &fault,
            ])
            .args(["--", support::retire::BINARY, "--state-dir"])
            .arg(state.path())
            .arg("list")
            .output()
            .unwrap();
        if output.status.success() {
            break;
        }
        // Once there is the new one, it is the entry about it that is not known to be recorded.
        let code = if is_migrated(state.path()) { 5 } else { 1 };
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        answers_as_then(state.path(), "executing");
    }
    let state = unpack("executing");
    let journal = crate::sample::open(state.path()).unwrap();
    journal.read(TransactionId(1)).unwrap();
}

/// Killed where it only looks at what a migration would do, which it does on a copy: a copy of
/// secrets stays nowhere. Nor does what an older version left so, or what never came to its name.
#[test]
fn what_a_kill_leaves_in_the_state_folder_is_swept() {
    let names = |state: &Path| -> Vec<String> {
        let entries = fs::read_dir(state).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    };
    let mut struck = 0;
    for (calls, step) in [("mkdir,mkdirat,unlink,unlinkat,rmdir", 1), ("pwrite64", 5)] {
        for number in (1..).step_by(step) {
            let state = unpack("executing");
            let words = ["journal", "upgrade", "--dry-run"];
            let output = killed_at(state.path(), calls, number, &words);
            if output.status.success() {
                break;
            }
            struck += usize::from(names(state.path()).len() > unpacked());
            answers_as_then(state.path(), "executing");
            let left = names(state.path());
            let is_left = |name: &String| name.starts_with('.') || name.starts_with("upgrade");
            assert!(!left.iter().any(is_left), "{calls} {number}: {left:?}");
        }
    }
    assert!(struck > 1, "no kill was while there was a copy");
    let state = unpack("executing");
    let at = |name: &str| state.path().join(name);
    let copy = at(".tmpAb3xYz");
    fs::create_dir(&copy).unwrap();
    fs::write(copy.join("db"), "secrets").unwrap();
    // Somebody's, and what another command is just writing.
    fs::create_dir(at(".tmpForeig")).unwrap();
    fs::write(at(".tmpForeig").join("notes"), "mine").unwrap();
    let new = ".new-00000000-0000-0000-0000-000000000001";
    fs::write(at(new), "a key in the making").unwrap();
    for old in [
        ".survey-Ab3xYz",
        ".new-00000000-0000-0000-0000-000000000002",
    ] {
        fs::write(at(old), "left").unwrap();
        let then = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
        let file = fs::File::options().write(true).open(at(old)).unwrap();
        file.set_modified(then).unwrap();
    }
    drop(crate::sample::open(state.path()).unwrap());
    let mut left = names(state.path());
    left.retain(|name| name.starts_with('.'));
    left.sort();
    assert_eq!(left, [new, ".tmpForeig"]);
}

/// How many names a state folder has before anything is done with it, and with the lock.
fn unpacked() -> usize {
    let state = unpack("executing");
    let lock = usize::from(!state.path().join("lock").exists());
    fs::read_dir(state.path()).unwrap().count() + lock
}
