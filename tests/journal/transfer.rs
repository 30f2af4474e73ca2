//! The failure story: somebody moves a journal to another host, or back after a disk was changed.
//! What was there is gone without a word; half of an export passes for a whole one; an error sends
//! him to repair a journal that he does not have.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;
use virt_retire::model::{Notice, Topic};
use virt_retire::ports::Journal;

use crate::program::{run, told};
use crate::sample;

fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    dir
}

/// A journal with entries and without a transaction.
fn with_notices_alone() -> TempDir {
    let dir = folder();
    let mut journal = sample::open(dir.path()).unwrap();
    for text in ["web1: vda may go", "web1: vda must stay"] {
        let notice = Notice {
            topic: Topic::Policy,
            text: text.into(),
            domain: None,
            by: sample::evidence(),
        };
        journal.notice(notice).unwrap();
    }
    dir
}

/// A journal of two transactions, in lines.
fn export() -> Vec<String> {
    let dir = with_notices_alone();
    let mut journal = sample::open(dir.path()).unwrap();
    for _ in 0..2 {
        sample::BeginOne::begin(&mut journal, sample::draft()).unwrap();
    }
    drop(journal);
    let lines = told(dir.path(), &["journal", "export"]);
    lines.lines().map(str::to_owned).collect()
}

/// Where the lines are.
fn file(dir: &TempDir, lines: &str) -> PathBuf {
    let file = dir.path().join("lines");
    fs::write(&file, lines).unwrap();
    file
}

fn import(state: &Path, file: &Path) -> Output {
    run(
        state,
        &["journal", "import", file.to_str().unwrap(), "--yes"],
    )
}

/// What is in the folder, but for the lock.
fn names(state: &Path) -> Vec<String> {
    let entries = fs::read_dir(state).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "lock").collect();
    names.sort();
    names
}

#[test]
fn a_journal_with_entries_is_not_replaced_even_without_transactions() {
    let aside = folder();
    let file = file(&aside, &(export().join("\n") + "\n"));
    let there = with_notices_alone();
    let words = ["log", "--checkpoint"];
    let before = (told(there.path(), &words), names(there.path()));
    let refused = import(there.path(), &file);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("0 transactions and 2 log entries") && said.contains("--state-dir"),
        "{said}"
    );
    let rebuild = run(
        there.path(),
        &["--output", "json", "rebuild", "--yes", "--from", "/nowhere"],
    );
    assert_eq!(rebuild.status.code(), Some(1), "{rebuild:?}");
    let said = String::from_utf8(rebuild.stderr).unwrap();
    assert!(
        said.contains("journal-healthy") && said.contains("2 log entries"),
        "{said}"
    );
    assert_eq!((told(there.path(), &words), names(there.path())), before);
}

#[test]
fn an_empty_journal_gives_way_and_leaves_nothing() {
    let aside = folder();
    let lines = export().join("\n") + "\n";
    let file = file(&aside, &lines);
    let there = folder();
    drop(sample::open(there.path()).unwrap());
    let taken = import(there.path(), &file);
    assert!(taken.status.success(), "{taken:?}");
    let left = names(there.path());
    assert_eq!(left, ["journal", "journal.head"]);
    assert_eq!(told(there.path(), &["journal", "export"]), lines);
}
