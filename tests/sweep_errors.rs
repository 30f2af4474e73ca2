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
fn fail_at_every_change(verb: Verb) {
    let sweep = |fault: &str, pick: &dyn Fn(usize) -> i32| {
        Sweep {
            test: "sweep_errors",
            fault,
            verb,
            scene: &Scene::small,
            filter: &|_| true,
            at_most: 14,
            strike: &|_, point| After::Fail(pick(point.number)),
            judge: &|scene, ran| verb.judge(scene, ran),
        }
        .run();
    };
    if is_full() {
        for (name, errno) in ERRORS {
            sweep(name, &|_| errno);
        }
    } else {
        sweep("an error", &|number| ERRORS[number % ERRORS.len()].1);
    }
}

#[test]
fn undefine() {
    fail_at_every_change(Verb::Undefine);
}

#[test]
fn rollback() {
    fail_at_every_change(Verb::Rollback);
}

#[test]
fn commit() {
    fail_at_every_change(Verb::Commit);
}

#[test]
fn recover() {
    fail_at_every_change(Verb::Recover);
}
