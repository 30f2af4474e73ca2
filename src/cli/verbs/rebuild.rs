//! `rebuild`: a new journal from the manifests in quarantine, when the old one is lost.

use std::collections::BTreeMap;
use std::path::PathBuf;

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
    /// Records that cannot be used, each with its reason.
    pub unusable: Vec<String>,
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
    let mut unusable = Vec::new();
    let found = records(context, from, &mut unusable);
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
        unusable,
    };
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

/// By number, each transaction once: its record lies in every folder that it has.
fn records(
    context: &Context,
    from: &[PathBuf],
    unusable: &mut Vec<String>,
) -> BTreeMap<TransactionId, Transaction> {
    let mut by_id: BTreeMap<TransactionId, Transaction> = BTreeMap::new();
    let mut broken: Vec<(PathBuf, String)> = Vec::new();
    for FoundRecord { folder, record } in find(context, from) {
        let read = record.and_then(|bytes| {
            manifest::read_record(&bytes).map_err(|error| format!("its record: {error}"))
        });
        let transaction = match read {
            Ok(transaction) => transaction,
            Err(cause) => {
                broken.push((folder, cause));
                continue;
            }
        };
        match by_id.get(&transaction.id) {
            Some(other) if other.uuid != transaction.uuid => unusable.push(format!(
                "{} (another transaction has the number {}: two journals used this quarantine)",
                folder.display(),
                transaction.id
            )),
            _ => {
                by_id.insert(transaction.id, transaction);
            }
        }
    }
    // A damaged copy does not matter where another one is whole.
    for (folder, cause) in broken {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let is_known = by_id
            .values()
            .any(|transaction| name.ends_with(&transaction.uuid.to_string()));
        if !is_known {
            unusable.push(format!("{} ({cause})", folder.display()));
        }
    }
    by_id
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
