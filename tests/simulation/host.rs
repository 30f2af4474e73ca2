//! One host in memory: its disk, its libvirt, its journal, and the script of what befalls it.
//!
//! Every call of a port is a moment, and one that changes something has a moment for each of its
//! system calls. At one moment the script may have somebody else act, at others the program or the
//! power goes. After its crash a program gets errors and changes nothing, until it is restarted.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use virt_retire::model::{EventKind, Progress, Step, Transaction};
use virt_retire::ports::{HypervisorError, JournalError, StorageError};

use super::adversary::{self, Move};
use super::disk::{Disk, Inode, Luck};
use super::libvirt::Daemon;

/// A fault that is put into the world on purpose, so that it is known that it would be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mutant {
    #[default]
    None,
    /// An intent is durable only when the next record is: effects come before it.
    EffectBeforeIntent,
    /// A file is renamed and the folders are not synced.
    MoveWithoutSync,
    /// What was intended and has no outcome is taken for not done.
    OutcomeIsTrusted,
}

/// How the program ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Killed: what it asked of the kernel and of libvirt was done.
    Kill,
    /// The power went: what was not synced survives by this pattern of bits.
    Power(u8),
}

/// What befalls a run, by the number of the moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    pub crashes: Vec<(usize, Crash)>,
    pub act: Option<(usize, Move)>,
}

/// `kill@19, power170@30, Define@13`: what happens, before which moment.
impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = Vec::new();
        for (at, crash) in &self.crashes {
            words.push(match crash {
                Crash::Kill => format!("kill@{at}"),
                Crash::Power(pattern) => format!("power{pattern}@{at}"),
            });
        }
        words.extend(self.act.map(|(at, act)| format!("{act:?}@{at}")));
        f.write_str(&words.join(", "))
    }
}

impl Script {
    pub fn read(text: &str) -> Option<Self> {
        let mut script = Self::default();
        for word in text.split(", ").filter(|word| !word.is_empty()) {
            let (what, at) = word.split_once('@')?;
            let at = at.parse().ok()?;
            let named = |act: &&Move| format!("{act:?}") == what;
            if what == "kill" {
                script.crashes.push((at, Crash::Kill));
            } else if let Some(pattern) = what.strip_prefix("power") {
                script
                    .crashes
                    .push((at, Crash::Power(pattern.parse().ok()?)));
            } else {
                script.act = Some((at, *adversary::ALL.iter().find(named)?));
            }
        }
        Some(script)
    }
}

#[derive(Debug, Clone)]
pub struct Host {
    pub disk: Disk,
    pub libvirt: Daemon,
    pub journal: Vec<Transaction>,
    /// Records that were promised to be durable and are not ([`Mutant::EffectBeforeIntent`]).
    pub held: Vec<(usize, Vec<EventKind>)>,
    pub sequence: u64,
    pub seconds: i64,
    pub moment: usize,
    pub script: Script,
    pub mutant: Mutant,
    pub crashed: Option<Crash>,
    pub had_no_power: bool,
    pub signals: u8,
    /// When the script's act took place, if it changed anything.
    pub acted: Option<usize>,
    /// It was undone again, where it can be.
    pub is_taken_back: bool,
    pub fails_now: bool,
    /// What a step that failed did by half: whoever does it again makes it last.
    pub left_in_doubt: Vec<String>,
    /// Files that a process of somebody else's has open.
    pub opened: Vec<Inode>,
    /// The domain that all this is about, as it is defined at first, and the inode of its disk.
    pub web: String,
    pub original: Option<Inode>,
    /// The world is about a purge.
    pub is_purged: bool,
    /// The last moment at which each question was asked or each change made.
    pub last: BTreeMap<&'static str, usize>,
    /// The last moment at which it was asked who has the file open.
    pub last_holders: BTreeMap<Inode, usize>,
    /// The last moment at which it was asked what a folder holds.
    pub last_listed: BTreeMap<PathBuf, usize>,
    /// The same, as it was when a purge was last begun.
    pub listed_before_purge: BTreeMap<PathBuf, usize>,
    /// The same, as it was when a transaction was last prepared or committed.
    pub decided_after: BTreeMap<&'static str, usize>,
    /// One was, since the world began.
    pub is_decided: bool,
    /// Laws that were broken on the way, noticed as it happened.
    pub breaches: Vec<String>,
    /// The moments of changes: between two of them a crash makes no difference.
    pub changes: Vec<usize>,
    pub trace: Option<Vec<String>>,
}

