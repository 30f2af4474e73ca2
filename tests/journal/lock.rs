//! The failure story: two commands write one journal at the same time, or a program that one of
//! them started keeps it locked long after its end.
//!
//! A file of its own: between fork and exec a child has every descriptor of the process that starts
//! it, the locks of other tests' journals too, and those would find them held.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use virt_retire::adapters::sled_journal::SledJournal;
use virt_retire::ports::JournalError;

fn private_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
    dir
}

#[test]
fn a_second_one_waits_and_is_told_for_whom() {
    let dir = private_dir();
    let quarter = Duration::from_millis(250);
    let held = SledJournal::open(dir.path(), Duration::ZERO, "undefine web1", &mut |_| {}).unwrap();
    let mut told = Vec::new();
    let before = Instant::now();
    let error = SledJournal::open(dir.path(), quarter, "list", &mut |who| {
        told.push(who.to_owned());
    })
    .err()
    .unwrap();
    let JournalError::Held { holder } = error else {
        panic!("{error}");
    };
    assert!(before.elapsed() >= quarter);
    assert!(holder.contains("undefine web1"), "{holder}");
    assert!(holder.contains(&std::process::id().to_string()));
    assert_eq!(told, [holder]);

    let state = dir.path().to_owned();
    let (told, waits) = std::sync::mpsc::channel();
    let waiter = std::thread::spawn(move || {
        let tell = &mut |_: &str| told.send(()).unwrap();
        SledJournal::open(&state, Duration::from_secs(600), "recover", tell).map(|_| ())
    });
    waits.recv().unwrap();
    drop(held);
    waiter.join().unwrap().unwrap();
}

#[test]
fn a_child_does_not_inherit_the_lock() {
    let dir = private_dir();
    let held = SledJournal::open_now(dir.path()).unwrap();
    let mut child = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    drop(held);
    let again = SledJournal::open_now(dir.path());
    child.kill().unwrap();
    child.wait().unwrap();
    again.unwrap();
}
