//! The journal and what it has: its health, what is interrupted, expired, held, and whether what
//! waits in quarantine is still there.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::engine::{self, EngineError, Selection};
use crate::model::{
    Claim, DomainRef, Fate, FileFacts, FileSystem, State, Summary, Taken, Transaction,
    TransactionId,
};
use crate::ports::{JournalReader, Medium};

use super::hints::{counted, listed, path};
use super::{JournalFound, Patient, Report, Status};

/// What the journal knows, for whoever finds something without an owner.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Whether that is all of it.
    pub is_read: bool,
    /// Every transaction, whatever became of it.
    pub transactions: HashSet<Uuid>,
    /// By its UUID, the newest transaction of a domain.
    pub domains: HashMap<Uuid, Retired>,
    /// Files that stayed where they were, and without which its domain would not come back whole.
    pub kept: HashMap<PathBuf, TransactionId>,
    /// Where files were that wait in quarantine.
    pub moved: HashMap<PathBuf, (TransactionId, State)>,
    /// Of transactions that are not at their end, and may be under way.
    pub unfinished: Vec<DomainRef>,
    /// Those files, each with its place in quarantine.
    pub taken: Vec<(FileFacts, TransactionId, PathBuf)>,
    /// What is held, by file system.
    pub space: Vec<FileSystem>,
}

#[derive(Debug, Clone)]
pub(super) struct Retired {
    pub id: TransactionId,
    /// The domain's, then.
    pub name: String,
    /// An undo would bring it back, and with it what lies under its UUID.
    pub is_restorable: bool,
}

pub(super) fn look(patient: &dyn Patient, report: &mut Report) -> Known {
    let state = patient.state_dir().display();
    let (reader, faults) = match patient.journal() {
        Err(trouble) => {
            report.trouble("journal", trouble);
            return Known::default();
        }
        Ok(JournalFound::None) => {
            report.ok(
                "journal",
                format!("there is none in {state}: nothing was retired from here yet"),
            );
            return Known {
                is_read: true,
                ..Known::default()
            };
        }
        Ok(JournalFound::Older { from, to }) => {
            report.warn(
                "journal",
                format!(
                    "the journal in {state} has format {from}, and the next command that opens it \
                     makes one of format {to} of it; until then nothing more is told of it"
                ),
                "to see what that does: virt-retire journal upgrade --dry-run",
            );
            return Known::default();
        }
        Ok(JournalFound::Here { reader, faults }) => (reader, faults),
    };
    match faults.as_deref() {
        None => report.ok(
            "journal",
            format!("the journal in {state} is held by another command, and read beside it"),
        ),
        Some([]) => report.ok("journal", format!("every record in {state} is whole")),
        Some([first, rest @ ..]) => report.fail(
            "journal",
            format!(
                "{first}{}",
                match rest.len() {
                    0 => String::new(),
                    more => format!(", and {more} more"),
                }
            ),
            "all of it: virt-retire verify. Restore the state folder from a backup, or make a new \
             journal from the manifests: virt-retire rebuild",
        ),
    }
    let transactions = Transactions {
        patient,
        reader: reader.as_ref(),
        is_held: faults.is_none(),
    };
    transactions.look(report).unwrap_or_else(|error| {
        report.fail(
            "transactions",
            error.to_string(),
            "to see what can be read: virt-retire verify",
        );
        Known::default()
    })
}

struct Transactions<'a> {
    patient: &'a dyn Patient,
    reader: &'a dyn JournalReader,
    /// Another command may be at work.
    is_held: bool,
}

impl Transactions<'_> {
    fn look(&self, report: &mut Report) -> Result<Known, EngineError> {
        let summaries = self.reader.summaries()?;
        let mut known = Known {
            is_read: true,
            space: engine::space(self.reader, self.patient.storage(), &summaries)?.file_systems,
            ..Known::default()
        };
        let mut open = Vec::new();
        let mut undecided = Vec::new();
        let mut waiting = 0;
        let mut differences = Vec::new();
        for summary in &summaries {
            known.transactions.insert(summary.uuid);
            known.domains.insert(
                summary.domain.uuid,
                Retired {
                    id: summary.id,
                    name: summary.domain.name.clone(),
                    is_restorable: summary.state.is_restorable(),
                },
            );
            if matches!(summary.state, State::RolledBack | State::Purged) {
                continue;
            }
            let transaction = self.reader.read(summary.id)?;
            known.remember(&transaction);
            match summary.state.claim() {
                Claim::Undecided if !transaction.commit_at_once => undecided.push(summary),
                Claim::Undecided | Claim::Unfinished => open.push(summary),
                Claim::Nothing => {}
            }
            let (storage, quarantine) = (self.patient.storage(), self.patient.quarantine());
            let looked = engine::verify(storage, quarantine, &transaction, None);
            waiting += looked.files;
            differences.extend(looked.differences);
        }
        self.interrupted(&open, report);
        if !undecided.is_empty() {
            let ids: Vec<String> = undecided.iter().map(|it| it.id.to_string()).collect();
            let ids = ids.join(" ");
            report.warn(
                "prepared",
                format!("{} for a decision: {}", wait(&undecided), named(&undecided)),
                format!("virt-retire commit {ids}, or: virt-retire rollback {ids}"),
            );
        }
        for one in &differences {
            report.fail(
                "quarantine",
                one.message.clone(),
                format!("{}; all of it: virt-retire verify", one.hint),
            );
        }
        if differences.is_empty() {
            report.ok(
                "quarantine",
                format!(
                    "{} in quarantine, as they were left",
                    counted(usize::try_from(waiting).unwrap_or(usize::MAX), "file")
                ),
            );
        }
        self.expired(report)?;
        held(&summaries, report);
        Ok(known)
    }

    fn interrupted(&self, open: &[&Summary], report: &mut Report) {
        if open.is_empty() {
            report.ok("interrupted", "nothing is left half done");
        } else if self.is_held {
            report.warn(
                "interrupted",
                format!("under way in another command: {}", named(open)),
                "once that has ended: virt-retire doctor",
            );
        } else {
            report.fail(
                "interrupted",
                format!("left half done: {}", named(open)),
                "virt-retire recover",
            );
        }
    }

    fn expired(&self, report: &mut Report) -> Result<(), EngineError> {
        let (storage, clock) = (self.patient.storage(), self.patient.clock());
        let age = self.patient.minimum_age();
        let (waiting, rules) = engine::waiting(self.reader, storage, clock, age, &[])?;
        let selection = Selection {
            expired: true,
            ..Selection::default()
        };
        let rows = engine::select(&waiting, &selection, &rules);
        let gone: Vec<&Summary> = rows
            .iter()
            .filter(|row| row.goes())
            .map(|row| &row.summary)
            .collect();
        match gone.is_empty() {
            true => report.ok("expired", "nothing that waits in quarantine has expired"),
            false => report.warn(
                "expired",
                format!("past their time: {}", named(&gone)),
                "to free their space: virt-retire purge --expired",
            ),
        }
        Ok(())
    }
}

