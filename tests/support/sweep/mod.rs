//! One fault at every change that a verb makes, and after each of them: is the domain whole?
//!
//! A sweep runs the verb once to count its changes, then again for each of them with the fault
//! there. By itself (`make test`) it tries one change of a class (step, call, kind of file), and of
//! as many classes as
//! [`Bounded`] says. With `VIRT_RETIRE_SWEEP=full` (`make sweep`) it tries all, on several hosts
//! side by side, and goes on until a run is over before its number comes. `VIRT_RETIRE_POINT=57`
//! tries that one alone, and `VIRT_RETIRE_POINT='2 of do quarantine-disk fsync file'` the second
//! change of that class: the number of the same change differs between runs by what sled's own
//! threads write before it.
//!
//! [`Scene`] is a host with one domain; [`Verb`] is what is swept, and knows what must be true
//! after it.

mod scene;
mod verb;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

pub use scene::Scene;
pub use verb::Verb;

use super::tracer::{After, Point, Traced};

/// Is every point to be tried (`make sweep`)?
pub fn is_full() -> bool {
    std::env::var("VIRT_RETIRE_SWEEP").is_ok_and(|it| it == "full")
}

/// How many hosts a full sweep works on at once: most of a run is waiting for a disk or for
/// libvirt.
const SIDE_BY_SIDE: usize = 4;
/// How often a number is tried that a run was over before it came to: sled's own threads write more
/// in one run than in another.
const TRIES: usize = 3;

type Judge<'s> = dyn Fn(&Scene, &Traced) -> Result<(), String> + Sync + 's;

pub struct Sweep<'s> {
    /// The test file and the kind of fault, for the table.
    pub test: &'s str,
    pub fault: &'s str,
    /// What else must be set to see a lost point of this number again.
    pub setting: &'s (dyn Fn(usize) -> String + Sync),
    pub verb: Verb,
    pub scene: &'s (dyn Fn() -> Scene + Sync),
    /// Which changes are tried at all. A point's number counts these.
    pub filter: &'s (dyn Fn(&Point) -> bool + Sync),
    pub bounded: Bounded,
    /// At the chosen change, with its number.
    pub strike: &'s (dyn Fn(&Scene, &Point, usize) -> After + Sync),
    /// What came of it: leaves the domain whole, or says what was lost.
    pub judge: &'s Judge<'s>,
}

/// What the bounded run tries.
#[derive(Debug, Clone, Copy)]
pub enum Bounded {
    /// The effect of every kind of step, and of the rest as many as make up this number.
    EveryStep(usize),
    /// The effects of so many kinds of step, from the first to the last: most of the verb's way is
    /// another's, which is swept with the same fault.
    Few(usize),
}

/// For a fault that has no choice.
pub fn no_setting(_: usize) -> String {
    String::new()
}

/// Which change is struck.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    Number(usize),
    /// The how manieth of its class.
    Of(usize, String),
}

impl Which {
    #[track_caller]
    fn read(text: &str) -> Self {
        let number = |word: &str| {
            let words = "VIRT_RETIRE_POINT should be a number, or \"NUMBER of CLASS\"";
            word.trim().parse().expect(words)
        };
        match text.split_once(" of ") {
            Some((nth, class)) => Which::Of(number(nth), class.to_owned()),
            None => Which::Number(number(text)),
        }
    }
}

/// The change that was struck.
struct Struck {
    point: Point,
    number: usize,
    /// How many of its class there had been, with itself.
    nth: usize,
}

/// What is still to be tried, and what came of the rest.
struct Tally {
    next: usize,
    /// `None`: one after the other, up to `end`.
    chosen: Option<Vec<Which>>,
    /// No run comes to this number.
    end: usize,
    tried: usize,
    recovered: usize,
    /// Numbers that the counting run had, and no later one.
    not_reached: usize,
    lost: Vec<String>,
}

