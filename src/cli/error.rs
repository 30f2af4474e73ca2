//! The one file that maps errors to exit codes, words and hints.

use std::io::Write;

use serde::Serialize;

use crate::engine::{EngineError, Finding, Recovered, Recovery};
use crate::model::{Direction, EventKind, Refusal, Step, Transaction, quoted};
use crate::ports::{HypervisorError, JournalError, LockError, StorageError};
use crate::retire::{self, Changed};
use crate::survey::SurveyError;

use super::args::Output;
use super::safe::{safe, visible, visible_json};

/// The contract's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// Nothing was changed.
    Error = 1,
    Usage = 2,
    /// Refused by a law or a rule; nothing was changed.
    Refused = 3,
    /// A step failed and everything was rolled back.
    PutBack = 4,
    /// Stuck, or work left for `recover`.
    Unfinished = 5,
    /// Another process holds the journal or the domain.
    Held = 6,
}

/// What a person or a program is told when a command does not end well.
#[derive(Debug)]
pub struct CliError {
    pub exit: Exit,
    pub code: &'static str,
    pub message: String,
    pub hint: String,
    /// `None` where the message says it, or where it goes without saying.
    pub changed: Option<Box<Changed>>,
    more: Box<More>,
}

/// What an error has besides, or not.
#[derive(Debug, Default)]
struct More {
    /// Several refusals, each with its hint, for a person who reads them one by one.
    apart: Vec<(String, String)>,
    /// The name of which there is no domain, if that is the error.
    no_such_domain: Option<String>,
    /// The kernel or libvirt denies it to whoever runs the program.
    is_denied: bool,
    /// The whole of it as a person reads it, where that is more than a message and a hint.
    screen: Option<String>,
}

impl CliError {
    pub fn new(
        exit: Exit,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            exit,
            code,
            message: message.into(),
            hint: hint.into(),
            changed: None,
            more: Box::default(),
        }
    }

    /// The same, and nothing was changed.
    pub fn unchanged(
        exit: Exit,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            changed: Some(Box::new(Changed::Nothing)),
            ..Self::new(exit, code, message, hint)
        }
    }

    /// The error of one transaction or domain, of a command that had several.
    #[must_use]
    pub fn having(mut self, changed: Changed) -> Self {
        match &changed {
            Changed::Nothing | Changed::PutBack | Changed::Unfinished => return self,
            // Neither "nothing changed" (1, 3) nor "another holds it" (6) is the whole truth now.
            Changed::PutBackToo(_) | Changed::Before { .. } => {
                if self.exit != Exit::Unfinished {
                    self.exit = Exit::PutBack;
                }
            }
            Changed::Half { .. } => {
                self.exit = Exit::Unfinished;
                self.hint = "fix the cause, then: virt-retire recover".into();
                self.more = Box::default();
            }
        }
        self.changed = Some(Box::new(changed));
        self
    }

    /// The same of another transaction of the command, too.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        if other.exit == Exit::Unfinished {
            self.exit = Exit::Unfinished;
        }
        let message = self.message.trim_end_matches('.');
        self.message = format!("{message}; {}", other.message);
        if !self.hint.contains(&other.hint) {
            self.hint = format!("{}; {}", self.hint, other.hint);
        }
        self
    }

    /// The name of which there is no domain, if that is the error.
    pub fn no_such_domain(&self) -> Option<&str> {
        self.more.no_such_domain.as_deref()
    }

    /// Whether it comes of rights that whoever runs the program does not have.
    pub fn is_denied(&self) -> bool {
        self.more.is_denied
    }

    #[must_use]
    pub fn denied(mut self, is_denied: bool) -> Self {
        self.more.is_denied |= is_denied;
        self
    }

    /// For a person, in these words.
    #[must_use]
    pub fn shown_as(mut self, screen: String) -> Self {
        self.more.screen = Some(screen);
        self
    }

    fn sentence(&self) -> Option<String> {
        self.changed.as_deref().and_then(Changed::sentence)
    }

    /// The message with what was changed.
    pub fn told(&self) -> String {
        match self.sentence() {
            None => self.message.clone(),
            Some(changed) => format!("{}. {changed}", self.message),
        }
    }

    /// A signal came before anything was begun.
    pub fn interrupted() -> Self {
        Self::unchanged(
            Exit::Error,
            "interrupted",
            "interrupted by a signal",
            "run the command again when it suits",
        )
    }

    /// Several refusals in one error: the first one's code, everyone's message and hint.
    pub fn refused(refusals: &[Refusal]) -> Self {
        let lines = |part: fn(&Refusal) -> &String| {
            let mut lines: Vec<&str> = Vec::new();
            for refusal in refusals {
                if !lines.contains(&part(refusal).as_str()) {
                    lines.push(part(refusal));
                }
            }
            lines.join("; ")
        };
        let mut error = Self::unchanged(
            Exit::Refused,
            refusals
                .first()
                .map_or("refused", |first| first.code.word()),
            lines(|refusal| &refusal.message),
            lines(|refusal| &refusal.hint),
        );
        if refusals.len() > 1 {
            error.more.apart = refusals
                .iter()
                .map(|refusal| (refusal.message.clone(), refusal.hint.clone()))
                .collect();
        }
        error
    }
}