fn held(summaries: &[Summary], report: &mut Report) {
    let held: Vec<&Summary> = summaries.iter().filter(|it| it.is_held()).collect();
    match held.is_empty() {
        true => report.ok("held", "nothing is held against a purge"),
        false => report.ok("held", format!("held: {}", named(&held))),
    }
}

impl Known {
    fn remember(&mut self, transaction: &Transaction) {
        let (id, state) = (transaction.id, transaction.state());
        if state.claim() == Claim::Unfinished {
            self.unfinished.push(transaction.domain().clone());
        }
        for (_, taken, stored) in transaction.taken() {
            self.moved.insert(taken.path().to_owned(), (id, state));
            match taken {
                Taken::File(moved) => self.taken.push((moved.facts.clone(), id, stored)),
            }
        }
        let disks = transaction.plan.disks.iter();
        let disks = disks.flat_map(|disk| {
            let chain = disk.chain.iter().filter(|link| link.fate == Fate::Keep);
            let own = disk.path.as_ref().filter(|_| disk.fate == Fate::Keep);
            own.into_iter().chain(chain.map(|link| &link.path))
        });
        let nvram = transaction.plan.kept.iter().flatten();
        for path in disks.chain(nvram.map(|moved| &moved.path)) {
            self.kept.insert(path.clone(), id);
        }
    }
}

fn wait(summaries: &[&Summary]) -> &'static str {
    match summaries.len() {
        1 => "one waits",
        _ => "some wait",
    }
}

/// `21 of 'web1' (executing), …`
fn named(summaries: &[&Summary]) -> String {
    let one = |it: &&Summary| {
        let why = match it.holds.first() {
            Some(hold) => format!("'{}': {}", hold.name, hold.reason),
            None => it.state.word().to_owned(),
        };
        format!("{} of {} ({why})", it.id, it.domain.typed())
    };
    listed(&summaries.iter().map(one).collect::<Vec<_>>())
}

/// What the journal lies on: what is acknowledged there must survive a power cut.
pub(super) fn durability(patient: &dyn Patient, report: &mut Report) {
    let state = patient.state_dir();
    let found = state
        .ancestors()
        .find_map(|folder| real_room(patient, folder));
    let shown = state.display();
    match found {
        Some(Medium::Disk) => report.add(
            "durability",
            Status::Ok,
            format!("{shown} is on a disk, and every record is synced before its effect"),
            None,
        ),
        Some(Medium::Memory) => report.warn(
            "durability",
            format!("{shown} is in memory: with the next boot every undo is lost"),
            "name a folder on a disk: --state-dir, or state-dir in the configuration",
        ),
        Some(Medium::Network) => report.warn(
            "durability",
            format!(
                "{shown} is on another host's disk: what is synced there is as safe as that host, \
                 and two hosts must not share it"
            ),
            "name a folder on a disk of this host: --state-dir, or state-dir in the configuration",
        ),
        None => report.warn(
            "durability",
            format!("it cannot be told what {shown} lies on"),
            format!(
                "look at it with: findmnt --target {}",
                path(there(patient, state))
            ),
        ),
    }
}

/// The folder, or the nearest one above that is there.
fn there<'a>(patient: &dyn Patient, folder: &'a Path) -> &'a Path {
    let is_there = |it: &&Path| matches!(patient.storage().glance(it), Ok(Some(_)));
    folder.ancestors().find(is_there).unwrap_or(folder)
}

fn real_room(patient: &dyn Patient, folder: &Path) -> Option<Medium> {
    let real = patient.storage().resolve(folder).ok()?.real;
    let room = patient.storage().room(&real).ok()??;
    Some(room.medium)
}