impl Tally {
    fn take(&mut self) -> Option<Which> {
        self.next += 1;
        match &self.chosen {
            Some(chosen) => chosen.get(self.next - 1).cloned(),
            None => (self.next < self.end).then_some(Which::Number(self.next)),
        }
    }
}

/// One run with the fault.
enum Attempt {
    /// The run was over before its number came.
    NotReached,
    Struck(Struck, Result<(), String>),
}

impl Sweep<'_> {
    /// # Panics
    /// Anything was lost; says where, and what to type to see it again.
    #[track_caller]
    pub fn run(&self) {
        let started = Instant::now();
        let (scene, counted) = self.begin();
        let chosen = self.choose(&counted);
        let workers = if chosen.is_some() { 1 } else { SIDE_BY_SIDE };
        let tally = Mutex::new(Tally {
            next: 0,
            chosen,
            end: usize::MAX,
            tried: 0,
            recovered: 0,
            not_reached: 0,
            lost: Vec::new(),
        });
        let test = std::thread::current().name().unwrap_or("?").to_owned();
        std::thread::scope(|scope| {
            let (tally, test) = (&tally, &test);
            for _ in 1..workers {
                scope.spawn(|| self.work(self.begin().0, counted.len(), tally, test));
            }
            self.work(scene, counted.len(), tally, test);
        });
        let tally = tally.into_inner().unwrap();
        self.report(counted.len(), &tally, started);
        assert!(
            tally.lost.is_empty(),
            "{} of {} lost:\n{}",
            tally.lost.len(),
            tally.tried,
            tally.lost.join("\n")
        );
        assert!(tally.tried > 0, "nothing was tried");
    }

    /// A new scene, and the changes of one run on it. Two runs, because the first one makes the
    /// journal and the folders, which later ones find.
    fn begin(&self) -> (Scene, Vec<Point>) {
        let scene = (self.scene)();
        let counted = self
            .count(&scene)
            .and_then(|_| self.count(&scene))
            .unwrap_or_else(|error| panic!("{} without a fault: {error}", self.verb.word()));
        (scene, counted)
    }

    /// One run without a fault; it must end well.
    fn count(&self, scene: &Scene) -> Result<Vec<Point>, String> {
        let arguments = self.verb.arguments(scene)?;
        let ran = scene.host.traced(&arguments, &mut |_| After::GoOn);
        self.unharmed(scene, &ran)?;
        let points = ran.points.into_iter();
        Ok(points.filter(|point| (self.filter)(point)).collect())
    }

    fn unharmed(&self, scene: &Scene, ran: &Traced) -> Result<(), String> {
        match ran.code {
            0 => self.verb.judge(scene, ran),
            _ => Err(ran.to_string()),
        }
    }

    /// `None` means all.
    fn choose(&self, points: &[Point]) -> Option<Vec<Which>> {
        if let Ok(one) = std::env::var("VIRT_RETIRE_POINT") {
            return Some(vec![Which::read(&one)]);
        }
        if is_full() {
            return None;
        }
        let mut seen = HashSet::new();
        let numbered = points.iter().enumerate();
        let chosen: Vec<(usize, &Point)> = numbered
            .map(|(index, point)| (index + 1, point))
            .filter(|(_, point)| seen.insert(point.class()))
            .collect();
        let mut steps = HashSet::new();
        let (effects, rest): (Vec<_>, Vec<_>) = chosen
            .into_iter()
            .partition(|(_, point)| !point.is_record() && steps.insert(point.step_kind()));
        let evenly = |from: &[(usize, &Point)], room: usize| -> Vec<usize> {
            let room = room.min(from.len());
            let picked = (0..room).map(|index| from[index * from.len() / room].0);
            picked.collect()
        };
        let mut numbers = match self.bounded {
            Bounded::Few(few) => evenly(&effects, few),
            Bounded::EveryStep(at_most) => {
                let mut all = evenly(&effects, effects.len());
                all.extend(evenly(&rest, at_most.saturating_sub(effects.len())));
                all
            }
        };
        numbers.sort_unstable();
        Some(numbers.into_iter().map(Which::Number).collect())
    }

    fn work(&self, mut scene: Scene, counted: usize, tally: &Mutex<Tally>, test: &str) {
        loop {
            let Some(which) = tally.lock().unwrap().take() else {
                return;
            };
            let mut attempt = Ok(Attempt::NotReached);
            for _ in 0..TRIES {
                attempt = self.attempt(&scene, &which);
                if !matches!(attempt, Ok(Attempt::NotReached)) {
                    break;
                }
            }
            let mut now = tally.lock().unwrap();
            let told = match attempt {
                Ok(Attempt::NotReached) => {
                    match which {
                        Which::Number(number) if number > counted => now.end = now.end.min(number),
                        _ => now.not_reached += 1,
                    }
                    continue;
                }
                Ok(Attempt::Struck(_, Ok(()))) => {
                    now.tried += 1;
                    now.recovered += 1;
                    if is_full() && now.tried.is_multiple_of(50) {
                        let (fault, verb) = (self.fault, self.verb.word());
                        eprintln!("{fault}, {verb}: {} of about {counted}", now.tried);
                    }
                    continue;
                }
                Ok(Attempt::Struck(struck, Err(error))) => {
                    now.tried += 1;
                    self.lost(&struck, &error, test)
                }
                // Nothing was struck, so it is no point that was lost, and yet no run may end so.
                Err(error) => format!("{} without a fault:\n{error}\n", self.verb.word()),
            };
            eprintln!("{told}");
            now.lost.push(told);
            drop(now);
            scene = self.begin().0;
        }
    }

    fn lost(&self, struck: &Struck, error: &str, test: &str) -> String {
        let Struck { point, number, nth } = struck;
        format!(
            "{} at change {number} of {}, `{} {}` in '{}':\n{error}\nto see it again: \
             {}VIRT_RETIRE_POINT='{nth} of {}' cargo test --test {} -- --exact {test}\n",
            self.fault,
            self.verb.word(),
            point.call,
            point.target,
            point.step,
            (self.setting)(*number),
            point.class(),
            self.test,
        )
    }

    /// # Errors
    /// Without the fault the run did not end well.
    fn attempt(&self, scene: &Scene, which: &Which) -> Result<Attempt, String> {
        let arguments = self.verb.arguments(scene)?;
        let (mut number, mut classes, mut struck) = (0, HashMap::<String, usize>::new(), None);
        let ran = scene.host.traced(&arguments, &mut |point| {
            if struck.is_some() || !(self.filter)(point) {
                return After::GoOn;
            }
            number += 1;
            let nth = classes.entry(point.class()).or_default();
            *nth += 1;
            let is_it = match which {
                Which::Number(chosen) => *chosen == number,
                Which::Of(chosen, class) => chosen == nth && *class == point.class(),
            };
            if !is_it {
                return After::GoOn;
            }
            struck = Some(Struck {
                point: point.clone(),
                number,
                nth: *nth,
            });
            (self.strike)(scene, point, number)
        });
        let Some(struck) = struck else {
            self.unharmed(scene, &ran)?;
            return Ok(Attempt::NotReached);
        };
        let judged = (self.judge)(scene, &ran);
        let told = judged.map_err(|error| format!("{error}\nthe run that was struck: {ran}"));
        Ok(Attempt::Struck(struck, told))
    }

    /// A line for the table that `make sweep` prints.
    fn report(&self, counted: usize, tally: &Tally, since: Instant) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sweep");
        fs::create_dir_all(&folder).unwrap();
        let (fault, verb) = (self.fault, self.verb.word());
        let name = format!("{fault}-{verb}").replace([' ', '/'], "-");
        let line = format!(
            "{fault}\t{verb}\t{counted}\t{}\t{}\t{}\t{}\t{}\n",
            tally.tried,
            tally.recovered,
            tally.lost.len(),
            tally.not_reached,
            since.elapsed().as_secs()
        );
        eprint!("{line}");
        fs::write(folder.join(name), line).unwrap();
    }
}