/// Why a call did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    Crashed,
    Failed,
}

#[derive(Clone)]
pub struct Shared(Rc<RefCell<Host>>);

impl Shared {
    pub fn new(host: Host) -> Self {
        Self(Rc::new(RefCell::new(host)))
    }

    pub fn get(&self) -> Ref<'_, Host> {
        self.0.borrow()
    }

    pub fn edit(&self) -> RefMut<'_, Host> {
        self.0.borrow_mut()
    }

    /// A question.
    pub fn look(&self, what: &'static str, of: impl std::fmt::Display) -> Result<(), Halt> {
        self.edit().moment(what, &of, false)
    }

    /// A change, about to be made.
    pub fn change(&self, what: &'static str, of: impl std::fmt::Display) -> Result<(), Halt> {
        self.edit().moment(what, &of, true)
    }
}

impl Host {
    pub fn new() -> Self {
        Self {
            disk: Disk::default(),
            libvirt: Daemon::default(),
            journal: Vec::new(),
            held: Vec::new(),
            sequence: 0,
            seconds: 0,
            moment: 0,
            script: Script::default(),
            mutant: Mutant::None,
            crashed: None,
            had_no_power: false,
            signals: 0,
            acted: None,
            is_taken_back: false,
            fails_now: false,
            left_in_doubt: Vec::new(),
            opened: Vec::new(),
            web: String::new(),
            original: None,
            is_purged: false,
            last: BTreeMap::new(),
            last_holders: BTreeMap::new(),
            last_listed: BTreeMap::new(),
            listed_before_purge: BTreeMap::new(),
            decided_after: BTreeMap::new(),
            is_decided: false,
            breaches: Vec::new(),
            changes: Vec::new(),
            trace: None,
        }
    }

    /// The same host, from here on: moments are counted from none.
    pub fn begin(mut self, script: Script, mutant: Mutant, traced: bool) -> Self {
        self.moment = 0;
        self.last.clear();
        self.last_holders.clear();
        self.last_listed.clear();
        self.listed_before_purge.clear();
        self.decided_after.clear();
        self.is_decided = false;
        self.changes.clear();
        self.breaches.clear();
        self.script = script;
        self.mutant = mutant;
        self.trace = traced.then(Vec::new);
        self
    }

