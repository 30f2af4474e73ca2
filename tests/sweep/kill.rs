//! The machine's owner reboots it, the OOM killer strikes, somebody types `kill -9`: at any
//! instant. If these tests fail there is an instant at which that leaves half a domain.

use crate::support::sweep::{Bounded, Scene, Sweep, Verb, no_setting};
use crate::support::tracer::After;

/// One `recover` after the kill, and a second one that finds nothing to do.
fn kill_at_every_change(verb: Verb, at_most: usize, scene: fn() -> Scene) {
    Sweep {
        test: "sweep",
        fault: "kill",
        setting: &no_setting,
        verb,
        scene: &scene,
        filter: &|_| true,
        bounded: Bounded::EveryStep(at_most),
        strike: &|_, _, _| After::Kill,
        judge: &|scene, ran| {
            if ran.code != 137 {
                return Err("it was not killed".into());
            }
            verb.fix(scene)?;
            scene.law()
        },
    }
    .run();
}

#[test]
fn undefine() {
    kill_at_every_change(Verb::Undefine, 12, Scene::heaviest);
}

#[test]
fn rollback() {
    kill_at_every_change(Verb::Rollback, 12, Scene::heaviest);
}

#[test]
fn commit() {
    kill_at_every_change(Verb::Commit, 6, Scene::small);
}

#[test]
fn recover() {
    kill_at_every_change(Verb::Recover, 10, Scene::heaviest);
}

#[test]
fn rebuild() {
    kill_at_every_change(Verb::Rebuild, 6, Scene::small);
}

#[test]
fn destroy() {
    kill_at_every_change(Verb::Destroy, 6, Scene::small);
}

#[test]
fn destroy_transient() {
    kill_at_every_change(Verb::DestroyTransient, 6, Scene::transient);
}

#[test]
fn apply() {
    kill_at_every_change(Verb::Apply, 6, Scene::small);
}

/// Forward alone: what was begun is finished by `recover`.
#[test]
fn purge() {
    kill_at_every_change(Verb::Purge, 12, Scene::small);
}

/// Carried on where it was synced last, and nothing is left beside the files.
#[test]
fn purge_with_wiping() {
    kill_at_every_change(Verb::Wipe, 4, Scene::small);
}

#[test]
fn hold() {
    kill_at_every_change(Verb::Hold, 4, Scene::small);
}

#[test]
fn policy_set() {
    kill_at_every_change(Verb::Policy, 4, Scene::small);
}

#[test]
fn watch_of_a_living_guest() {
    kill_at_every_change(Verb::WatchLiving, 5, Scene::transient);
}

#[test]
fn watch_of_a_dead_guest() {
    kill_at_every_change(Verb::WatchDead, 5, Scene::transient);
}

#[test]
fn watch_of_a_dead_guest_after_recover() {
    kill_at_every_change(Verb::WatchAfterBoot, 4, Scene::transient);
}