impl From<HypervisorError> for CliError {
    fn from(error: HypervisorError) -> Self {
        let (code, hint) = match &error {
            HypervisorError::Ambiguous {
                taken_as,
                taken,
                named,
                ..
            } => {
                let first = match *taken_as {
                    "UUID" => taken.typed(),
                    _ => taken.uuid.to_string(),
                };
                return Self::unchanged(
                    Exit::Refused,
                    "ambiguous-domain",
                    error.to_string(),
                    format!("type {first} for the one, or {} for the other", named.uuid),
                );
            }
            HypervisorError::Unreachable { .. } => (
                "libvirt-unreachable",
                "is libvirtd running, and is the URI right? To see: virsh -c URI version",
            ),
            HypervisorError::NoSuchDomain(_) => (
                "no-such-domain",
                "to see the domains there are: virsh list --all; those retired: virt-retire list",
            ),
            HypervisorError::NoSuchVolume { .. } => (
                "no-such-volume",
                "to see a pool's volumes: virsh vol-list POOL",
            ),
            HypervisorError::Lost { .. } => (
                "libvirt-lost",
                "when libvirtd is back, type: virt-retire recover",
            ),
            HypervisorError::Refused { .. } => ("libvirt-refused", "libvirt's log says more"),
            HypervisorError::TooOld { .. } => {
                ("libvirt-too-old", "upgrade libvirt, or leave that flag out")
            }
            HypervisorError::Xml { .. } => {
                ("libvirt-xml", "please report this XML; nothing was changed")
            }
        };
        let mut told = Self::new(Exit::Error, code, error.to_string(), hint);
        match error {
            HypervisorError::NoSuchDomain(name) => told.more.no_such_domain = Some(name),
            // libvirt says so in words alone.
            HypervisorError::Unreachable { cause, .. } => {
                let denies = ["Permission denied", "authentication", "access denied"];
                told.more.is_denied = denies.iter().any(|word| cause.contains(word));
            }
            _ => {}
        }
        told
    }
}

impl From<StorageError> for CliError {
    fn from(error: StorageError) -> Self {
        let is_denied = matches!(
            &error,
            StorageError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied
        );
        Self::new(
            Exit::Error,
            "storage",
            error.to_string(),
            "nothing was changed; fix the cause and try again",
        )
        .denied(is_denied)
    }
}

