//! One transaction: what was begun, and all that happened since.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

use jiff::Timestamp;

use super::{
    Amendment, Definition, Digest, DomainRef, Evidence, FileFacts, FileMove, Hold, Overridden,
    Plan, Removal, SavedVolume, State, Step, Taken, TransactionId, Uptime, Verb, WipeMethod, Wiped,
};

/// Which way a step is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Back,
}

impl Direction {
    pub fn word(self) -> &'static str {
        match self {
            Direction::Forward => "do",
            Direction::Back => "undo",
        }
    }
}

/// How far one step is known to be. `Doing`, `Undoing` and `Destroying` mean: an intent without a
/// good outcome, so only the disk can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Pending,
    Doing,
    Done,
    Undoing,
    Undone,
    /// Purge takes what the step has put into quarantine: there is no way back.
    Destroying,
    Destroyed,
}

/// Where files of one folder wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineFolder {
    /// The folder the files come from.
    pub source: PathBuf,
    /// This transaction's quarantine folder that a file of `source` can be renamed into.
    pub folder: PathBuf,
}

/// What an entry of the event log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The transaction entered a state; `cause` where something made it, besides the operator.
    Entered { state: State, cause: Option<String> },
    /// Step `step` is about to be run, after those whose intents stand before it.
    Intent { step: usize, direction: Direction },
    /// Its last intent is taken back: something before it failed, and it was not run.
    Withdrawn { step: usize, direction: Direction },
    /// It was: `Ok(true)` says that it was already so.
    Outcome {
        step: usize,
        direction: Direction,
        result: Result<bool, String>,
    },
    /// Who decided what, for decisions taken by a later command (`rollback`, `recover` …).
    Decided { verb: Verb, by: Box<Evidence> },
    /// What the files of these steps are now that their guest has been stopped: until then it
    /// wrote to them, and the plan's sizes and times were those of a moment.
    Settled {
        files: Vec<(usize, FileFacts)>,
        /// What the plan moves, after that: allocated, and apparent.
        bytes: u64,
        size: u64,
    },
    /// Held back from purge under a name.
    Held {
        name: String,
        reason: String,
        user: String,
    },
    /// The hold of that name is no more.
    Released { name: String, user: String },
    /// The purge that begins now overwrites first, and in this way. Whoever carries it on does too.
    Wiping { method: WipeMethod },
    /// What step `step` has put into quarantine is about to be destroyed.
    Destroying { step: usize },
    /// Before that, what of it was overwritten: a certificate.
    Wiped { step: usize, wiped: Box<Wiped> },
    /// It was, which has given so many bytes back to the file system.
    Destroyed {
        step: usize,
        result: Result<u64, String>,
    },
    /// What the operator should know of the step just done, besides that it was.
    Noted { text: String },
    /// The saved state that step `step` kept was not put back in its place: it would resume what is
    /// not so any more.
    SetAside {
        step: usize,
        why: String,
        /// `None` where it is no more.
        waits_at: Option<PathBuf>,
    },
    /// `rebuild` took the transaction in from this folder on the operator's word alone: nothing
    /// proves that this program wrote its record.
    Imported { from: PathBuf },
    /// The rollback that begins now defines the domain under another identity. Durable before its
    /// first effect, so that a recovery goes on under the same one.
    Renamed(Rename),
    /// The rollback that begins now, or that goes on now from `stuck`, departs from what was saved.
    /// Durable before its first effect, as above.
    Amended(Amendment),
    /// What the file of step `step` was read to be once it was in quarantine; or why it could not
    /// be read.
    Digested {
        step: usize,
        result: Result<Digest, String>,
    },
}

