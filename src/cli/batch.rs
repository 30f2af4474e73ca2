//! Several transactions in one command: asked about before, and told of afterwards.

use crate::engine::{EngineError, RollbackRequest};
use crate::model::{Transaction, TransactionId};
use crate::ports::{JournalError, JournalReader};
use crate::retire::{self, Changed, Decided, Decision};

use super::answers;
use super::confirm::{can_ask, confirm};
use super::context::Context;
use super::control::say;
use super::error::CliError;
use super::safe::safe;

/// Asks whether these stand.
///
/// # Errors
/// No terminal, or a no; one of them would be refused anyway, which nobody is asked about.
pub fn ask_commit(context: &Context, ids: &[TransactionId]) -> Result<(), CliError> {
    let transactions = read(context, ids, Decision::Commit.verb())?;
    retire::may_commit(context, ids)?;
    for transaction in &transactions {
        say(&answers::rollback::transaction(transaction));
    }
    confirm(&format!(
        "Commit {}? Until it is purged, rollback still undoes it.",
        answers::transactions::ranges(ids)
    ))
}

/// Asks whether these come back, and says as what.
///
/// # Errors
/// As [`ask_commit`].
pub fn ask_rollback(
    context: &Context,
    ids: &[TransactionId],
    request: &RollbackRequest,
) -> Result<(), CliError> {
    let transactions = read(context, ids, Decision::Rollback.verb())?;
    // Whoever is refused is told of what, too: of an imported one, that it is imported.
    say(&answers::rollback::would_come_back(&transactions));
    retire::may_roll_back(context, ids, request)?;
    let mut how = String::new();
    if let Some(name) = &request.name {
        how.push_str(&format!(" as {}", safe(name)));
    }
    if request.new_uuid {
        how.push_str(", under a new UUID");
    }
    if request.files_only {
        how.push_str(", its files alone");
    }
    confirm(&format!(
        "Roll back {}{how}?",
        answers::transactions::ranges(ids)
    ))
}

/// What a question about them shows; `purpose` is what another process is told that it waits for.
///
/// # Errors
/// No terminal to ask at; one of them is not there.
pub fn read(
    context: &Context,
    ids: &[TransactionId],
    purpose: &str,
) -> Result<Vec<Transaction>, CliError> {
    if let (Some(first), false) = (ids.first(), context.has_journal()?) {
        return Err(JournalError::NoSuchTransaction(*first).into());
    }
    // Nobody else is kept waiting while the operator reads.
    let reader = context.reader(purpose)?;
    let read = ids.iter().map(|id| reader.read(*id));
    let read = read.collect::<Result<_, _>>()?;
    // What cannot be done is said before what --yes would do.
    can_ask()?;
    Ok(read)
}

/// Tells what became of them.
///
/// # Errors
/// One of them failed.
pub fn tell(context: &Context, decided: &mut Decided) -> Result<(), CliError> {
    let mut touched: Vec<_> = decided.done.iter().map(Transaction::summary).collect();
    let failed = std::mem::take(&mut decided.failed);
    let left = failed.iter().filter_map(EngineError::left_behind);
    touched.extend(left.map(Transaction::summary));
    answers::transactions::tell(context, &touched);
    let mut failed = failed.into_iter().map(|error| {
        let changed = Changed::by_decisions(decided, &error);
        CliError::from(error).having(changed)
    });
    match failed.next() {
        None => Ok(()),
        Some(first) => Err(failed.fold(first, CliError::and)),
    }
}