impl From<JournalError> for CliError {
    fn from(error: JournalError) -> Self {
        let (exit, code, hint) = match &error {
            JournalError::Held { .. } => (
                Exit::Held,
                "journal-held",
                "try again later, or wait longer with --wait SECONDS".to_owned(),
            ),
            // What is wrong says what to type; this is the other way out.
            JournalError::Folder { .. } => (
                Exit::Error,
                "state-folder",
                "fix that, or name another folder with --state-dir".to_owned(),
            ),
            JournalError::Io { .. } => (
                Exit::Error,
                "journal-io",
                "is the disk full or read-only? To see: df -h".to_owned(),
            ),
            JournalError::Newer { .. } => (
                Exit::Error,
                "journal-newer",
                "use the version of virt-retire that wrote it, or a newer one".to_owned(),
            ),
            JournalError::Damaged { path, .. } => (
                Exit::Error,
                "journal-damaged",
                format!(
                    "nothing in quarantine is touched. Restore '{}' from a backup, or make a new \
                     journal from the manifests in quarantine: virt-retire rebuild",
                    path.display()
                ),
            ),
            JournalError::Clock { .. } => (
                Exit::Error,
                "clock",
                "nothing was changed. Set the clock: timedatectl set-time, or date --set"
                    .to_owned(),
            ),
            JournalError::NoSuchTransaction(_) => (
                Exit::Error,
                "no-such-transaction",
                "to see them all: virt-retire list".to_owned(),
            ),
        };
        Self::new(exit, code, error.to_string(), hint)
    }
}

impl From<LockError> for CliError {
    fn from(error: LockError) -> Self {
        let message = error.to_string();
        match error {
            LockError::Held { .. } => Self::unchanged(
                Exit::Held,
                "domain-held",
                message,
                "try again later, or wait longer with --wait SECONDS",
            ),
            LockError::Unusable { path, .. } => Self::unchanged(
                Exit::Error,
                "domain-lock",
                message,
                format!("to see it: ls -ld {}", quoted(&path.to_string_lossy())),
            ),
            LockError::Hypervisor(error) => error.into(),
        }
    }
}

impl From<SurveyError> for CliError {
    fn from(error: SurveyError) -> Self {
        match error {
            SurveyError::Hypervisor(error) => error.into(),
            SurveyError::Storage(error) => error.into(),
            SurveyError::Refused(refusal) => Self::refused(&[*refusal]),
        }
    }
}

