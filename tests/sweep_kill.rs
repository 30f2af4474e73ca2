//! The machine's owner reboots it, the OOM killer strikes, somebody types `kill -9`: at any instant. If these
//! tests fail there is an instant at which that leaves half a domain.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::sweep::{Scene, Sweep, Verb};
use support::tracer::After;

/// One `recover` after the kill, and a second one that finds nothing to do.
fn kill_at_every_change(verb: Verb, scene: fn() -> Scene) {
    Sweep {
        test: "sweep_kill",
        fault: "kill",
        verb,
        scene: &scene,
        filter: &|_| true,
        at_most: 16,
        strike: &|_, _| After::Kill,
        judge: &|scene, ran| {
            if ran.code != 137 {
                return Err("it was not killed".into());
            }
            verb.mend(scene)?;
            scene.law()
        },
    }
    .run();
}

#[test]
fn undefine() {
    kill_at_every_change(Verb::Undefine, Scene::heaviest);
}

#[test]
fn rollback() {
    kill_at_every_change(Verb::Rollback, Scene::heaviest);
}

#[test]
fn commit() {
    kill_at_every_change(Verb::Commit, Scene::small);
}

#[test]
fn recover() {
    kill_at_every_change(Verb::Recover, Scene::heaviest);
}

#[test]
fn rebuild() {
    kill_at_every_change(Verb::Rebuild, Scene::small);
}

#[test]
fn destroy() {
    kill_at_every_change(Verb::Destroy, Scene::small);
}
