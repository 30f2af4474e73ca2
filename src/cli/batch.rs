//! Several transactions in one command: asked about before, and told of afterwards.

use crate::engine::EngineError;
use crate::model::{Transaction, TransactionId};
use crate::ports::{JournalError, JournalReader};
use crate::retire::{Decided, Decision, listed};

use super::confirm::{can_ask, confirm};
use super::context::Context;
use super::control::say;
use super::error::{CliError, Exit};
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
    let left = failed.as_ref().and_then(report::left_behind);
    touched.extend(left.map(Transaction::summary));
    report::transactions(context, &touched);
    match failed {
        None => Ok(()),
        Some(error) => Err(after(&decided.done, decided.decision, error)),
    }
}

/// The error of one transaction, when others of the same command had ended well before it: then
/// "nothing was changed" is not the truth.
fn after(done: &[Transaction], decision: Decision, error: EngineError) -> CliError {
    let mut error = CliError::from(error);
    if !done.is_empty() {
        let ids: Vec<TransactionId> = done.iter().map(|transaction| transaction.id).collect();
        let before = format!(
            "Before it, transaction {} was {}.",
            listed(&ids),
            decision.participle()
        );
        error.retell(match error.message.strip_suffix("Nothing was changed.") {
            Some(rest) => format!("{rest}{before}"),
            None => format!("{}. {before}", error.message),
        });
        // Neither "nothing changed" (1, 3) nor "another holds it" (6) is the whole truth now.
        if error.exit != Exit::Unfinished {
            error.exit = Exit::PutBack;
        }
    }
    error
}
