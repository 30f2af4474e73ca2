//! What would stop a retirement on this host, and what other tools left behind. Changes nothing.
//!
//! Each thing is looked at by itself: where libvirt is down or the journal cannot be read, that is
//! one finding, and the rest is told all the same.

mod file_systems;
mod hints;
mod journal;
mod leftovers;
mod libvirt;
mod quarantine;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ports::{Clock, JournalReader, Quarantine, StorageView};
use crate::retire::Connected;

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Ok,
    /// A retirement works, and there is something to know or to do.
    Warning,
    /// A retirement or its undo would not work, or something is left half done.
    Error,
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Error => "error",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Of the kind; several may have it.
    pub name: &'static str,
    pub status: Status,
    pub message: String,
    /// What to type next; `None` where there is nothing to do.
    pub hint: Option<String>,
}

/// One thing that somebody left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// A word for programs: `orphaned-volume` …
    pub kind: &'static str,
    pub path: PathBuf,
    /// As it is known, or as the file's name tells; a UUID where that is all there is.
    pub domain: Option<String>,
    /// Allocated; 0 where nothing is there.
    pub bytes: u64,
    pub message: String,
    /// The command that fixes it.
    pub hint: String,
}

#[derive(Debug, Default)]
pub struct Report {
    pub checks: Vec<Check>,
    pub leftovers: Vec<Leftover>,
}

impl Report {
    /// How many checks are so.
    pub fn count(&self, status: Status) -> usize {
        let so = self.checks.iter().filter(|check| check.status == status);
        so.count()
    }

    fn ok(&mut self, name: &'static str, message: impl Into<String>) {
        self.add(name, Status::Ok, message, None);
    }

    fn warn(&mut self, name: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        self.add(name, Status::Warning, message, Some(hint.into()));
    }

    fn fail(&mut self, name: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        self.add(name, Status::Error, message, Some(hint.into()));
    }

    fn trouble(&mut self, name: &'static str, trouble: Trouble) {
        self.fail(name, trouble.message, trouble.hint);
    }

    fn add(
        &mut self,
        name: &'static str,
        status: Status,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.checks.push(Check {
            name,
            status,
            message: message.into(),
            hint,
        });
    }
}

/// Why something cannot be opened, in the words of whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub message: String,
    pub hint: String,
}

/// The journal, as far as it may be looked at without changing it.
pub enum JournalFound {
    None,
    /// To open it would upgrade it.
    Older {
        from: u16,
        to: u16,
    },
    Here {
        reader: Box<dyn JournalReader>,
        /// What is wrong with its records; `None` where another command holds it, so that nobody
        /// else can say.
        faults: Option<Vec<String>>,
    },
}

/// What is examined.
pub trait Patient {
    /// # Errors
    /// libvirt does not answer, or its domains' files are not here.
    fn connect(&self) -> Result<Box<dyn Connected>, Trouble>;
    /// # Errors
    /// It cannot be read.
    fn journal(&self) -> Result<JournalFound, Trouble>;
    fn storage(&self) -> &dyn StorageView;
    fn quarantine(&self) -> &dyn Quarantine;
    fn clock(&self) -> &dyn Clock;
    fn state_dir(&self) -> &Path;
    /// As the configuration has it: younger transactions are purged by their number alone.
    fn minimum_age(&self) -> Duration;
    fn is_root(&self) -> bool;
    /// Whether a program of that name is found.
    fn has_program(&self, name: &str) -> bool;
}

pub fn examine(patient: &dyn Patient) -> Report {
    let mut report = Report::default();
    // First, and let go of before the rest: another command may wait for it.
    let known = journal::look(patient, &mut report);
    journal::durability(patient, &mut report);
    let pools = libvirt::look(patient, &known, &mut report);
    file_systems::look(patient, &known, &pools, &mut report);
    quarantine::look(patient, &known, &pools, &mut report);
    report
}
