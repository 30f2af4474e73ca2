//! Every crash at every change, every move of somebody else's at every moment, and both.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use virt_retire::model::{EventKind, State, Transaction};

use super::adversary::{self, Move};
use super::host::{Crash, Host, Mutant, Script};
use super::laws;
use super::scenario::{self, Ports, Report, Scenario, Verb, is_open};

/// Which changes that were not synced survive: none, all, every other one.
const POWER: [Crash; 4] = [
    Crash::Power(0),
    Crash::Power(0xff),
    Crash::Power(0b0101_0101),
    Crash::Power(0b1010_1010),
];

/// Kinds of findings that are told of one world.
const MOST: usize = 5;

/// How a run under a script ended.
pub struct Ended {
    pub broken: Vec<String>,
    pub host: Host,
}

/// Runs the verb under the script, then `recover` until the script crashes it no more, and asks the
/// laws. Then what stood in the way goes, and again: nothing may be open any more. At last what was
/// retired is brought back.
pub fn run(scenario: &Scenario, script: &Script, mutant: Mutant, traced: bool) -> Ended {
    let shared = scenario.world(script, mutant, traced);
    let act = || {
        let host = shared.get();
        script
            .act
            .map(|(_, act)| act)
            .filter(|_| host.acted.is_some())
    };
    let report = scenario.run_verb(&shared);
    let mut broken = Vec::new();
    if shared.get().crashed.is_none() {
        shared.edit().tell(|| format!("=== it said: {report:?}"));
        broken.extend(laws::untrue(scenario, &report, &shared.get(), act()));
        shared.edit().crash_at_the_end();
    }
    loop {
        shared.edit().restart();
        scenario::recover(&shared);
        if shared.get().crashed.is_none() {
            shared.edit().crash_at_the_end();
        }
        if shared.get().crashed.is_none() {
            break;
        }
    }
    broken.extend(laws::broken(scenario, &shared.get(), act()));
    let (moment, changes) = (shared.get().moment, shared.get().changes.clone());

    let act = act();
    shared.edit().script = Script::default();
    if let Some(act) = act {
        let mut host = shared.edit();
        host.tell(|| format!("<<< {act:?} is taken back"));
        act.take_back(&mut host);
        host.is_taken_back = true;
    }
    if shared.get().journal.iter().any(is_open) {
        shared.edit().restart();
        scenario::recover(&shared);
        for transaction in shared.get().journal.iter().filter(|it| is_open(it)) {
            broken.push(format!(
                "law 1: {} is {} with nothing in its way any more: {}",
                transaction.id,
                transaction.state().word(),
                cause(transaction)
            ));
        }
        broken.extend(laws::broken(scenario, &shared.get(), act));
    }
    let is_retired = |it: &Transaction| matches!(it.state(), State::Committed | State::Prepared);
    if shared.get().journal.first().is_some_and(is_retired) {
        shared.edit().restart();
        let report = scenario::roll_back(&mut Ports::of(&shared));
        shared
            .edit()
            .tell(|| format!("=== brought back: {report:?}"));
        let may_refuse = matches!(
            act,
            Some(Move::Define | Move::Edit | Move::Start | Move::DefineOther | Move::Undefine)
        );
        if report != Report::Done && !(may_refuse && matches!(report, Report::Refused(_))) {
            broken.push(format!(
                "law 2: what was retired does not come back: {report:?}"
            ));
        }
        broken.extend(laws::broken(scenario, &shared.get(), act));
    }
    for one in &mut broken {
        *one = without_uuids(one);
    }
    broken.sort();
    broken.dedup();
    let mut host = shared.get().clone();
    (host.moment, host.changes) = (moment, changes);
    Ended { broken, host }
}

/// The engine draws UUIDs; what is found must read the same each time.
fn without_uuids(text: &str) -> String {
    let mut words: Vec<&str> = text.split('-').collect();
    words.retain(|word| !(word.len() == 4 && word.bytes().all(|it| it.is_ascii_hexdigit())));
    words.join("-")
}

fn cause(transaction: &Transaction) -> String {
    let mut events = transaction.events.iter().rev();
    let last = events.find_map(|event| match &event.kind {
        EventKind::Entered { cause, .. } => Some(cause.clone()),
        _ => None,
    });
    last.flatten().unwrap_or_default()
}

/// A script under which a law was broken.
pub struct Finding {
    pub script: Script,
    pub broken: Vec<String>,
}

