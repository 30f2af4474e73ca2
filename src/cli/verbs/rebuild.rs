//! `rebuild`: a new journal from the manifests in quarantine, when the old one is lost; with
//! `--add`, what the journal lacks.

use std::path::PathBuf;

use crate::adapters::sled_journal::{Found as Journal, Rebuilding, SledJournal};
use crate::engine::{self, Candidate, Candidates, Inferred, Origin, Sources};
use crate::model::{EventKind, State, Topic, Transaction, TransactionId};
use crate::ports::{HypervisorView, JournalReader, Quarantine};

use super::super::args::{Confirmation, Output};
use super::super::confirm::{can_ask, confirm};
use super::super::context::{Context, note_done};
use super::super::error::{CliError, Exit};
use super::super::{evidence, json, text};

/// What is told at the end.
pub struct Rebuilt {
    pub transactions: Vec<One>,
    /// Into the journal that was there.
    pub added: bool,
    /// Where the old journal was put.
    pub aside: Option<PathBuf>,
    /// Why it was not good any more.
    pub damage: Option<String>,
    /// Records that cannot be used, each with its reason.
    pub unusable: Vec<String>,
    /// Records that nothing proves ours, each with the folder it names as its home.
    pub others: Vec<String>,
}

impl Rebuilt {
    /// In a sentence for the log.
    fn words(&self) -> String {
        let count = self.transactions.len();
        let mut words = match self.added {
            true => format!("{count} transactions taken in"),
            false => format!("made anew of {count} transactions"),
        };
        let imported = self.transactions.iter();
        let imported = imported.filter(|it| it.imported_from.is_some()).count();
        if imported > 0 {
            words.push_str(&format!(", {imported} of them imported"));
        }
        if let Some(aside) = &self.aside {
            words.push_str(&format!("; the old journal is in {}", aside.display()));
        }
        if let Some(damage) = &self.damage {
            words.push_str(&format!("; it was not good any more: {damage}"));
        }
        words
    }
}

pub struct One {
    pub transaction: Transaction,
    pub state: State,
    pub unknown: Vec<String>,
    pub number_before: Option<TransactionId>,
    pub imported_from: Option<PathBuf>,
}

/// The journal that takes transactions in.
enum Target {
    New(Box<Rebuilding>),
    There(Box<SledJournal>),
}

impl Target {
    fn import(
        &mut self,
        transaction: &Transaction,
        events: Vec<EventKind>,
    ) -> Result<(), CliError> {
        match self {
            Target::New(rebuilding) => rebuilding.import(transaction, events)?,
            Target::There(journal) => journal.import(transaction, &events)?,
        }
        Ok(())
    }

    /// Gives the folder with what was there before.
    fn finish(self) -> Result<Option<PathBuf>, CliError> {
        match self {
            Target::New(rebuilding) => Ok(rebuilding.finish()?),
            Target::There(_) => Ok(None),
        }
    }
}

pub fn run(
    context: &Context,
    from: &[PathBuf],
    add: bool,
    confirmation: Confirmation,
) -> Result<(), CliError> {
    if !confirmation.yes {
        can_ask()?;
    }
    let files = context.files();
    // Before the journal is opened, which makes a key.
    let is_keyless = !files.has_key()?;
    let (mut target, damage) = target(context, add)?;
    let known = match &target {
        Target::New(_) => Vec::new(),
        Target::There(journal) => (journal.summaries()?.into_iter())
            .map(|summary| (summary.id, summary.uuid))
            .collect(),
    };
    let mut own = files.own()?;
    let beside = files.beside(&pools(context));
    own.folders.extend(beside.folders);
    let sources = Sources {
        own,
        chosen: files.chosen(from),
        is_keyless,
    };
    let Candidates {
        transactions: found,
        unusable,
        others,
    } = engine::candidates(files, files, sources, &known)?;
    let changes_nothing = add && found.is_empty();
    if !(confirmation.yes || changes_nothing) {
        confirm(&question(add, &found))?;
    }
    context.begin()?;
    let mut transactions = Vec::new();
    for candidate in found {
        let Inferred {
            state,
            events,
            unknown,
        } = infer(context, &candidate)?;
        target.import(&candidate.transaction, events)?;
        transactions.push(One {
            transaction: candidate.transaction,
            state,
            unknown,
            number_before: candidate.number_before,
            imported_from: candidate.imported_from,
        });
    }
    let rebuilt = Rebuilt {
        transactions,
        added: add,
        aside: target.finish()?,
        damage,
        unusable,
        others,
    };
    // What an older version wrote gets its proof now that a journal speaks for it; where that does
    // not work, the next `recover` does it.
    if let Ok(mut journal) = context.journal("rebuild") {
        let _ = context.compare(&journal);
        if !changes_nothing {
            note_done(&mut journal, Topic::Rebuild, rebuilt.words());
        }
    }
    match context.output {
        Output::Json => json::print(&json::Rebuilt::new(&rebuilt))?,
        Output::Text => text::out(&text::rebuilt(&rebuilt))?,
    }
    if rebuilt.unusable.is_empty() {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Unfinished,
        "records-unusable",
        format!(
            "the journal was made, but without {}",
            rebuilt.unusable.join("; ")
        ),
        "the manifest.json beside each says how to restore by hand",
    ))
}

fn target(context: &Context, add: bool) -> Result<(Target, Option<String>), CliError> {
    if add {
        let journal = context.journal("rebuild --add")?;
        return Ok((Target::There(Box::new(journal)), None));
    }
    match context.rebuilding()? {
        Journal::Lost(rebuilding, damage) => Ok((Target::New(rebuilding), damage)),
        Journal::Healthy(count) => Err(CliError::unchanged(
            Exit::Error,
            "journal-healthy",
            format!("the journal is whole and has {count} transactions"),
            "to see them: virt-retire list; to take in what it lacks: virt-retire rebuild --add",
        )),
    }
}

fn question(add: bool, found: &[Candidate]) -> String {
    let count = found.len();
    let imported = found.iter().filter(|it| it.imported_from.is_some()).count();
    let unproven = match imported {
        0 => String::new(),
        imported => format!(" (nothing proves that {imported} of them are this program's)"),
    };
    match add {
        true => format!("Take {count} transactions into the journal{unproven}?"),
        false => format!(
            "Make a new journal of {count} transactions{unproven}, and put what is left of the old \
             one aside?"
        ),
    }
}

/// Without libvirt the pools' folders are not known; the roots that were used are.
fn pools(context: &Context) -> Vec<PathBuf> {
    context
        .host()
        .and_then(|host| Ok(host.hypervisor.pools()?))
        .map(|pools| pools.into_iter().filter_map(|pool| pool.target).collect())
        .unwrap_or_else(|_| Vec::new())
}

fn infer(context: &Context, candidate: &Candidate) -> Result<Inferred, CliError> {
    let transaction = &candidate.transaction;
    let uri = &transaction.evidence.uri;
    let (origin, host) = match &candidate.imported_from {
        Some(from) => (Origin::Imported { from }, context.host_if_at(uri)),
        None => (Origin::Ours, context.host_of(uri)),
    };
    let host = host.ok();
    let hypervisor = host
        .as_ref()
        .map(|host| &host.hypervisor as &dyn HypervisorView);
    Ok(engine::infer(
        hypervisor,
        context.files(),
        transaction,
        origin,
        evidence::gather(uri, None, Vec::new()),
    )?)
}
