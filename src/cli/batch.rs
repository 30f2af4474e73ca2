//! Several transactions in one command: all are looked at before the first is changed, so that what
//! can be refused is refused while nothing has been changed.

use std::path::Path;

use crate::engine::{EngineError, wrong_state};
use crate::model::{State, Transaction, TransactionId};
use crate::ports::{JournalError, JournalReader};

use super::confirm::{can_ask, confirm};
use super::context::Context;
use super::control::say;
use super::error::{CliError, Exit};
use super::text;

/// Each once, in the operator's order.
pub fn unique(ids: &[TransactionId]) -> Vec<TransactionId> {
    let mut unique: Vec<TransactionId> = Vec::new();
    for id in ids {
        if !unique.contains(id) {
            unique.push(*id);
        }
    }
    unique
}

/// Shows what each transaction is and what of it waits where, and asks. What will be refused anyway
/// is refused without a question.
pub fn ask(
    context: &Context,
    ids: &[TransactionId],
    verb: &str,
    done: &'static str,
    fits: fn(State) -> bool,
) -> Result<(), CliError> {
    can_ask()?;
    if let (Some(first), false) = (ids.first(), context.has_journal()?) {
        return Err(JournalError::NoSuchTransaction(*first).into());
    }
    let reader = context.reader(verb)?;
    let transactions = ids
        .iter()
        .map(|id| reader.read(*id))
        .collect::<Result<Vec<_>, _>>()?;
    // Nobody else is kept waiting while the operator reads.
    drop(reader);
    refuse_wrong(&transactions, done, fits)?;
    for transaction in &transactions {
        say(&text::would_come_back(transaction));
    }
    confirm(&format!("{verb} {}?", super::report::named(ids)))
}

/// # Errors
/// One of them is in a state that the verb is not for: exit 1, nothing changed.
pub fn refuse_wrong(
    transactions: &[Transaction],
    done: &'static str,
    fits: fn(State) -> bool,
) -> Result<(), CliError> {
    match transactions.iter().find(|one| !fits(one.state())) {
        Some(wrong) => Err(wrong_state(wrong, done).into()),
        None => Ok(()),
    }
}

/// The connection they were all made at.
///
/// # Errors
/// There is more than one: exit 1, nothing changed.
pub fn made_at(transactions: &[Transaction]) -> Result<&str, CliError> {
    let first = transactions.first().map_or("", uri);
    match transactions.iter().find(|other| uri(other) != first) {
        None => Ok(first),
        Some(other) => Err(CliError::new(
            Exit::Error,
            "other-connection",
            format!(
                "transaction {} was made at {}, and not at {first} as the others. Nothing was \
                 changed.",
                other.id,
                uri(other)
            ),
            "one command for each connection",
        )),
    }
}

fn uri(transaction: &Transaction) -> &str {
    &transaction.evidence.uri
}

/// Two of one batch that want the same name or path back would collide half way.
///
/// # Errors
/// Exit 1, nothing changed.
pub fn refuse_rivals(transactions: &[Transaction]) -> Result<(), CliError> {
    for (index, later) in transactions.iter().enumerate() {
        for earlier in &transactions[..index] {
            let (one, other) = (earlier.domain(), later.domain());
            let what = if one.uuid == other.uuid || one.name == other.name {
                format!("domain '{}'", other.name)
            } else if let Some(path) = shared_path(earlier, later) {
                path.display().to_string()
            } else {
                continue;
            };
            return Err(CliError::new(
                Exit::Error,
                "rivals",
                format!(
                    "transactions {} and {} both want {what} back. Nothing was changed.",
                    earlier.id, later.id
                ),
                "roll back one of them",
            ));
        }
    }
    Ok(())
}

fn shared_path<'a>(one: &Transaction, other: &'a Transaction) -> Option<&'a Path> {
    other
        .files()
        .map(|(_, moved, _)| moved.path.as_path())
        .find(|path| one.files().any(|(_, moved, _)| moved.path == *path))
}

/// The error of one transaction, when others of the same command had ended well before it: then
/// "nothing was changed" is not the truth.
pub fn after(done: &[Transaction], verb: &str, error: EngineError) -> CliError {
    let mut error = CliError::from(error);
    if !done.is_empty() {
        let ids: Vec<TransactionId> = done.iter().map(|transaction| transaction.id).collect();
        let before = format!(
            "Before it, transaction {} was {verb}.",
            super::report::named(&ids)
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
