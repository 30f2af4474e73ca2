//! Plans carried out, and what came of it told.

use crate::adapters::sled_journal::SledJournal;
use crate::engine::{Engine, NotRetired};
use crate::model::{Removal, Summary, Transaction};
use crate::retire::{self, Planned};

use super::args::How;
use super::context::{Context, Host};
use super::error::{CliError, Exit};
use super::report;

/// Runs the plans as one batch, and tells what came of it.
pub fn execute(
    context: &Context,
    host: &Host,
    mut journal: SledJournal,
    planned: Vec<Planned>,
    removal: &Removal,
    how: &How,
) -> Result<(), CliError> {
    let mut touched = Vec::new();
    let result = carry_out(
        context,
        host,
        &mut journal,
        planned,
        removal,
        how,
        &mut touched,
    );
    if result.is_ok() || !touched.is_empty() {
        report::transactions(context, &touched);
    }
    result
}

/// Runs the plans as one batch. `touched` are the transactions that there are now, whichever way it
/// went.
///
/// # Errors
/// One failed and all were put back (exit 4), or some could not be (5).
pub fn carry_out(
    context: &Context,
    host: &Host,
    journal: &mut SledJournal,
    planned: Vec<Planned>,
    removal: &Removal,
    how: &How,
    touched: &mut Vec<Summary>,
) -> Result<(), CliError> {
    let mut engine = Engine::new(host.world(), journal);
    let evidence = |unseen| context.evidence(host, how.reason.clone(), unseen);
    let batch = retire::carry_out(&mut engine, planned, removal, how.prepare, &evidence);
    touched.extend(batch.retired.iter().map(Transaction::summary));
    match batch.failed {
        None => Ok(()),
        Some(failed) => Err(tell(failed, touched)),
    }
}

/// What of the batch was put back is part of the error.
fn tell(failed: NotRetired, touched: &mut Vec<Summary>) -> CliError {
    touched.extend(failed.put_back.iter().map(Transaction::summary));
    let of_half = failed.half.iter().map(|(_, error)| error);
    let left = of_half
        .chain([&failed.error])
        .filter_map(report::left_behind);
    touched.extend(left.map(Transaction::summary));
    let mut error = CliError::from(failed.error);
    if !failed.put_back.is_empty() {
        let names: Vec<String> = failed
            .put_back
            .iter()
            .rev()
            .map(|transaction| format!("'{}'", transaction.domain().name))
            .collect();
        let told = error.message.strip_suffix(" Nothing was changed.");
        error.retell(format!(
            "{} So {} was put back, too.",
            told.map_or_else(|| format!("{}.", error.message), str::to_owned),
            names.join(", ")
        ));
        if error.exit != Exit::Unfinished {
            error.exit = Exit::PutBack;
        }
    }
    if !failed.half.is_empty() {
        let half: Vec<String> = failed
            .half
            .iter()
            .map(|(name, error)| format!("domain '{name}' could not be put back: {error}"))
            .collect();
        error.exit = Exit::Unfinished;
        error.retell(format!("{}; and {}", error.message, half.join("; ")));
        error.hint = "fix the cause, then: virt-retire recover".into();
    }
    error
}