impl EventKind {
    /// The word that JSON has as `kind`.
    pub fn word(&self) -> &'static str {
        match self {
            EventKind::Entered { .. } => "state",
            EventKind::Intent { .. } => "intent",
            EventKind::Withdrawn { .. } => "withdrawn",
            EventKind::Outcome { .. } => "outcome",
            EventKind::Decided { .. } => "decided",
            EventKind::Settled { .. } => "settled",
            EventKind::Held { .. } => "held",
            EventKind::Released { .. } => "released",
            EventKind::Wiping { .. } => "wiping",
            EventKind::Destroying { .. } => "destroying",
            EventKind::Wiped { .. } => "wiped",
            EventKind::Destroyed { .. } => "destroyed",
            EventKind::Noted { .. } => "noted",
            EventKind::SetAside { .. } => "set-aside",
            EventKind::Imported { .. } => "imported",
            EventKind::Renamed(_) => "renamed",
            EventKind::Amended(_) => "amended",
            EventKind::Digested { .. } => "digested",
        }
    }

    /// What the operator should know of it, in a sentence.
    pub fn note(&self) -> Option<String> {
        match self {
            EventKind::Noted { text } => Some(text.clone()),
            EventKind::SetAside {
                why,
                waits_at: None,
                ..
            } => Some(format!("the saved state was not put back: {why}")),
            EventKind::SetAside {
                why,
                waits_at: Some(path),
                ..
            } => Some(format!(
                "the saved state was not put back, and the guest will boot afresh: {why}. It waits \
                 at {}",
                path.display()
            )),
            EventKind::Imported { from } => Some(format!(
                "imported from {}: nothing proves that this program wrote it",
                from.display()
            )),
            _ => None,
        }
    }
}

/// Under which identity a rollback brings a domain back, where it is not its own. Chosen once and
/// then only read: a MAC address drawn again after a crash would make two guests of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// The new name and UUID; what was not to change is as it was.
    pub domain: DomainRef,
    /// Old and new MAC address of each interface, as the XML spells them.
    pub macs: Vec<(String, String)>,
}

/// One entry of the event log. Never changed, never removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Position in the journal's whole log, from 1.
    pub sequence: u64,
    pub at: Timestamp,
    pub kind: EventKind,
}

/// A transaction before it has a number: all that is known before its first effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub uuid: uuid::Uuid,
    pub evidence: Evidence,
    pub removal: Removal,
    pub plan: Plan,
    pub definition: Definition,
    /// Every pool volume among the domain's disks, as libvirt described it.
    pub volumes: Vec<SavedVolume>,
    /// The folder with the manifest and the XML.
    pub home: PathBuf,
    pub places: Vec<QuarantineFolder>,
    /// Commit as soon as it is prepared (`undefine` without `--prepare`).
    pub commit_at_once: bool,
    pub started_at: Timestamp,
    /// The same moment on a clock that nobody sets; `None` where there is none, and in a record of
    /// before it was written down.
    pub uptime: Option<Uptime>,
    /// From when on `purge --expired` takes it; `None`: never. Stamped once.
    pub expires_at: Option<Timestamp>,
}

/// A transaction as the journal gives it back. What it was begun with is read as if it were its
/// own: `transaction.plan`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    pub id: TransactionId,
    pub draft: Draft,
    pub events: Vec<Event>,
}

impl Deref for Transaction {
    type Target = Draft;

    fn deref(&self) -> &Draft {
        &self.draft
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Draft {
        &mut self.draft
    }
}

impl Transaction {
    pub fn domain(&self) -> &DomainRef {
        &self.plan.domain
    }

    pub fn state(&self) -> State {
        self.states().last().unwrap_or(State::Planned)
    }

    /// The state that an interrupted or failed rollback began in.
    pub fn state_before_rollback(&self) -> State {
        self.states()
            .filter(|state| !matches!(state, State::RollingBack | State::Stuck))
            .last()
            .unwrap_or(State::Planned)
    }

    fn states(&self) -> impl Iterator<Item = State> + '_ {
        self.events.iter().filter_map(|event| match event.kind {
            EventKind::Entered { state, .. } => Some(state),
            _ => None,
        })
    }

    /// When the present state was entered, if it is one that ends a transaction.
    pub fn finished_at(&self) -> Option<Timestamp> {
        if !self.state().is_finished() {
            return None;
        }
        self.events
            .iter()
            .rev()
            .find(|event| matches!(event.kind, EventKind::Entered { .. }))
            .map(|event| event.at)
    }

