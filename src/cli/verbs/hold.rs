//! `hold` and `release`: what must not be purged, and why.

use crate::engine;
use crate::model::{Transaction, TransactionId};
use crate::ports::{JournalError, JournalReader};
use crate::retire::listed;

use super::super::args::Confirmation;
use super::super::confirm::{can_ask, confirm};
use super::super::context::Context;
use super::super::control::say;
use super::super::error::{CliError, Exit};
use super::super::{evidence, report, text};

/// Which hold is meant, and why it is put or taken away.
pub struct Which<'a> {
    pub name: Option<&'a str>,
    pub reason: Option<&'a str>,
}

pub fn hold(
    context: &Context,
    ids: &[TransactionId],
    which: &Which,
    confirmation: Confirmation,
) -> Result<(), CliError> {
    if which.reason.is_none_or(|reason| reason.trim().is_empty()) {
        return Err(CliError::unchanged(
            Exit::Usage,
            "usage",
            "a hold says why it is there, and --reason is empty",
            "add --reason TEXT",
        ));
    }
    if !confirmation.yes {
        ask(context, ids, "Hold")?;
    }
    run(context, ids, "hold", which, &engine::hold)
}

pub fn release(
    context: &Context,
    ids: &[TransactionId],
    which: &Which,
    confirmation: Confirmation,
) -> Result<(), CliError> {
    if !confirmation.yes {
        ask(context, ids, "Release")?;
    }
    run(context, ids, "release", which, &engine::release)
}

/// Shows what each transaction is, and asks.
fn ask(context: &Context, ids: &[TransactionId], verb: &str) -> Result<(), CliError> {
    can_ask()?;
    for transaction in read(context, ids)? {
        say(&text::transaction(&transaction));
    }
    confirm(&format!("{verb} {}?", listed(ids)))
}

fn read(context: &Context, ids: &[TransactionId]) -> Result<Vec<Transaction>, CliError> {
    refuse_without_journal(context, ids)?;
    let reader = context.reader("hold")?;
    let read = ids.iter().map(|id| reader.read(*id));
    Ok(read.collect::<Result<_, _>>()?)
}

/// # Errors
/// There is no journal, and so no such transaction.
fn refuse_without_journal(context: &Context, ids: &[TransactionId]) -> Result<(), CliError> {
    match ids.first() {
        Some(first) if !context.has_journal()? => {
            Err(JournalError::NoSuchTransaction(*first).into())
        }
        _ => Ok(()),
    }
}

type Change = dyn Fn(
    &mut dyn crate::ports::Journal,
    &[TransactionId],
    Option<&str>,
    &crate::model::Evidence,
) -> Result<Vec<Transaction>, engine::EngineError>;

fn run(
    context: &Context,
    ids: &[TransactionId],
    verb: &str,
    which: &Which,
    change: &Change,
) -> Result<(), CliError> {
    refuse_without_journal(context, ids)?;
    let mut journal = context.journal(&format!("{verb} {}", listed(ids)))?;
    let uri = match ids.first() {
        Some(first) => journal.read(*first)?.evidence.uri.clone(),
        None => String::new(),
    };
    context.begin()?;
    let reason = which.reason.map(str::to_owned);
    let by = evidence::gather(&uri, reason, Vec::new());
    let changed = change(&mut journal, ids, which.name, &by)?;
    let touched: Vec<_> = changed.iter().map(Transaction::summary).collect();
    report::transactions(context, &touched);
    Ok(())
}