impl From<retire::Error> for CliError {
    fn from(error: retire::Error) -> Self {
        use retire::Error;
        let message = error.to_string();
        let changed = error.changed();
        let unchanged = |exit, code, hint: &str| Self::unchanged(exit, code, message.clone(), hint);
        match error {
            Error::Engine(error) => error.into(),
            Error::Survey(error) => error.into(),
            Error::Lock(error) => error.into(),
            Error::Elsewhere { .. } => unchanged(
                Exit::Error,
                "other-connection",
                "leave --connect out: the connection is recorded",
            ),
            Error::ImportedElsewhere { .. } => unchanged(
                Exit::Error,
                "other-connection",
                "if you trust it, say so: virt-retire --connect URI rollback ID",
            ),
            Error::Scattered { .. } => unchanged(
                Exit::Error,
                "other-connection",
                "one command for each connection",
            ),
            Error::Rivals { .. } => unchanged(Exit::Error, "rivals", "roll back one of them"),
            Error::ImportedAmongOthers(id) => unchanged(
                Exit::Refused,
                "imported",
                &format!(
                    "look at it, and roll it back by itself: virt-retire show {id}; virt-retire \
                     rollback {id}"
                ),
            ),
            Error::Refused(refused) => {
                let refusals: Vec<Refusal> = refused.refusals().cloned().collect();
                Self::refused(&refusals)
            }
            Error::NotRetired(failed) => Self::from(failed.error).having(changed),
            Error::Open(recoveries) => Self::open(&recoveries, message),
            Error::Unrecorded(findings) => Self::new(
                Exit::Unfinished,
                findings.first().map_or("unfinished", Finding::code),
                message,
                findings.first().map_or_else(String::new, Finding::hint),
            ),
            Error::Short(shortfall) => {
                let hint = "what is left is held, used, too young or not in quarantine; each with \
                            its reason: virt-retire purge --until-free SIZE -n; all that is \
                            there: virt-retire list";
                match shortfall.has_purged {
                    true => Self::new(Exit::Unfinished, "still-short", message, hint),
                    false => unchanged(Exit::Error, "still-short", hint),
                }
            }
            Error::JournalHealthy(_) => unchanged(
                Exit::Error,
                "journal-healthy",
                "to see them: virt-retire list; to take in what it lacks: virt-retire rebuild \
                 --add",
            ),
            Error::Unusable(_) => Self::new(
                Exit::Unfinished,
                "records-unusable",
                message,
                "the manifest.json beside each says how to restore by hand",
            ),
            Error::ReasonRequired => {
                unchanged(Exit::Refused, "reason-required", "add --reason TEXT")
            }
            Error::OverrideWithoutReason => unchanged(Exit::Usage, "usage", "add --reason TEXT"),
            Error::SavesOne => Self::new(
                Exit::Usage,
                "usage",
                message,
                "save each domain's plan in a file of its own",
            ),
            Error::NotSaved(_) => Self::new(
                Exit::Error,
                "saved-plan",
                message,
                "run `undefine` without a saved plan",
            ),
            Error::NoSavedPlan(_) => {
                unchanged(Exit::Error, "saved-plan", "name a file that does not exist")
            }
            Error::NoJournal(_) => Self::new(
                Exit::Error,
                "no-journal",
                message,
                "the first command that retires something makes it; another folder: --state-dir",
            ),
            Error::Export(_) => Self::new(
                Exit::Error,
                "output",
                message,
                "name a file that does not exist, on a disk with room",
            ),
            Error::PolicyNotKept(domain) => Self::new(
                Exit::Error,
                "policy-not-kept",
                message,
                format!(
                    "to see what it kept: virt-retire policy show {}",
                    domain.typed()
                ),
            ),
            Error::NoSuchFile(_) => Self::new(
                Exit::Error,
                "no-such-file",
                message,
                "give a path, or POOL/VOLUME; to see them: virsh pool-list, virsh vol-list POOL",
            ),
            Error::LogDamaged(_) => Self::new(
                Exit::Error,
                "log-damaged",
                message,
                "for all that is wrong with it: virt-retire verify",
            ),
            Error::Broken => {
                Self::new(Exit::Error, "libvirt-lost", message, "is libvirtd running?")
            }
            Error::Away => Self::new(
                Exit::Error,
                "libvirt-lost",
                message,
                "when libvirtd is back: virt-retire watch --once",
            ),
            Error::GuestsLeft => Self::new(
                Exit::Unfinished,
                "left-over",
                message,
                "fix what was said above, then: virt-retire watch --once",
            ),
        }
    }
}

impl CliError {
    fn open(recoveries: &[Recovery], message: String) -> Self {
        let is_stuck = |it: &Recovery| matches!(it.result, Recovered::Stuck { .. });
        Self::new(
            Exit::Unfinished,
            match recoveries.iter().any(is_stuck) {
                true => "stuck",
                false => "unfinished",
            },
            message,
            "fix the cause (one of the two, of what is stuck), then: virt-retire recover; what is \
             stuck because libvirt does not take its definition back comes back with virt-retire \
             rollback ID --xml FILE, or its files alone with virt-retire rollback ID --files",
        )
    }
}