    /// What holds it back from purge, the oldest first.
    pub fn holds(&self) -> Vec<Hold> {
        let mut holds = Vec::new();
        for event in &self.events {
            follow_holds(&mut holds, event);
        }
        holds
    }

    /// What the present or last run of steps had to say.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for event in &self.events {
            match &event.kind {
                EventKind::Entered { state, .. } if state.begins_a_run() => notes.clear(),
                kind => notes.extend(kind.note()),
            }
        }
        notes
    }

    /// The steps whose saved state the present or last run did not put back.
    pub fn set_aside(&self) -> Vec<usize> {
        let mut steps = Vec::new();
        for event in &self.events {
            match &event.kind {
                EventKind::Entered { state, .. } if state.begins_a_run() => steps.clear(),
                EventKind::SetAside { step, .. } => steps.push(*step),
                _ => {}
            }
        }
        steps
    }

    /// The other identity that the present or finished rollback gives the domain.
    pub fn renamed(&self) -> Option<&Rename> {
        let mut renamed = None;
        for event in &self.events {
            match &event.kind {
                EventKind::Renamed(rename) => renamed = Some(rename),
                // That rollback failed, and the domain is retired as before.
                EventKind::Entered { state, .. } if state.ends_a_rollback_in_vain() => {
                    renamed = None;
                }
                _ => {}
            }
        }
        renamed
    }

    /// In what the present or finished rollback departs from what was saved.
    pub fn amendment(&self) -> Option<&Amendment> {
        let mut amended = None;
        for event in &self.events {
            match &event.kind {
                EventKind::Amended(amendment) => amended = Some(amendment),
                EventKind::Entered { state, .. } if state.ends_a_rollback_in_vain() => {
                    amended = None;
                }
                _ => {}
            }
        }
        amended
    }

    /// The domain as it is called now: its own name and UUID, or what the present or finished
    /// rollback gives it.
    pub fn domain_now(&self) -> &DomainRef {
        self.renamed()
            .map_or(self.domain(), |rename| &rename.domain)
    }

    /// What is recorded of steps that were run, or may have been: without intents that were
    /// withdrawn.
    pub fn tried(&self) -> impl Iterator<Item = &EventKind> {
        let kinds: Vec<&EventKind> = self.events.iter().map(|event| &event.kind).collect();
        tried(&kinds).into_iter()
    }

    /// How far each step of the plan is.
    pub fn progress(&self) -> Vec<Progress> {
        self.progress_with(&[])
    }

    /// How far each step will be once `next` is recorded, too.
    pub fn progress_with(&self, next: &[EventKind]) -> Vec<Progress> {
        let mut progress = vec![Progress::Pending; self.plan.steps.len()];
        let recorded = self.events.iter().map(|event| &event.kind);
        let kinds: Vec<&EventKind> = recorded.chain(next).collect();
        for kind in tried(&kinds) {
            let (step, now) = match kind {
                EventKind::Intent { step, direction } => (
                    *step,
                    match direction {
                        Direction::Forward => Progress::Doing,
                        Direction::Back => Progress::Undoing,
                    },
                ),
                EventKind::Outcome {
                    step,
                    direction,
                    result: Ok(_),
                } => (
                    *step,
                    match direction {
                        Direction::Forward => Progress::Done,
                        Direction::Back => Progress::Undone,
                    },
                ),
                EventKind::Destroying { step } => (*step, Progress::Destroying),
                EventKind::Destroyed {
                    step,
                    result: Ok(_),
                } => (*step, Progress::Destroyed),
                _ => continue,
            };
            if let Some(slot) = progress.get_mut(step) {
                *slot = now;
            }
        }
        progress
    }

    /// Whether step `index` has been done, even if it was undone again since.
    pub fn was_done(&self, index: usize) -> bool {
        self.events.iter().any(|event| {
            matches!(event.kind, EventKind::Outcome { step, direction: Direction::Forward, result: Ok(_) }
                if step == index)
        })
    }

    /// Whether step `index` was tried, and the last answer is that it failed.
    pub fn has_failed(&self, index: usize) -> bool {
        let answers = self.tried().filter_map(|kind| match kind {
            EventKind::Outcome {
                step,
                direction: Direction::Forward,
                result,
            } if *step == index => Some(result.is_err()),
            EventKind::Intent {
                step,
                direction: Direction::Forward,
            } if *step == index => Some(false),
            _ => None,
        });
        answers.last().unwrap_or(false)
    }

    /// Whether step `index` found its effect there when it was first run, so that somebody else has
    /// done it: an earlier run of ours had not so much as intended it.
    pub fn was_found_done(&self, index: usize) -> bool {
        let mut intents = 0;
        for kind in self.tried() {
            match kind {
                EventKind::Intent {
                    step,
                    direction: Direction::Forward,
                } if *step == index => intents += 1,
                EventKind::Outcome {
                    step,
                    direction: Direction::Forward,
                    result: Ok(already),
                } if *step == index => return *already && intents == 1,
                _ => {}
            }
        }
        false
    }

    /// Whether the domain was undefined by somebody else before this transaction came to it. A
    /// transient one that has ended by itself had no definition to begin with.
    pub fn was_undefined_by_others(&self) -> bool {
        let is_undefine = |step: &Step| matches!(step, Step::Undefine(_));
        let undefine = self.plan.steps.iter().position(is_undefine);
        self.plan.persistent && undefine.is_some_and(|index| self.was_found_done(index))
    }

    /// Where what step `index` takes waits while it is in quarantine.
    pub fn stored(&self, index: usize) -> Option<PathBuf> {
        let taken = self.plan.steps.get(index)?.taken()?;
        taken.waits_at(index, &self.places)
    }

    /// Where the copy that step `index` makes waits. By its name it is no quarantined file: it has
    /// no place it must go back to.
    pub fn copy(&self, index: usize) -> Option<PathBuf> {
        match self.plan.steps.get(index)? {
            Step::CopyState(_) => Some(self.home.join(format!("copy-{index:03}"))),
            _ => None,
        }
    }

    /// Every copy that the plan makes, with its step and its place: what is there of a guest's
    /// NVRAM and TPM state once libvirt has taken the originals away.
    pub fn copies(&self) -> impl Iterator<Item = (usize, &FileMove, PathBuf)> {
        let steps = self.plan.steps.iter().enumerate();
        steps.filter_map(|(index, step)| match step {
            Step::CopyState(copied) => Some((index, copied, self.copy(index)?)),
            _ => None,
        })
    }

    /// Takes note of what happened. The plan then tells of files as they are since their guest was
    /// stopped.
    pub fn extend(&mut self, events: Vec<Event>) {
        for event in &events {
            if let EventKind::Settled { files, .. } = &event.kind {
                self.plan.settle(files);
            }
        }
        self.events.extend(events);
    }

    /// Whether `rebuild` took it in on the operator's word alone: nothing proves that this program
    /// wrote its record.
    pub fn is_imported(&self) -> bool {
        let mut kinds = self.events.iter().map(|event| &event.kind);
        kinds.any(|kind| matches!(kind, EventKind::Imported { .. }))
    }

    /// Whether an operator's `rollback` wanted it back, as a failed step or `recover` does not.
    pub fn was_asked_back(&self) -> bool {
        self.events.iter().any(|event| {
            matches!(
                event.kind,
                EventKind::Decided {
                    verb: Verb::Rollback,
                    ..
                }
            )
        })
    }

    /// See [`Summary::taken_back_by`].
    fn taken_back_by(&self) -> Option<Verb> {
        let decided = self
            .events
            .iter()
            .rev()
            .find_map(|event| match &event.kind {
                EventKind::Decided { verb, .. } if verb.takes_back() => Some(verb),
                _ => None,
            });
        decided.cloned()
    }

    /// Whether a running guest ended on this transaction's account: it stopped it, or retired what
    /// a transient guest left behind.
    pub fn stopped_guest(&self) -> bool {
        self.stops() || !self.plan.persistent
    }

    /// Whether the plan ends a running guest.
    pub fn stops(&self) -> bool {
        self.plan
            .steps
            .iter()
            .any(|step| matches!(step, Step::Stop { .. }))
    }

    /// Everything that the plan takes, with its step and its place in quarantine.
    pub fn taken(&self) -> impl Iterator<Item = (usize, Taken<'_>, PathBuf)> {
        let steps = self.plan.steps.iter().enumerate();
        steps.filter_map(|(index, step)| Some((index, step.taken()?, self.stored(index)?)))
    }

    /// The files among it: of use where something is asked that only files have, such as hard
    /// links.
    pub fn files(&self) -> impl Iterator<Item = (usize, &FileMove, PathBuf)> {
        self.taken()
            .filter_map(|(index, taken, stored)| Some((index, taken.as_file()?, stored)))
    }

    /// All that waits in quarantine when every step has been done: what is taken, and the copies.
    pub fn quarantined(&self) -> impl Iterator<Item = (usize, Taken<'_>, PathBuf)> {
        let copies = self.copies();
        self.taken()
            .chain(copies.map(|(index, copied, stored)| (index, Taken::File(copied), stored)))
    }

    /// Every quarantine folder of this transaction, the one with the manifest first.
    pub fn folders(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.home.clone()];
        for place in &self.places {
            if !folders.contains(&place.folder) {
                folders.push(place.folder.clone());
            }
        }
        folders
    }

    pub fn summary(&self) -> Summary {
        Summary {
            id: self.id,
            uuid: self.uuid,
            domain: self.plan.domain.clone(),
            state: self.state(),
            started_at: self.started_at,
            finished_at: self.finished_at(),
            user: self.evidence.name().to_owned(),
            acted_as: self.evidence.acted_as().map(str::to_owned),
            taken_back_by: self.taken_back_by(),
            reason: self.evidence.reason.clone(),
            bytes: self.plan.allocated(),
            size: self.plan.bytes(),
            holds: self.holds(),
            expires_at: self.expires_at,
            freed: self.freed(),
            notes: self.notes(),
            restored_as: self.renamed().map(|rename| rename.domain.clone()),
            files_only: self.amendment().is_some_and(|it| it.files_only),
            overrides: self.overrides(),
        }
    }

    /// Every rule that was set aside about it, the oldest first.
    pub fn overrides(&self) -> Vec<Overridden> {
        let mut all = overridden(&self.evidence, self.started_at);
        for event in &self.events {
            if let EventKind::Decided { by, .. } = &event.kind {
                all.extend(overridden(by, event.at));
            }
        }
        all
    }

    /// What the file of step `index` was read to be when it was put into quarantine.
    pub fn digest(&self, index: usize) -> Option<&Digest> {
        let digests = self
            .events
            .iter()
            .rev()
            .filter_map(|event| match &event.kind {
                EventKind::Digested {
                    step,
                    result: Ok(digest),
                } if *step == index => Some(digest),
                _ => None,
            });
        digests.into_iter().next()
    }

    /// Bytes that purging it has given back so far.
    pub fn freed(&self) -> u64 {
        let freed = self.events.iter().map(|event| match event.kind {
            EventKind::Destroyed {
                result: Ok(bytes), ..
            } => bytes,
            _ => 0,
        });
        freed.fold(0, u64::saturating_add)
    }

    /// Whether the plan's steps took the domain's definition away.
    pub fn undefines(&self) -> bool {
        self.plan
            .steps
            .iter()
            .any(|step| matches!(step, Step::Undefine(_)))
    }
}