    pub fn tell(&mut self, text: impl FnOnce() -> String) {
        let moment = self.moment;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{moment:4} {}", text()));
        }
    }

    fn moment(
        &mut self,
        what: &'static str,
        of: &dyn std::fmt::Display,
        changes: bool,
    ) -> Result<(), Halt> {
        if self.crashed.is_some() {
            return Err(Halt::Crashed);
        }
        self.moment += 1;
        let crash = self.script.crashes.first();
        if let Some((_, crash)) = crash.filter(|(at, _)| *at == self.moment) {
            let crash = *crash;
            self.script.crashes.remove(0);
            self.tell(|| format!("*** {crash:?} before: {what} {of}"));
            self.crashed = Some(crash);
            return Err(Halt::Crashed);
        }
        if let Some((at, act)) = self.script.act
            && at == self.moment
        {
            let acted = act.apply(self);
            self.tell(|| {
                format!(
                    ">>> {act:?}: {}",
                    if acted { "done" } else { "nothing to do" }
                )
            });
            if acted {
                self.acted = Some(at);
            }
        }
        if std::mem::take(&mut self.fails_now) {
            self.tell(|| format!("    {what} {of}: fails"));
            return Err(Halt::Failed);
        }
        self.tell(|| format!("{} {what} {of}", if changes { "  !" } else { "   " }));
        self.last.insert(what, self.moment);
        if changes {
            self.changes.push(self.moment);
        }
        Ok(())
    }

    /// The crash that the script has for the moment after the last one.
    pub fn crash_at_the_end(&mut self) {
        let next = self.moment + 1;
        if self
            .script
            .crashes
            .first()
            .is_some_and(|(at, _)| *at == next)
        {
            let (_, crash) = self.script.crashes.remove(0);
            self.tell(|| format!("*** {crash:?} when all is done"));
            self.crashed = Some(crash);
        }
    }

    /// Law 3, first half: called by every effect. The quarantine's own root is made before the
    /// record, and taken away again where nothing is begun.
    pub fn must_be_intended(&mut self, effect: &str, of: &Path) {
        let fits = |step: &Step, progress: Progress| match effect {
            "undefine" => matches!(
                (step, progress),
                (Step::Undefine(_), Progress::Doing) | (Step::MakePersistent, Progress::Undoing)
            ),
            "define" => matches!(
                (step, progress),
                (Step::MakePersistent, Progress::Doing) | (Step::Undefine(_), Progress::Undoing)
            ),
            "move" => step.file().is_some(),
            _ => true,
        };
        let is_intended = self.journal.iter().any(|transaction| {
            let mut steps = transaction.plan.steps.iter().zip(transaction.progress());
            steps.any(|(step, progress)| {
                let is_open = matches!(
                    progress,
                    Progress::Doing | Progress::Undoing | Progress::Destroying
                );
                is_open && fits(step, progress)
            })
        });
        if !is_intended {
            self.breaches.push(format!(
                "law 3: {effect} {} without a durable intent",
                of.display()
            ));
        }
    }

    /// What a power cut may still take back.
    pub fn in_doubt(&self) -> Vec<String> {
        let mut in_doubt = self.disk.in_doubt();
        in_doubt.extend(self.libvirt.in_doubt());
        in_doubt
    }

    /// Law 3, second half: what an outcome tells of must have lasted before it.
    pub fn must_have_lasted(&mut self, kinds: &[EventKind]) {
        let is_outcome = |kind: &EventKind| {
            matches!(
                kind,
                EventKind::Outcome { result: Ok(_), .. }
                    | EventKind::Destroyed { result: Ok(_), .. }
            )
        };
        let has_failed = |kind: &EventKind| {
            matches!(
                kind,
                EventKind::Outcome { result: Err(_), .. }
                    | EventKind::Destroyed { result: Err(_), .. }
            )
        };
        let mut in_doubt = self.in_doubt();
        if kinds.iter().any(has_failed) {
            self.left_in_doubt = in_doubt;
            return;
        }
        in_doubt.retain(|one| !self.left_in_doubt.contains(one));
        if kinds.iter().any(is_outcome) && !in_doubt.is_empty() {
            let doubt = in_doubt.join(", ");
            self.breaches.push(format!(
                "law 3: an outcome before its effect lasts: {doubt}"
            ));
        }
    }

    /// The machine, or the program alone, comes up again.
    pub fn restart(&mut self) {
        match self.crashed.take() {
            Some(Crash::Power(pattern)) => {
                self.had_no_power = true;
                let mut luck = Luck::of(pattern);
                self.disk.lose_power(&mut luck);
                self.libvirt.lose_power(&mut luck);
            }
            Some(Crash::Kill) | None => {}
        }
        self.held.clear();
        // Whether it is made to last by whoever needs it, a second crash will tell.
        self.left_in_doubt = self.in_doubt();
        self.signals = 0;
        self.fails_now = false;
        self.tell(|| "*** restarted".into());
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

pub fn storage(path: &Path) -> impl FnOnce(Halt) -> StorageError + '_ {
    move |_| StorageError::io("reach", path, io::Error::other("the disk does not answer"))
}

pub fn hypervisor(call: &'static str) -> impl FnOnce(Halt) -> HypervisorError {
    move |_| HypervisorError::Lost {
        call,
        cause: "it does not answer".into(),
    }
}

pub fn journal(_: Halt) -> JournalError {
    JournalError::Unwritten {
        path: "/state".into(),
        cause: "the disk does not answer".into(),
    }
}
