//! Several transactions in one command: asked about before, and told of afterwards.

use crate::engine::EngineError;
use crate::model::{Transaction, TransactionId};
use crate::ports::{JournalError, JournalReader};
use crate::retire::{Changed, Decided, Decision, listed};

use super::confirm::{can_ask, confirm};
use super::context::Context;
use super::control::say;
use super::error::CliError;
use super::{report, text};

/// Shows what each transaction is and what of it waits where, and asks. What will be refused anyway
/// is refused without a question.
pub fn ask(context: &Context, ids: &[TransactionId], decision: Decision) -> Result<(), CliError> {
    can_ask()?;
    if let (Some(first), false) = (ids.first(), context.has_journal()?) {
        return Err(JournalError::NoSuchTransaction(*first).into());
    }
    let reader = context.reader(decision.verb())?;
    let transactions = ids
        .iter()
        .map(|id| reader.read(*id))
        .collect::<Result<Vec<_>, _>>()?;
    // Nobody else is kept waiting while the operator reads.
    drop(reader);
    decision.refuse_wrong(&transactions)?;
    for transaction in &transactions {
        say(&text::would_come_back(transaction));
    }
    let verb = match decision {
        Decision::Commit => "Commit",
        Decision::Rollback => "Roll back",
        Decision::Purge => "Purge",
    };
    confirm(&format!("{verb} {}?", listed(ids)))
}

/// Tells what became of them.
///
/// # Errors
/// One of them failed.
pub fn tell(context: &Context, decided: &mut Decided) -> Result<(), CliError> {
    let mut touched: Vec<_> = decided.done.iter().map(Transaction::summary).collect();
    let failed = decided.failed.take();
    let left = failed.as_ref().and_then(EngineError::left_behind);
    touched.extend(left.map(Transaction::summary));
    report::transactions(context, &touched);
    match failed {
        None => Ok(()),
        Some(error) => {
            let changed = Changed::by_decisions(decided, &error);
            Err(CliError::from(error).having(changed))
        }
    }
}
