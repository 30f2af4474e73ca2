//! `hold` and `release`: what must not be purged, and why.

use crate::model::{Transaction, TransactionId};
use crate::retire::{self, listed};

pub use crate::retire::Which;

use super::super::args::Confirmation;
use super::super::confirm::confirm;
use super::super::context::Context;
use super::super::control::say;
use super::super::error::{CliError, Exit};
use super::super::{answers, batch};

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
    tell(context, &retire::hold(context, ids, which)?);
    Ok(())
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
    tell(context, &retire::release(context, ids, which)?);
    Ok(())
}

/// Shows what each transaction is, and asks.
fn ask(context: &Context, ids: &[TransactionId], verb: &str) -> Result<(), CliError> {
    for transaction in batch::read(context, ids, "hold")? {
        say(&answers::rollback::transaction(&transaction));
    }
    confirm(&format!("{verb} {}?", listed(ids)))
}

fn tell(context: &Context, changed: &[Transaction]) {
    let touched: Vec<_> = changed.iter().map(Transaction::summary).collect();
    answers::transactions::tell(context, &touched);
}
