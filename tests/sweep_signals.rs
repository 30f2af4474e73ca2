//! Ctrl-C, SIGTERM at a shutdown: at any instant. If these tests fail, a signal leaves half a domain behind, or
//! the exit code lies about it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;

use support::sweep::{Scene, Sweep, Verb};
use support::tracer::{After, Point};

fn send(point: &Point, signal: i32) {
    // SAFETY: the traced process, which is stopped.
    unsafe {
        libc::kill(point.pid, signal);
    }
}

/// One signal: back as it was (4), nothing begun (1), or too late (0). Never work left over.
#[test]
fn a_first_signal_under_undefine() {
    let verb = Verb::Undefine;
    Sweep {
        test: "sweep_signals",
        fault: "SIGTERM",
        verb,
        scene: &Scene::small,
        filter: &|point| point.target != "libvirt",
        at_most: 10,
        strike: &|_, point| {
            send(point, libc::SIGTERM);
            After::GoOn
        },
        judge: &|scene, ran| {
            if ![0, 1, 4].contains(&ran.code) {
                return Err(format!("exit code {}", ran.code));
            }
            if ran.code == 4 && !ran.stderr.contains("signal") {
                return Err("it does not say why".into());
            }
            verb.judge(scene, ran)
        },
    }
    .run();
}

#[test]
fn a_first_signal_under_rollback() {
    let verb = Verb::Rollback;
    Sweep {
        test: "sweep_signals",
        fault: "SIGINT",
        verb,
        scene: &Scene::small,
        filter: &|point| point.target != "libvirt",
        at_most: 10,
        strike: &|_, point| {
            send(point, libc::SIGINT);
            After::GoOn
        },
        judge: &|scene, ran| {
            if ![0, 1].contains(&ran.code) {
                return Err(format!("exit code {}", ran.code));
            }
            verb.judge(scene, ran)
        },
    }
    .run();
}

/// Two signals: the rest is left to `recover`.
#[test]
fn a_second_signal_under_undefine() {
    let verb = Verb::Undefine;
    Sweep {
        test: "sweep_signals",
        fault: "two signals",
        verb,
        scene: &Scene::small,
        filter: &|point| point.target != "libvirt",
        at_most: 8,
        strike: &|_, point| {
            send(point, libc::SIGINT);
            // Two of a kind at once would be one.
            std::thread::sleep(Duration::from_millis(5));
            send(point, libc::SIGTERM);
            After::GoOn
        },
        judge: &|scene, ran| verb.judge(scene, ran),
    }
    .run();
}
