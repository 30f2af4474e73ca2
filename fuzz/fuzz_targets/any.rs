//! libFuzzer on the target that `VIRT_RETIRE_FUZZ_TARGET` names. One program for all of them: each
//! would have the whole world in memory in it.
#![no_main]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../tests/fuzz/targets/mod.rs"]
mod targets;
#[path = "../../tests/simulation/world.rs"]
#[allow(dead_code)]
mod world;

use std::sync::LazyLock;

static TARGET: LazyLock<targets::Target> = LazyLock::new(|| {
    let name = std::env::var("VIRT_RETIRE_FUZZ_TARGET").expect("the variable names a target");
    targets::named(&name).expect("no such target")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));
