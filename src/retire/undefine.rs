//! Plans carried out, and what came of it told.

use crate::adapters::sled_journal::SledJournal;
use crate::engine::Engine;
use crate::model::{Removal, Summary};
use crate::retire::{self, Planned};

use super::args::How;
use super::context::{Context, Host};
use super::error::CliError;
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
    Ok(result?)
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
) -> Result<(), retire::Error> {
    let mut engine = Engine::new(host.world(), journal);
    let evidence = |unseen| context.evidence(host, how.reason.clone(), unseen);
    let retention = how.expires.unwrap_or(context.settings.retention.value);
    let batch = retire::carry_out(
        &mut engine,
        planned,
        removal,
        how.prepare,
        retention.duration(),
        &evidence,
    );
    let (summaries, result) = retire::settled(batch);
    touched.extend(summaries);
    result
}