/// What an unfinished transaction wants before anything else of it or its domain.
const FINISH_FIRST: &str = "finish it first: virt-retire recover";

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error {
            EngineError::Journal(error) => error.into(),
            EngineError::Hypervisor(error) => error.into(),
            EngineError::Storage(error) => error.into(),
            EngineError::Refused { refusals } => Self::refused(&refusals),
            EngineError::WrongState { id, state, .. } => Self::unchanged(
                Exit::Error,
                "wrong-state",
                message,
                match state.claim() {
                    crate::model::Claim::Unfinished => FINISH_FIRST.to_owned(),
                    _ => format!("to see what it is: virt-retire show {id}"),
                },
            ),
            EngineError::Gone { id, state, .. } => Self::unchanged(
                Exit::Error,
                "purged",
                message,
                match state {
                    crate::model::State::Purging => {
                        format!("its purge was begun, and goes on with: virt-retire purge {id}")
                    }
                    _ => format!("to see what it was: virt-retire show {id}"),
                },
            ),
            EngineError::Claimed { by, state, .. } => Self::unchanged(
                Exit::Refused,
                "claimed",
                message,
                match state.claim() {
                    crate::model::Claim::Undecided => format!(
                        "decide it first: virt-retire commit {by}, or virt-retire rollback {by}"
                    ),
                    _ => FINISH_FIRST.to_owned(),
                },
            ),
            EngineError::HoldTaken { .. } => Self::unchanged(
                Exit::Error,
                "hold-exists",
                message,
                "give this one another name: --name NAME",
            ),
            EngineError::NoSuchHold { id, names, .. } => Self::unchanged(
                Exit::Error,
                "no-such-hold",
                message,
                match names.is_empty() {
                    true => format!("to see it: virt-retire show {id}"),
                    false => format!("say which: --name {}", names.join(", or --name ")),
                },
            ),
            EngineError::Xml(_) => Self::unchanged(
                Exit::Error,
                "damaged",
                message,
                "restore by hand: the manifest beside the quarantined files says how",
            ),
            EngineError::Unlooked(_) => Self::unchanged(
                Exit::Error,
                "last-look",
                message,
                "fix the cause, then try again",
            ),
            EngineError::Interrupted => Self::interrupted(),
            EngineError::PutBack { transaction, .. } => Self::new(
                Exit::PutBack,
                "step-failed",
                message + &stopped(&transaction),
                format!(
                    "fix the cause and try again; for the whole story: virt-retire show {}",
                    transaction.id
                ),
            ),
            EngineError::Stuck { transaction, .. } => Self::new(
                Exit::Unfinished,
                "stuck",
                message,
                format!(
                    "fix one of the two causes, then: virt-retire recover; or say how to go on: \
                     virt-retire rollback {0} --xml FILE (a repaired definition), or --files (the \
                     files alone); for the whole story: virt-retire show {0}",
                    transaction.id
                ),
            ),
            EngineError::Unfinished { .. } => Self::new(
                Exit::Unfinished,
                "unfinished",
                message,
                "fix the cause, then: virt-retire recover",
            ),
        }
    }
}

/// What no rollback gives back.
fn stopped(transaction: &Transaction) -> String {
    // The rollback's own progress says nothing of whether the guest had ended before.
    let stopped = transaction.events.iter().any(|event| match &event.kind {
        EventKind::Outcome {
            step,
            direction: Direction::Forward,
            result: Ok(_),
        } => matches!(transaction.plan.steps.get(*step), Some(Step::Stop { .. })),
        _ => false,
    });
    if !stopped {
        return String::new();
    }
    let typed = transaction.domain().typed();
    let transient = if transaction.plan.persistent {
        ""
    } else {
        "; it was transient, and is defined now so that nothing of it is lost"
    };
    format!(
        ". The guest itself had been stopped and stays shut off{transient}: virsh start {typed}"
    )
}

#[derive(Serialize)]
struct Document<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: &'a str,
    message: &'a str,
    hint: &'a str,
}

/// Prints to stderr. A closed stderr is no reason to fail differently.
pub fn print(error: &CliError, output: Output) {
    let mut stderr = std::io::stderr().lock();
    let _ = match output {
        Output::Text if error.more.screen.is_some() => {
            let screen = error.more.screen.as_deref().unwrap_or_default();
            writeln!(stderr, "{}", visible(screen))
        }
        Output::Text if error.more.apart.is_empty() => writeln!(
            stderr,
            "error: {}\n hint: {}",
            safe(&error.told()),
            safe(&error.hint)
        ),
        Output::Text => error
            .more
            .apart
            .iter()
            .try_for_each(|(message, hint)| {
                writeln!(stderr, "error: {}\n hint: {}", safe(message), safe(hint))
            })
            .and_then(|()| match error.sentence() {
                Some(changed) => writeln!(stderr, "{}", safe(&changed)),
                None => Ok(()),
            }),
        Output::Json => {
            let document = Document {
                error: Body {
                    code: error.code,
                    message: &error.told(),
                    hint: &error.hint,
                },
            };
            match serde_json::to_string(&document) {
                Ok(text) => writeln!(stderr, "{}", visible_json(&text)),
                Err(error) => writeln!(stderr, "{error}"),
            }
        }
    };
}