fn tried<'k>(kinds: &[&'k EventKind]) -> Vec<&'k EventKind> {
    let mut left: Vec<Option<&EventKind>> = Vec::with_capacity(kinds.len());
    for &kind in kinds {
        match kind {
            EventKind::Withdrawn { step, direction } => {
                let intent = EventKind::Intent {
                    step: *step,
                    direction: *direction,
                };
                let last = left.iter_mut().rev().find(|it| **it == Some(&intent));
                if let Some(slot) = last {
                    *slot = None;
                }
            }
            other => left.push(Some(other)),
        }
    }
    left.into_iter().flatten().collect()
}

/// One line of `list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub id: TransactionId,
    pub uuid: uuid::Uuid,
    pub domain: DomainRef,
    pub state: State,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// See [`Evidence::name`].
    pub user: String,
    /// As whom that user ran the program, where it was another one: `sudo`, `su`.
    pub acted_as: Option<String>,
    /// The latest of `rollback` and `recover` that somebody has run on it; none of a retirement
    /// that failed and was put back by itself.
    pub taken_back_by: Option<Verb>,
    pub reason: Option<String>,
    /// Allocated, each inode once.
    pub bytes: u64,
    /// Apparent.
    pub size: u64,
    /// See [`Transaction::holds`].
    pub holds: Vec<Hold>,
    pub expires_at: Option<Timestamp>,
    /// See [`Transaction::freed`].
    pub freed: u64,
    /// See [`Transaction::notes`].
    pub notes: Vec<String>,
    /// See [`Transaction::renamed`].
    pub restored_as: Option<DomainRef>,
    /// See [`super::Amendment::files_only`].
    pub files_only: bool,
    /// See [`Transaction::overrides`].
    pub overrides: Vec<Overridden>,
}