pub struct Explorer {
    scenario: Scenario,
    mutant: Mutant,
    /// One of so many runs with two disturbances.
    every: usize,
    counted: usize,
    pub runs: usize,
    pub findings: Vec<Finding>,
}

impl Explorer {
    pub fn new(scenario: Scenario, every: usize, mutant: Mutant) -> Self {
        Self {
            scenario,
            mutant,
            every,
            counted: 0,
            runs: 0,
            findings: Vec::new(),
        }
    }

    /// Runs it, and tells the moments of the run and of those the changes.
    fn one(
        &mut self,
        crashes: &[(usize, Crash)],
        act: Option<(usize, Move)>,
    ) -> (usize, Vec<usize>) {
        self.runs += 1;
        let script = Script {
            crashes: crashes.to_vec(),
            act,
        };
        let ended = run(&self.scenario, &script, self.mutant, false);
        if !ended.broken.is_empty() {
            self.findings.push(Finding {
                script,
                broken: ended.broken,
            });
        }
        (ended.host.moment, ended.host.changes)
    }

    fn is_its_turn(&mut self) -> bool {
        self.counted += 1;
        self.counted.is_multiple_of(self.every)
    }

    /// Every crash, and crashes of the recovery after it.
    pub fn crashes(&mut self) {
        let (moments, changes) = self.one(&[], None);
        // Once more when all has been said and done.
        for at in changes.into_iter().chain([moments + 1]) {
            for crash in [Crash::Kill].into_iter().chain(POWER) {
                let first = (at, crash);
                let (moments, after) = self.one(&[first], None);
                let later = after.into_iter().filter(|again| *again > at);
                for again in later.chain([moments + 1]) {
                    for second in [Crash::Kill, Crash::Power(0)] {
                        if self.is_its_turn() {
                            self.one(&[first, (again, second)], None);
                        }
                    }
                }
            }
        }
    }

    /// Every move at every moment.
    pub fn moves(&mut self) {
        let (moments, _) = self.one(&[], None);
        for act in adversary::ALL {
            for at in 1..=moments {
                self.one(&[], Some((at, act)));
            }
        }
    }

    /// Moves at every moment, with every crash: before it and after it.
    pub fn moves_and_crashes(&mut self) {
        let (moments, changes) = self.one(&[], None);
        for act in adversary::ALL {
            for crash in [Crash::Kill, Crash::Power(0)] {
                for &crashed in &changes {
                    // A recovery is no longer than what it recovers from, or hardly.
                    for at in 1..=crashed + moments {
                        if self.is_its_turn() {
                            self.one(&[(crashed, crash)], Some((at, act)));
                        }
                    }
                }
            }
        }
    }

    /// The findings, the shortest of each kind, told so that a person can follow them and run them
    /// alone. A kind is what was done and which laws it broke.
    pub fn told(&self) -> Vec<String> {
        let mut kinds = BTreeSet::new();
        let mut told = Vec::new();
        for finding in &self.findings {
            let act = finding.script.act.map(|(_, act)| act);
            let laws: Vec<&str> = finding.broken.iter().filter_map(|it| it.get(..5)).collect();
            if told.len() < MOST && kinds.insert((act, laws)) {
                told.push(tell(&self.scenario, &finding.script, self.mutant));
            }
        }
        told
    }
}

/// One run, step by step.
pub fn tell(scenario: &Scenario, script: &Script, mutant: Mutant) -> String {
    let ended = run(scenario, script, mutant, true);
    let mut text = String::new();
    for broken in ended.broken {
        let _ = writeln!(text, "{broken}");
    }
    let _ = writeln!(
        text,
        "to run it alone: VIRT_RETIRE_SCRIPT='{}: {script}' cargo test --test simulation -- \
         one_script --nocapture",
        scenario.name
    );
    for transaction in &scenario.start.journal {
        let state = transaction.state().word();
        let _ = writeln!(text, "begins with: transaction {} {state}", transaction.id);
    }
    if let Verb::Undefine { plans, .. } = &scenario.verb {
        for (plan, _) in plans {
            let steps: Vec<_> = plan.steps.iter().map(|step| step.kind()).collect();
            let _ = writeln!(
                text,
                "the plan of {}: {}",
                plan.domain.name,
                steps.join(", ")
            );
        }
    }
    for line in ended.host.trace.unwrap_or_default() {
        let _ = writeln!(text, "{line}");
    }
    text
}
