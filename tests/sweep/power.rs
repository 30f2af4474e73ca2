//! The power goes: all that was not synced is lost, on the file system of the disks and of the
//! journal alike. If these tests fail, an effect was not durable before its outcome, or an intent
//! not before its effect.
//!
//! In most of them libvirt's own files are on another file system, so that its undefine always
//! survives; in the last ones they are on the same, so that an undefine which nobody synced is
//! lost.

use crate::support::sweep::{Bounded, Scene, Sweep, Verb, no_setting};
use crate::support::tracer::After;

fn cut_at_every_sync(kind: &'static str, verb: Verb) {
    cut_at_every_sync_on(kind, verb, Bounded::EveryStep(5), Scene::small_on);
}

fn cut_at_every_sync_on(
    kind: &'static str,
    verb: Verb,
    bounded: Bounded,
    scene: fn(&str) -> Scene,
) {
    Sweep {
        test: "sweep",
        fault: &format!("power cut, {kind}"),
        setting: &no_setting,
        verb,
        scene: &|| scene(kind),
        // Between two syncs nothing becomes durable by our doing: before a sync, and after it, is
        // all there is.
        filter: &|point| point.is_sync(),
        bounded,
        strike: &|scene, _, _| {
            scene.medium.as_ref().unwrap().cut_power(&scene.host);
            After::Kill
        },
        judge: &|scene, _| {
            // A guest goes with its host; a transient one is created again when that is up.
            let runs = scene.host.is_running(&scene.name);
            if runs {
                scene.host.virsh(&["destroy", &scene.name]);
            }
            scene.medium.as_ref().unwrap().remount(&scene.host);
            if runs && scene.is_transient() {
                scene.revive();
            }
            verb.fix(scene)?;
            scene.law()
        },
    }
    .run();
}

#[test]
fn undefine_on_xfs() {
    cut_at_every_sync("xfs", Verb::Undefine);
}

#[test]
fn undefine_on_ext4() {
    cut_at_every_sync("ext4", Verb::Undefine);
}

#[test]
fn rollback_on_xfs() {
    cut_at_every_sync("xfs", Verb::Rollback);
}

#[test]
fn rollback_on_ext4() {
    cut_at_every_sync("ext4", Verb::Rollback);
}

#[test]
fn commit_on_xfs() {
    cut_at_every_sync("xfs", Verb::Commit);
}

#[test]
fn recover_on_ext4() {
    cut_at_every_sync("ext4", Verb::Recover);
}

#[test]
fn destroy_on_xfs() {
    cut_at_every_sync_on("xfs", Verb::Destroy, Bounded::Few(4), Scene::small_on);
}

#[test]
fn purge_on_xfs() {
    cut_at_every_sync_on("xfs", Verb::Wipe, Bounded::Few(3), Scene::small_on);
}

#[test]
fn hold_on_ext4() {
    cut_at_every_sync_on("ext4", Verb::Hold, Bounded::Few(2), Scene::small_on);
}

#[test]
fn rebuild_on_xfs() {
    cut_at_every_sync("xfs", Verb::Rebuild);
}

#[test]
fn watch_of_a_living_guest_on_ext4() {
    cut_at_every_sync_on(
        "ext4",
        Verb::WatchLiving,
        Bounded::EveryStep(5),
        Scene::transient_on,
    );
}

#[test]
fn watch_of_a_dead_guest_on_xfs() {
    cut_at_every_sync_on(
        "xfs",
        Verb::WatchAfterBoot,
        Bounded::EveryStep(5),
        Scene::transient_on,
    );
}

fn cut_with_libvirt_at_every_sync(verb: Verb, bounded: Bounded) {
    Sweep {
        test: "sweep",
        fault: "power cut, libvirt too",
        setting: &no_setting,
        verb,
        scene: &|| Scene::small_with_libvirt_on("ext4"),
        filter: &|point| point.is_sync(),
        bounded,
        strike: &|scene, _, _| {
            scene.medium.as_ref().unwrap().cut_power(&scene.host);
            After::Kill
        },
        judge: &|scene, _| {
            scene.boot_with_libvirt();
            verb.fix(scene)?;
            scene.law()
        },
    }
    .run();
}

#[test]
fn undefine_with_libvirts_files() {
    cut_with_libvirt_at_every_sync(Verb::Undefine, Bounded::EveryStep(5));
}

#[test]
fn rollback_with_libvirts_files() {
    cut_with_libvirt_at_every_sync(Verb::Rollback, Bounded::EveryStep(5));
}

#[test]
fn destroy_with_libvirts_files() {
    cut_with_libvirt_at_every_sync(Verb::Destroy, Bounded::Few(3));
}
