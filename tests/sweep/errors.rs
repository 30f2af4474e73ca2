//! The disk is full, the quota used up, the cable loose, the mount read-only: at any call. If these
//! tests fail there is a call whose error leaves half a domain, or an exit code that does not tell
//! the truth.

use crate::support::sweep::{Bounded, Scene, Sweep, Verb, is_full};
use crate::support::tracer::After;

type Error = (&'static str, i32);

const ERRORS: [Error; 7] = [
    ("ENOSPC", libc::ENOSPC),
    ("EIO", libc::EIO),
    ("EACCES", libc::EACCES),
    ("EDQUOT", libc::EDQUOT),
    ("EROFS", libc::EROFS),
    ("EINTR", libc::EINTR),
    ("EXDEV", libc::EXDEV),
];

/// The call fails once; afterwards the error is gone. In the bounded run the errors take turns, in
/// the full one each has its own. `VIRT_RETIRE_ERROR=EROFS` sweeps with that one alone.
fn fail_at_every_change(verb: Verb, bounded: Bounded, scene: fn() -> Scene) {
    let sweep = |fault: &str, pick: &(dyn Fn(usize) -> (&'static str, i32) + Sync)| {
        Sweep {
            test: "sweep",
            fault,
            setting: &|number| format!("VIRT_RETIRE_ERROR={} ", pick(number).0),
            verb,
            scene: &scene,
            filter: &|_| true,
            bounded,
            strike: &|_, _, number| After::Fail(pick(number).1),
            judge: &|scene, ran| verb.judge(scene, ran),
        }
        .run();
    };
    if let Ok(chosen) = std::env::var("VIRT_RETIRE_ERROR") {
        let one = ERRORS.into_iter().find(|(name, _)| *name == chosen);
        let one = one.expect("VIRT_RETIRE_ERROR should be one of those above");
        return sweep(one.0, &|_| one);
    }
    if !is_full() {
        return sweep("any error", &|number| ERRORS[number % ERRORS.len()]);
    }
    for one in ERRORS {
        sweep(one.0, &|_| one);
    }
}

#[test]
fn undefine() {
    fail_at_every_change(Verb::Undefine, Bounded::EveryStep(8), Scene::small);
}

#[test]
fn rollback() {
    fail_at_every_change(Verb::Rollback, Bounded::EveryStep(8), Scene::small);
}

#[test]
fn commit() {
    fail_at_every_change(Verb::Commit, Bounded::EveryStep(6), Scene::small);
}

#[test]
fn recover() {
    fail_at_every_change(Verb::Recover, Bounded::EveryStep(8), Scene::small);
}

#[test]
fn watch_of_a_dead_guest() {
    fail_at_every_change(Verb::WatchDead, Bounded::EveryStep(5), Scene::transient);
}

#[test]
fn destroy() {
    fail_at_every_change(Verb::Destroy, Bounded::Few(4), Scene::small);
}

#[test]
fn destroy_transient() {
    fail_at_every_change(Verb::DestroyTransient, Bounded::Few(2), Scene::transient);
}

#[test]
fn apply() {
    fail_at_every_change(Verb::Apply, Bounded::Few(3), Scene::small);
}

#[test]
fn purge() {
    fail_at_every_change(Verb::Wipe, Bounded::Few(3), Scene::small);
}

#[test]
fn hold() {
    fail_at_every_change(Verb::Hold, Bounded::Few(2), Scene::small);
}
