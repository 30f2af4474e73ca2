//! The world in memory under any script: which world, who does what at which moment, and where it
//! crashes, again and again.

use std::cell::OnceCell;

use crate::world::adversary;
use crate::world::explore::run;
use crate::world::host::{Crash, Mutant, Script};
use crate::world::scenario::{self, Scenario};

thread_local! {
    static WORLDS: OnceCell<Vec<Scenario>> = const { OnceCell::new() };
}

/// More crashes than this of one transaction and its recoveries tell nothing new.
const CRASHES: usize = 4;

/// Byte by byte: the world, the move and its moment (0: none), then for each crash a moment and
/// how; an odd second byte is the power, and which writes survive. Moments are counted from the one
/// before.
pub fn world(data: &[u8]) {
    let [world, act, moment, crashes @ ..] = data else {
        return;
    };
    WORLDS.with(|worlds| {
        let worlds = worlds.get_or_init(scenario::all);
        let scenario = &worlds[usize::from(*world) % worlds.len()];
        let act = adversary::ALL[usize::from(*act) % adversary::ALL.len()];
        let mut script = Script {
            crashes: Vec::new(),
            act: (*moment != 0).then_some((usize::from(*moment), act)),
        };
        let mut at = 0;
        for crash in crashes.chunks_exact(2).take(CRASHES) {
            at += usize::from(crash[0] % 64) + 1;
            script.crashes.push((
                at,
                match crash[1] % 2 {
                    0 => Crash::Kill,
                    _ => Crash::Power(crash[1]),
                },
            ));
        }
        let ended = run(scenario, &script, Mutant::None, false);
        assert!(
            ended.broken.is_empty(),
            "{}: {script}\n{}",
            scenario.name,
            ended.broken.join("\n")
        );
    });
}
