//! A clock that is wrong: a dead battery, a typing error in `date`. If these tests fail, a host
//! whose clock is off panics, or takes its journal for damaged.

use std::process::Command;

use crate::support::{Disk, GuestBuilder, Identity, Outcome, PrivateHost, assert_same};

/// Only the process that it is loaded into sees the other time.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static time_t wrong(void) { return atoll(getenv("WRONG_CLOCK")); }
int clock_gettime(clockid_t id, struct timespec *at) {
    int result = syscall(SYS_clock_gettime, id, at);
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) at->tv_sec = wrong();
    return result;
}
int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    (void)zone;
    at->tv_sec = wrong();
    at->tv_usec = 0;
    return 0;
}
time_t time(time_t *at) {
    if (at) *at = wrong();
    return wrong();
}
"#;

struct WrongClock<'h> {
    host: &'h PrivateHost,
    library: String,
}

impl<'h> WrongClock<'h> {
    fn of(host: &'h PrivateHost) -> Self {
        let source = host.scratch(CLOCK);
        let library = format!("{source}.so");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-x", "c", "-o", &library, &source])
            .status();
        assert!(built.unwrap().success(), "cc builds a library");
        Self { host, library }
    }

    /// `seconds` since 1970.
    fn retire(&self, seconds: i64, words: &[&str]) -> Outcome {
        let seconds = seconds.to_string();
        let env = [
            ("LD_PRELOAD", self.library.as_str()),
            ("WRONG_CLOCK", &seconds),
        ];
        self.host.retire_with(words, &env)
    }
}

const UNDEFINE: [&str; 4] = ["undefine", "shop", "--remove-all-storage", "--yes"];

fn guest(host: &PrivateHost) -> Identity {
    GuestBuilder::new("shop")
        .disk(Disk::unmanaged("shop.raw"))
        .define(host);
    Identity::capture(host, "shop", &[])
}

#[test]
fn a_clock_far_in_the_future_retires_and_brings_back() {
    let host = PrivateHost::start();
    let clock = WrongClock::of(&host);
    let before = guest(&host);
    // 1970; 2100; the last day of 9999, which is after the last that a time zone can show; the
    // years 10000 and 200000.
    let moments = [
        0,
        4_102_444_800,
        253_402_300_799,
        253_402_300_800,
        6_249_222_000_000,
    ];
    for (moment, number) in moments.into_iter().zip(1..) {
        let id = i32::to_string(&number);
        clock.retire(moment, &UNDEFINE).expect(0);
        clock.retire(moment, &["list"]).expect(0);
        clock.retire(moment, &["show", &id]).expect(0);
        clock.retire(moment, &["recover", "--yes"]).expect(0);
        // And when somebody has set it right.
        let listed = host.retire_json(&["list"]).expect(0).json();
        let all = listed["transactions"].as_array().unwrap();
        let one = all.iter().find(|it| it["id"] == number).unwrap();
        assert_eq!(one["state"], "committed");
        let started = one["started_at"].as_str().unwrap();
        assert!(
            moment < 4_102_444_801 || started.starts_with("9999-12-30"),
            "{started}"
        );
        clock.retire(moment, &["rollback", &id, "--yes"]).expect(0);
        assert_same(&before, &Identity::capture(&host, "shop", &[]));
    }
    host.retire(&["recover", "--yes"]).expect(0);
}

/// The one thing that a wrong clock must not do is destroy.
#[test]
fn a_clock_that_jumped_forward_purges_nothing_that_was_not_due() {
    let host = PrivateHost::start();
    let clock = WrongClock::of(&host);
    let expires = [&UNDEFINE[..], &["--expires", "1d"]].concat();
    guest(&host);
    host.retire(&expires).expect(0);
    let next_year = virt_retire::adapters::clock::now().as_second() + 365 * 86_400;
    for selection in [
        &["--expired"][..],
        &["--older-than", "2h"],
        // Young by the clock that nobody sets.
        &["--keep-last", "0"],
    ] {
        let words = [&["purge", "--yes"], selection].concat();
        let told = clock.retire(next_year, &words).expect(0);
        assert!(told.stderr.contains("the clock has jumped"), "{told}");
        assert_eq!(told.stdout, "", "{told}");
    }
    assert!(host.retire(&["list"]).expect(0).stdout.contains("retired"));
    // Its number is the operator's own word.
    clock.retire(next_year, &["purge", "1", "--yes"]).expect(0);
}

/// sled opens nothing then; to say that the journal is damaged would be a lie that leads to
/// `rebuild`.
#[test]
fn a_clock_before_1970_is_told_and_nothing_is_called_damaged() {
    let host = PrivateHost::start();
    let clock = WrongClock::of(&host);
    let before = guest(&host);
    host.retire(&UNDEFINE).expect(0);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    for moment in [-1, -315_619_200, -400_000_000_000] {
        for words in [
            &UNDEFINE[..],
            &["recover", "--yes"],
            &["rebuild", "--yes"],
            &["journal", "info"],
        ] {
            let words = [&["--output", "json"], words].concat();
            let refused = clock.retire(moment, &words).expect(1);
            let error = &refused.json_error()["error"];
            assert_eq!(error["code"], "clock", "{refused}");
            assert!(!refused.stderr.contains("damaged"), "{refused}");
        }
        // Looking on needs no sled, nor does knowing that nothing is to be upgraded.
        clock
            .retire(moment, &["journal", "upgrade", "--dry-run"])
            .expect(0);
        let listed = clock.retire(moment, &["list"]).expect(0);
        assert!(listed.stdout.contains("undone"), "{listed}");
    }
    assert_same(&before, &Identity::capture(&host, "shop", &[]));
    host.retire(&["recover", "--yes"]).expect(0);
}

/// Times of files are data: whatever they are, they come back.
#[test]
fn files_from_before_1970_and_from_far_ahead_come_back_as_they_were() {
    let host = PrivateHost::start();
    for when in ["1901-12-14", "1960-01-01 00:00:00.5", "2440-01-01"] {
        guest(&host);
        host.shell(&format!("touch -d '{when}' {}/shop.raw", host.images));
        let before = Identity::capture(&host, "shop", &[]);
        host.retire(&UNDEFINE).expect(0);
        host.retire(&["rollback", "last", "--yes"]).expect(0);
        assert_same(&before, &Identity::capture(&host, "shop", &[]));
        host.virsh(&["undefine", "shop"]);
    }
}
