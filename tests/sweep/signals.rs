//! Ctrl-C, SIGTERM at a shutdown: at any instant. If these tests fail, a signal leaves half a
//! domain behind, or the exit code lies about it.

use crate::support::sweep::{Bounded, Scene, Sweep, Verb, no_setting};
use crate::support::tracer::{After, Point};
use crate::support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

/// To the very thread that stands still: it takes the signal before it goes on. One that is sent to
/// the process goes to another thread of it, and when that one wakes up is its own affair.
fn send(point: &Point, signal: i32) {
    // SAFETY: a thread of the traced process, which is stopped.
    unsafe {
        libc::syscall(libc::SYS_tgkill, point.pid, point.thread, signal);
    }
}

/// One signal: back as it was (4), nothing begun (1), or too late (0). Never work left over.
#[test]
fn a_first_signal_under_undefine() {
    let verb = Verb::Undefine;
    Sweep {
        test: "sweep",
        fault: "SIGTERM",
        setting: &no_setting,
        verb,
        scene: &Scene::small,
        filter: &|point| point.target != "libvirt",
        bounded: Bounded::EveryStep(6),
        strike: &|_, point, _| {
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
        test: "sweep",
        fault: "SIGINT",
        setting: &no_setting,
        verb,
        scene: &Scene::small,
        filter: &|point| point.target != "libvirt",
        bounded: Bounded::EveryStep(6),
        strike: &|_, point, _| {
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
        test: "sweep",
        fault: "two signals",
        setting: &no_setting,
        verb,
        scene: &Scene::small,
        filter: &|point| point.target != "libvirt",
        bounded: Bounded::EveryStep(6),
        strike: &|_, point, _| {
            // Two of a kind at once would be one.
            send(point, libc::SIGINT);
            send(point, libc::SIGTERM);
            After::GoOn
        },
        judge: &|scene, ran| verb.judge(scene, ran),
    }
    .run();
}

/// While the other domains are asked about for the last time, when all has been moved. How many
/// messages that takes differs from run to run, so each run is struck at another one, until one had
/// no more of them.
#[test]
fn a_signal_before_the_commit_still_puts_back() {
    let host = PrivateHost::start();
    GuestBuilder::new("late")
        .disk(Disk::unmanaged("late.raw"))
        .define(&host);
    let before = Identity::capture(&host, "late", &[]);
    let words = ["undefine", "late", "--remove-all-storage", "--yes"];
    let is_move = |point: &Point| point.call == "renameat2" && point.target.ends_with("/late.raw");

    for nth in 1.. {
        let (mut moved, mut asked, mut struck) = (false, 0, None);
        let ran = host.traced(&words, &mut |point| {
            moved |= is_move(point);
            if moved && point.target == "libvirt" {
                asked += 1;
                if asked == nth {
                    struck = Some(point.number);
                    send(point, libc::SIGTERM);
                }
            }
            After::GoOn
        });
        assert!(moved, "nothing was moved\n{ran}");
        if ran.code == 4 {
            assert!(ran.stderr.contains("late was put back"), "{ran}");
            assert_same(&before, &Identity::capture(&host, "late", &[]));
            continue;
        }
        // Committed. So the signal came after that, or never.
        assert_eq!(ran.code, 0, "{ran}");
        let commit = ran
            .points
            .iter()
            .rfind(|it| it.target.ends_with("/journal.head"));
        let commit = commit.expect("a commit is written").number;
        assert!(
            struck.is_none_or(|at| at > commit),
            "unheard: {struck:?} of {commit}\n{ran}"
        );
        assert!(nth > 1, "nobody was asked after the move\n{ran}");
        break;
    }
}
