//! A world in memory, and every disturbance of it. If these tests fail, there is an order of
//! crashes and of other people's deeds after which a law of the contract does not hold.
//!
//! The engine, the planner and the survey are the real ones; libvirt, the disk, the journal and
//! the operators of the host are small models behind the ports ([`world::host`] says how time
//! passes). Each run ends with `recover`, and [`world::laws`] judges the world that is left. A
//! failure is told with every call of a port, and with the command that runs it alone.
//!
//! With `VIRT_RETIRE_SWEEP=full` every pair of disturbances is tried, not one of some dozens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use world::adversary::Move;
use world::explore::{self, Explorer, Finding};
use world::host::{Crash, Mutant, Script};
use world::scenario;

/// What is known to be broken: by which move, which law, and where that is being dealt with. Each
/// must still be found: who repairs one takes it off the list.
const KNOWN: [(Move, &str, &str); 0] = [];

fn is_known(finding: &Finding) -> bool {
    let Some((_, act)) = finding.script.act else {
        return false;
    };
    finding.broken.iter().all(|broken| {
        let mut known = KNOWN.iter();
        known.any(|(by, law, _)| *by == act && broken.starts_with(law))
    })
}

fn every(some: usize) -> usize {
    match std::env::var("VIRT_RETIRE_SWEEP").is_ok_and(|it| it == "full") {
        true => 1,
        false => some,
    }
}

/// Explores every world this way; what is found must be known.
fn in_every_world(every: usize, how: impl Fn(&mut Explorer)) -> Vec<Finding> {
    let mut known = Vec::new();
    let mut told = Vec::new();
    for scenario in scenario::all() {
        let name = scenario.name;
        if std::env::var("VIRT_RETIRE_SCENARIO").is_ok_and(|only| only != name) {
            continue;
        }
        let begun = std::time::Instant::now();
        let mut explorer = Explorer::new(scenario, every, Mutant::None);
        how(&mut explorer);
        eprintln!("{name}: {} runs in {:?}", explorer.runs, begun.elapsed());
        let (expected, new) = explorer.findings.drain(..).partition(is_known);
        known.extend::<Vec<Finding>>(expected);
        explorer.findings = new;
        told.extend(explorer.told());
    }
    assert!(
        told.is_empty(),
        "{} kinds of failures\n{}",
        told.len(),
        told.join("\n")
    );
    known
}

#[test]
fn after_every_crash_and_every_crash_of_its_recovery_the_laws_hold() {
    in_every_world(every(17), Explorer::crashes);
}

#[test]
fn whatever_somebody_else_does_at_any_moment_the_laws_hold() {
    let found = in_every_world(1, Explorer::moves);
    for (by, law, place) in KNOWN {
        let is_it = |finding: &Finding| {
            finding.script.act.is_some_and(|(_, act)| act == by)
                && finding.broken.iter().any(|broken| broken.starts_with(law))
        };
        assert!(
            found.iter().any(is_it),
            "{by:?} breaks {law} no more ({place}): repaired?"
        );
    }
}

#[test]
fn whatever_somebody_else_does_before_and_after_every_crash_the_laws_hold() {
    in_every_world(every(127), Explorer::moves_and_crashes);
}

#[test]
fn faults_that_are_put_in_on_purpose_are_found() {
    let scenarios = scenario::all();
    for (mutant, breaks_law_3) in [
        (Mutant::EffectBeforeIntent, true),
        (Mutant::MoveWithoutSync, true),
        (Mutant::OutcomeIsTrusted, false),
    ] {
        let mut explorer = Explorer::new(scenarios[0].clone(), 7, mutant);
        explorer.crashes();
        let breaks = |law: &str| {
            let mut broken = explorer.findings.iter().flat_map(|finding| &finding.broken);
            broken.any(|broken| broken.starts_with(law))
        };
        // The world that is left says so by itself; for two of them the order of calls does, too.
        assert!(breaks("law 1"), "{mutant:?} leaves every world whole");
        assert!(
            !breaks_law_3 || breaks("law 3"),
            "{mutant:?} breaks no order"
        );
    }
}

/// See `VIRT_RETIRE_SCRIPT` in a failure's text.
#[test]
fn one_script() {
    let script = Script {
        crashes: vec![(19, Crash::Kill), (30, Crash::Power(170))],
        act: Some((13, Move::Define)),
    };
    assert_eq!(Script::read(&script.to_string()), Some(script));
    let Ok(wanted) = std::env::var("VIRT_RETIRE_SCRIPT") else {
        return;
    };
    let (name, script) = wanted.split_once(": ").expect("SCENARIO: SCRIPT");
    let script = Script::read(script).expect("a script is like: kill@19, Define@13");
    let scenarios = scenario::all();
    let scenario = scenarios
        .iter()
        .find(|it| it.name == name)
        .expect("no such scenario");
    eprintln!("{}", explore::tell(scenario, &script, Mutant::None));
}
