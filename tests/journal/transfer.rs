//! The failure story: somebody moves a journal to another host, or back after a disk was changed.
//! What was there is gone without a word; half of an export passes for a whole one; an error sends
//! him to repair a journal that he does not have.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;
use virt_retire::model::{Notice, Topic};
use virt_retire::ports::{Journal, Log};

use crate::program::{json, killed_at, run, told};
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

/// The error that refuses it, as JSON has it; whatever was there is there still.
fn refused(state: &Path, file: &Path) -> Value {
    let words = ["journal", "import", file.to_str().unwrap(), "--yes"];
    let output = run(state, &[&["--output", "json"], &words[..]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    error["error"].clone()
}

#[test]
fn an_export_that_was_cut_off_anywhere_is_refused() {
    let aside = folder();
    let lines = export();
    let events = |lines: &[String]| lines.iter().filter(|it| it.contains("event")).count();
    let all = events(&lines);
    for length in 0..lines.len() {
        let file = file(
            &aside,
            &lines[..length]
                .iter()
                .map(|it| format!("{it}\n"))
                .collect::<String>(),
        );
        let empty = folder();
        let error = refused(empty.path(), &file);
        assert_eq!(error["code"], "export-damaged", "{length}: {error}");
        let said = error["message"].as_str().unwrap();
        let missing = all - events(&lines[..length]);
        let is_begun = length > 0 && !lines[length - 1].contains("begin");
        assert!(
            !is_begun || said.contains(&format!("the last {missing} of its {all} log entries")),
            "{length}: {said}"
        );
    }
    // In the middle of a line; its end alone.
    let whole = lines.join("\n");
    for length in [40, whole.len() / 2, whole.len()] {
        let empty = folder();
        let error = refused(empty.path(), &file(&aside, &whole[..length]));
        let said = error["message"].as_str().unwrap();
        assert!(said.contains("cut off in the middle"), "{said}");
    }
    // More than it says, and another end of the same length.
    let mut more = lines.clone();
    more.push(lines[all].clone());
    let other = lines[0].replacen("\"root\":\"", "\"root\":\"AAAA", 1);
    let start = other.find("AAAA").unwrap();
    let other = format!("{}{}", &other[..start + 4], &other[start + 8..]);
    let other = [&[other], &lines[1..]].concat();
    for lines in [more, other] {
        let empty = folder();
        let error = refused(empty.path(), &file(&aside, &(lines.join("\n") + "\n")));
        assert_eq!(error["code"], "export-damaged", "{error}");
    }
}

/// As the programs wrote it that did not say how many entries there are.
#[test]
fn an_export_that_does_not_say_its_length_is_taken_in_and_told_of() {
    let aside = folder();
    let mut lines = export();
    let whole = lines.join("\n") + "\n";
    let end = lines[0].find(",\"entries\"").unwrap();
    lines[0] = format!("{}}}", &lines[0][..end]);
    let file = file(&aside, &(lines.join("\n") + "\n"));
    let state = folder();
    let taken = String::from_utf8(import(state.path(), &file).stdout).unwrap();
    assert!(taken.contains("does not say how many entries"), "{taken}");
    assert_eq!(told(state.path(), &["journal", "export"]), whole);
    fs::write(&file, &whole).unwrap();
    let state = folder();
    let words = ["journal", "import", file.to_str().unwrap(), "--yes"];
    let taken = json(state.path(), &words);
    assert_eq!(taken["counted"], true);
    assert_eq!(told(state.path(), &["journal", "export"]), whole);
}

#[test]
fn an_entry_stands_where_its_number_says() {
    let aside = folder();
    let lines = export();
    let changed: Vec<String> = lines
        .iter()
        .map(|it| it.replace("\"sequence\":3,", "\"sequence\":4,"))
        .collect();
    assert_ne!(changed, lines);
    let line = changed.iter().zip(&lines).position(|(new, old)| new != old);
    let file = file(&aside, &(changed.join("\n") + "\n"));
    let empty = folder();
    let error = refused(empty.path(), &file);
    let said = error["message"].as_str().unwrap();
    let place = format!("line {}: entry 4 stands where 3 belongs", line.unwrap() + 1);
    assert!(said.contains(&place), "{said}");
}

#[test]
fn what_is_wrong_with_an_export_is_said_of_the_export_and_leaves_nothing() {
    let aside = folder();
    let lines = export();
    let broken = |number: usize, line: &str| {
        let mut lines = lines.clone();
        lines[number - 1] = line.to_owned();
        lines.join("\n") + "\n"
    };
    let name = aside.path().join("lines");
    let name = name.to_str().unwrap();
    let newer = lines[0].replace("\"format\":2", "\"format\":3");
    let older = lines[0].replace("\"format\":2", "\"format\":1");
    for (lines, code, message, hint) in [
        (
            broken(3, "so it goes"),
            "export-damaged",
            "line 3",
            "journal export",
        ),
        (
            broken(2, "{\"line\":\"event\",\"sequence\":1,\"record\":\"VlJ0\"}"),
            "export-damaged",
            "line 2",
            "journal export",
        ),
        (
            String::new(),
            "export-damaged",
            "is empty",
            "journal export",
        ),
        (
            broken(1, &newer),
            "export-newer",
            "format 3, and this version takes",
            "newer",
        ),
        (
            broken(1, &older),
            "export-older",
            "format 1, and this version takes",
            "upgrade",
        ),
    ] {
        let empty = folder();
        let error = refused(empty.path(), &file(&aside, &lines));
        assert_eq!(error["code"], code, "{error}");
        let told = error["message"].as_str().unwrap();
        assert!(told.starts_with(&format!("the export {name}")), "{told}");
        assert!(
            told.contains(message) && !told.contains("the journal in"),
            "{told}"
        );
        let told = error["hint"].as_str().unwrap();
        assert!(
            told.contains(hint) && told.contains("nothing was changed"),
            "{told}"
        );
        assert_eq!(names(empty.path()), Vec::<String>::new());
    }
    // A journal in a folder is not an export.
    let empty = folder();
    let error = refused(empty.path(), aside.path());
    assert_eq!(error["code"], "input", "{error}");
    assert_eq!(names(empty.path()), Vec::<String>::new());
}

/// Killed at any call that changes a name: the next command finds nothing, or all of it, and
/// leaves neither half of it lying about.
#[test]
fn a_killed_import_leaves_nothing_that_is_not_swept() {
    let aside = folder();
    let lines = export().join("\n") + "\n";
    let file = file(&aside, &lines);
    let mut seen = [0, 0];
    for calls in [
        "rename,renameat,renameat2",
        "mkdir,mkdirat,unlink,unlinkat,rmdir",
    ] {
        for number in 1.. {
            let state = folder();
            drop(sample::open(state.path()).unwrap());
            let words = ["journal", "import", file.to_str().unwrap(), "--yes"];
            let output = killed_at(state.path(), calls, number, &words);
            if output.status.success() {
                assert!(number > 1, "{calls}: nothing was struck");
                break;
            }
            let journal = sample::open(state.path()).unwrap();
            let entries = Log::checkpoint(&journal).size;
            drop(journal);
            seen[usize::from(entries > 0)] += 1;
            let left = names(state.path());
            let is_known = |name: &String| ["journal", "journal.head"].contains(&name.as_str());
            assert!(left.iter().all(is_known), "{calls} {number}: {left:?}");
            if entries > 0 {
                assert_eq!(told(state.path(), &["journal", "export"]), lines);
            } else {
                assert!(
                    import(state.path(), &file).status.success(),
                    "{calls} {number}"
                );
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}
