//! `rebuild`: a new journal from the manifests in quarantine, when the old one is lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::adapters::files::FoundRecord;
use crate::adapters::sled_journal::Found;
use crate::engine::{self, Inferred};
use crate::journal::manifest;
use crate::model::{State, Transaction, TransactionId};
use crate::ports::Hypervisor;

use super::super::args::{Output, Sure};
use super::super::confirm::{can_ask, confirm};
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::{evidence, json, text};

/// What is told at the end.
pub struct Rebuilt {
    pub transactions: Vec<One>,
    /// Where the old journal was put.
    pub aside: Option<PathBuf>,
    /// Why it was not good any more.
    pub damage: Option<String>,
    pub passed: Passed,
}

/// Records that are not in the new journal.
#[derive(Default)]
pub struct Passed {
    /// That cannot be used, each with its reason.
    pub unusable: Vec<String>,
    /// That another journal of this host has, each with the folder it names as its home.
    pub others: Vec<String>,
}

pub struct One {
    pub transaction: Transaction,
    pub state: State,
    pub unknown: Vec<String>,
}

pub fn run(context: &Context, from: &[PathBuf], sure: Sure) -> Result<(), CliError> {
    if !sure.yes {
        can_ask()?;
    }
    let (mut rebuilding, damage) = match context.rebuilding()? {
        Found::Lost(rebuilding, damage) => (rebuilding, damage),
        Found::Healthy(count) => return Err(healthy(count)),
    };
    let mut passed = Passed::default();
    let found = records(context, from, &mut passed);
    if !sure.yes {
        confirm(&format!(
            "Make a new journal of {} transactions, and put what is left of the old one aside?",
            found.len()
        ))?;
    }
    context.begin()?;
    let mut transactions = Vec::new();
    for transaction in found.into_values() {
        let Inferred {
            state,
            events,
            unknown,
        } = infer(context, &transaction)?;
        rebuilding.import(&transaction, events)?;
        transactions.push(One {
            transaction,
            state,
            unknown,
        });
    }
    let rebuilt = Rebuilt {
        transactions,
        aside: rebuilding.finish()?,
        damage,
        passed,
    };
    match context.output {
        Output::Json => json::print(&json::Rebuilt::new(&rebuilt))?,
        Output::Text => text::out(&text::rebuilt(&rebuilt))?,
    }
    let unusable = &rebuilt.passed.unusable;
    if unusable.is_empty() {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Unfinished,
        "records-unusable",
        format!("the journal was made, but without {}", unusable.join("; ")),
        "the manifest.json beside each says how to restore by hand",
    ))
}

/// By number, each transaction once: its record lies in every folder that it has.
fn records(
    context: &Context,
    from: &[PathBuf],
    passed: &mut Passed,
) -> BTreeMap<TransactionId, Transaction> {
    let mut whole: Vec<(Belongs, PathBuf, Transaction)> = Vec::new();
    let mut broken: Vec<(PathBuf, String)> = Vec::new();
    for FoundRecord { folder, record } in find(context, from) {
        let read = record.and_then(|bytes| {
            manifest::read_record(&bytes).map_err(|error| format!("its record: {error}"))
        });
        match read {
            Ok(it) => whole.push((belongs(context, from, &folder, &it), folder, it)),
            Err(cause) => broken.push((folder, cause)),
        }
    }
    // Where two have one number, it is our own transaction's.
    whole.sort_by_key(|(belongs, ..)| *belongs);
    let mut by_id: BTreeMap<TransactionId, Transaction> = BTreeMap::new();
    for (belongs, folder, transaction) in whole {
        let (id, folder) = (transaction.id, folder.display());
        let is_other = |other: &Transaction| other.uuid != transaction.uuid;
        if belongs == Belongs::ToAnother {
            let home = transaction.home.display();
            passed.others.push(format!("{folder} (its home is {home})"));
        } else if by_id.get(&id).is_some_and(is_other) {
            passed.unusable.push(format!(
                "{folder} (another transaction has the number {id}: two journals used this \
                 quarantine)"
            ));
        } else {
            by_id.insert(id, transaction);
        }
    }
    // A damaged copy does not matter where another one is whole.
    for (folder, cause) in broken {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let is_known = by_id
            .values()
            .any(|transaction| name.ends_with(&transaction.uuid.to_string()));
        if !is_known {
            passed
                .unusable
                .push(format!("{} ({cause})", folder.display()));
        }
    }
    by_id
}

/// Whose a transaction is. A file system's quarantine is shared by all journals of the host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Belongs {
    /// Its home is or was in this state folder, which may have been moved since.
    ToUs,
    /// The operator says so.
    ByChoice,
    ToAnother,
}

fn belongs(
    context: &Context,
    from: &[PathBuf],
    folder: &Path,
    transaction: &Transaction,
) -> Belongs {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let ours = real(&context.state_dir().join("quarantine"));
    let is_in_ours = |home: &Path| home.parent().is_some_and(|parent| real(parent) == ours);
    if is_in_ours(folder) || is_in_ours(&transaction.home) {
        Belongs::ToUs
    } else if from.iter().any(|chosen| folder.starts_with(real(chosen))) {
        Belongs::ByChoice
    } else {
        Belongs::ToAnother
    }
}

fn find(context: &Context, from: &[PathBuf]) -> Vec<FoundRecord> {
    // Without libvirt the pools' folders are not known; the mounts are.
    let targets = context
        .host()
        .and_then(|host| Ok(host.hypervisor.pools()?))
        .map(|pools| pools.into_iter().filter_map(|pool| pool.target).collect())
        .unwrap_or_else(|_| Vec::new());
    context.files().find_records(&targets, from)
}

fn infer(context: &Context, transaction: &Transaction) -> Result<Inferred, CliError> {
    let uri = &transaction.evidence.uri;
    let host = context.host_of(uri).ok();
    let hypervisor = host
        .as_ref()
        .map(|host| &host.hypervisor as &dyn Hypervisor);
    Ok(engine::infer(
        hypervisor,
        &context.files(),
        transaction,
        evidence::gather(uri, None, Vec::new()),
    )?)
}

fn healthy(count: usize) -> CliError {
    CliError::new(
        Exit::Error,
        "journal-healthy",
        format!("the journal is whole and has {count} transactions. Nothing was changed."),
        "to see them: virt-retire list",
    )
}