fn overridden(by: &Evidence, at: Timestamp) -> Vec<Overridden> {
    let each = by.overrides.iter().map(|it| Overridden {
        by: it.clone(),
        user: by.name().to_owned(),
        at,
    });
    each.collect()
}

fn follow_holds(holds: &mut Vec<Hold>, event: &Event) {
    match &event.kind {
        EventKind::Held { name, reason, user } => holds.push(Hold {
            name: name.clone(),
            reason: reason.clone(),
            user: user.clone(),
            at: event.at,
        }),
        EventKind::Released { name, .. } => holds.retain(|hold| hold.name != *name),
        _ => {}
    }
}

impl Summary {
    pub fn is_held(&self) -> bool {
        !self.holds.is_empty()
    }

    /// What one more event makes of it, so that an append need not read all events before. The
    /// check of the whole journal holds this against [`Transaction::summary`].
    pub fn follow(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Entered { state, .. } => {
                self.state = *state;
                self.finished_at = state.is_finished().then_some(event.at);
                if state.begins_a_run() {
                    self.notes.clear();
                }
                if state.ends_a_rollback_in_vain() {
                    self.restored_as = None;
                    self.files_only = false;
                }
            }
            EventKind::Held { .. } | EventKind::Released { .. } => {
                follow_holds(&mut self.holds, event);
            }
            EventKind::Destroyed {
                result: Ok(bytes), ..
            } => self.freed = self.freed.saturating_add(*bytes),
            EventKind::Noted { .. } | EventKind::SetAside { .. } | EventKind::Imported { .. } => {
                self.notes.extend(event.kind.note());
            }
            EventKind::Decided { verb, by } => {
                if verb.takes_back() {
                    self.taken_back_by = Some(verb.clone());
                }
                self.overrides.extend(overridden(by, event.at));
            }
            EventKind::Renamed(rename) => self.restored_as = Some(rename.domain.clone()),
            EventKind::Amended(amendment) => self.files_only = amendment.files_only,
            EventKind::Settled { bytes, size, .. } => {
                (self.bytes, self.size) = (*bytes, *size);
            }
            EventKind::Intent { .. }
            | EventKind::Withdrawn { .. }
            | EventKind::Outcome { .. }
            | EventKind::Wiping { .. }
            | EventKind::Destroying { .. }
            | EventKind::Wiped { .. }
            | EventKind::Destroyed { .. }
            | EventKind::Digested { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_that_was_withdrawn_leaves_no_trace_of_a_run() {
        let intent = |direction| EventKind::Intent { step: 1, direction };
        let withdrawn = |direction| EventKind::Withdrawn { step: 1, direction };
        let done = EventKind::Outcome {
            step: 1,
            direction: Direction::Forward,
            result: Ok(false),
        };
        let kinds = [
            intent(Direction::Forward),
            done.clone(),
            intent(Direction::Back),
            intent(Direction::Forward),
            withdrawn(Direction::Forward),
            withdrawn(Direction::Back),
        ];
        let kinds: Vec<&EventKind> = kinds.iter().collect();
        assert_eq!(tried(&kinds), [&intent(Direction::Forward), &done]);
    }
}
