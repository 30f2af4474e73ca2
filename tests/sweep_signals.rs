//! Ctrl-C, SIGTERM at a shutdown: at any instant. If these tests fail, a signal leaves half a domain behind, or
//! the exit code lies about it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::time::Duration;

use support::sweep::{Scene, Sweep, Verb};
use support::tracer::{After, Point};
use support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

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

/// While the other domains are asked about for the last time, when all has been moved.
#[test]
fn a_signal_before_the_commit_still_puts_back() {
    let host = PrivateHost::start();
    GuestBuilder::new("late")
        .disk(Disk::unmanaged("late.raw"))
        .define(&host);
    let before = Identity::capture(&host, "late", &[]);
    let words = ["undefine", "late", "--remove-all-storage", "--yes"];
    // The first one of all makes the journal, and so is another run than those that follow.
    host.retire(&words).expect(0);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    let ran = host.traced(&words, &mut |_| After::GoOn);
    assert_eq!(ran.code, 0, "{ran}");
    host.retire(&["rollback", "2", "--yes"]).expect(0);
    let asks = |point: &Point| point.target == "libvirt";
    // What is written last is the commit.
    let commit = ran.points.iter().rposition(Point::is_record).unwrap();
    let last = ran.points[..commit].iter().filter(|it| asks(it)).count();

    let mut asked = 0;
    let ran = host.traced(&words, &mut |point| {
        asked += usize::from(asks(point));
        if asks(point) && asked == last {
            send(point, libc::SIGTERM);
        }
        After::GoOn
    });
    assert_eq!(ran.code, 4, "{ran}");
    assert!(ran.stderr.contains("'late' was put back"), "{ran}");
    assert_same(&before, &Identity::capture(&host, "late", &[]));
}
