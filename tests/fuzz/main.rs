//! The failure story: bytes that nobody foresaw (a disk that lies, an image that a guest has
//! written, XML of another program) end a command with a panic, or are taken for what they are not.
//!
//! The targets are what `make fuzz` runs, here on a bounded number of mutations of the same corpus,
//! the same ones each time. `VIRT_RETIRE_FUZZ=20` tries twenty times as many; a failure leaves the
//! input in `target/tmp`, for `fuzz/corpus/NAME` once it is fixed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
#[path = "../journal/many.rs"]
#[allow(dead_code)]
mod many;
mod mutation;
#[path = "../journal/sample.rs"]
mod sample;
mod targets;
#[path = "../simulation/world.rs"]
#[allow(dead_code)]
mod world;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use mutation::{Random, mutated};
use targets::Target;

fn tried(name: &str, target: Target, data: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| target(data))).is_err() {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crash-{name}"));
        fs::write(&kept, data).unwrap();
        panic!("{name}: the input is in {}", kept.display());
    }
}

fn fuzz(part: usize, parts: usize) {
    let more = std::env::var("VIRT_RETIRE_FUZZ").ok();
    let more: u32 = more.and_then(|it| it.parse().ok()).unwrap_or(1);
    for (name, target, count) in targets::ALL.iter().skip(part).step_by(parts) {
        let begun = std::time::Instant::now();
        let seeds = corpus::of(name);
        assert!(!seeds.is_empty(), "no corpus of {name}");
        for seed in &seeds {
            tried(name, *target, seed);
        }
        let mut random = Random::new(u64::from(*count));
        for _ in 0..count * more {
            let input = &seeds[random.below(seeds.len())];
            let other = &seeds[random.below(seeds.len())];
            tried(name, *target, &mutated(&mut random, input, other));
        }
        eprintln!("{name}: {count} in {:?}", begun.elapsed());
    }
}

// In two, for two processors.
#[test]
fn no_input_is_too_much_for_the_even_targets() {
    fuzz(0, 2);
}

#[test]
fn no_input_is_too_much_for_the_odd_targets() {
    fuzz(1, 2);
}

/// `make fuzz` takes the targets by their seeds.
#[test]
fn each_target_has_seeds_and_all_seeds_are_of_a_target() {
    let mut seeded = corpus::targets();
    let mut known: Vec<&str> = targets::ALL.iter().map(|(name, ..)| *name).collect();
    seeded.sort_unstable();
    known.sort_unstable();
    assert_eq!(seeded, known);
    assert!(known.iter().all(|name| targets::named(name).is_some()));
}
