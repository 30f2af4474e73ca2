//! The disk is full, the quota used up, the cable loose, the mount read-only: at any call. If these tests fail
//! there is a call whose error leaves half a domain, or an exit code that does not tell the truth.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::sweep::{Scene, Sweep, Verb, is_full};
use support::tracer::After;

const ERRORS: [(&str, i32); 7] = [
    ("ENOSPC", libc::ENOSPC),
    ("EIO", libc::EIO),
    ("EACCES", libc::EACCES),
    ("EDQUOT", libc::EDQUOT),
    ("EROFS", libc::EROFS),
    ("EINTR", libc::EINTR),
    ("EXDEV", libc::EXDEV),
];

/// The call fails once; afterwards the error is gone. In the bounded run the errors take turns.
fn fail_at_every_change(verb: Verb, scene: fn() -> Scene) {
    let sweep = |fault: &str, setting: &str, pick: &(dyn Fn(usize) -> i32 + Sync)| {
        Sweep {
            test: "sweep_errors",
            fault,
            setting,
            verb,
            scene: &scene,
            filter: &|_| true,
            at_most: 14,
            strike: &|_, _, number| After::Fail(pick(number)),
            judge: &|scene, ran| verb.judge(scene, ran),
        }
        .run();
    };
    let chosen = std::env::var("VIRT_RETIRE_ERROR").ok();
    if !is_full() && chosen.is_none() {
        return sweep("an error", "", &|number| ERRORS[number % ERRORS.len()].1);
    }
    for (name, errno) in ERRORS {
        if chosen.as_ref().is_none_or(|chosen| chosen == name) {
            sweep(name, &format!("VIRT_RETIRE_ERROR={name} "), &|_| errno);
        }
    }
}

#[test]
fn undefine() {
    fail_at_every_change(Verb::Undefine, Scene::small);
}

#[test]
fn rollback() {
    fail_at_every_change(Verb::Rollback, Scene::small);
}

#[test]
fn commit() {
    fail_at_every_change(Verb::Commit, Scene::small);
}

#[test]
fn recover() {
    fail_at_every_change(Verb::Recover, Scene::small);
}

#[test]
fn watch_of_a_dead_guest() {
    fail_at_every_change(Verb::WatchDead, Scene::transient);
}
