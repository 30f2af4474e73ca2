//! libvirtd crashes, is restarted by an upgrade, or hangs: at any call. If these tests fail, a
//! domain is lost between us and the daemon, or a command waits for ever.

use crate::support::sweep::{Bounded, Scene, Sweep, Verb, no_setting};
use crate::support::tracer::After;

/// Signals the daemon by the number in its own PID file.
fn signal(scene: &Scene, name: &str) {
    scene
        .host
        .shell(&format!("kill -{name} $(cat /run/libvirt/libvirtd.pid)"));
}

fn kill_at_every_call(verb: Verb, bounded: Bounded, scene: fn() -> Scene) {
    Sweep {
        test: "sweep",
        fault: "libvirtd killed",
        setting: &no_setting,
        verb,
        scene: &scene,
        filter: &|point| point.target == "libvirt",
        bounded,
        strike: &|scene, _, _| {
            scene.host.kill_libvirtd();
            After::GoOn
        },
        judge: &|scene, ran| {
            scene.host.start_libvirtd();
            verb.judge(scene, ran)
        },
    }
    .run();
}

#[test]
fn killed_under_undefine() {
    kill_at_every_call(Verb::Undefine, Bounded::EveryStep(6), Scene::small);
}

#[test]
fn killed_under_rollback() {
    kill_at_every_call(Verb::Rollback, Bounded::EveryStep(6), Scene::small);
}

#[test]
fn killed_under_recover() {
    kill_at_every_call(Verb::Recover, Bounded::EveryStep(6), Scene::small);
}

#[test]
fn killed_under_destroy() {
    kill_at_every_call(Verb::Destroy, Bounded::Few(4), Scene::small);
}

#[test]
fn killed_under_destroy_of_a_transient_guest() {
    kill_at_every_call(Verb::DestroyTransient, Bounded::Few(2), Scene::transient);
}

#[test]
fn killed_under_watch() {
    kill_at_every_call(Verb::WatchDead, Bounded::EveryStep(6), Scene::transient);
}

#[test]
fn restarted_under_undefine() {
    let verb = Verb::Undefine;
    Sweep {
        test: "sweep",
        fault: "libvirtd restarted",
        setting: &no_setting,
        verb,
        scene: &Scene::small,
        filter: &|point| point.target == "libvirt",
        bounded: Bounded::EveryStep(6),
        strike: &|scene, _, _| {
            scene.host.restart_libvirtd();
            After::GoOn
        },
        judge: &|scene, ran| verb.judge(scene, ran),
    }
    .run();
}

/// Stopped, it still has the request in its socket, and carries it out when it goes on: after we
/// gave up.
#[test]
fn hung_under_undefine() {
    let verb = Verb::Undefine;
    Sweep {
        test: "sweep",
        fault: "libvirtd hung",
        setting: &no_setting,
        verb,
        scene: &Scene::small,
        filter: &|point| point.target == "libvirt" && point.step.starts_with("do undefine"),
        bounded: Bounded::EveryStep(1),
        strike: &|scene, _, _| {
            signal(scene, "STOP");
            After::GoOn
        },
        judge: &|scene, ran| {
            signal(scene, "CONT");
            if ran.code == 137 {
                return Err("it waited for ever".into());
            }
            verb.judge(scene, ran)
        },
    }
    .run();
}
