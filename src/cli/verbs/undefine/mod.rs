//! `undefine` and `destroy`: plan, ask, execute, commit; on a failed step, roll back.

mod each;

use crate::adapters::sled_journal::SledJournal;
use crate::engine::{Engine, NotRetired};
use crate::model::{Removal, Summary, Transaction};
use crate::retire::{self, Planned};

use super::{awaited, plan, report};
use crate::cli::args::{How, Output, Power, What};
use crate::cli::confirm::{can_ask, confirm};
use crate::cli::context::{Context, Host};
use crate::cli::control::say;
use crate::cli::error::{CliError, Exit};
use crate::cli::text;

/// `power` says how to stop what runs: `destroy`.
pub fn run(
    context: &Context,
    verb: &str,
    what: &What,
    power: Option<&Power>,
    how: &How,
) -> Result<(), CliError> {
    let removal = what.removal.removal(power);
    reasoned(&removal, how)?;
    let host = context.host()?;
    let purpose = format!("{verb} {}", what.domains.join(" "));
    // Nobody waits for the journal only to hear of a typing error.
    awaited::present(context, &host, &what.domains, &purpose)?;
    let shown = if how.sure.yes {
        // A command that is refused leaves nothing behind, not even a new journal.
        if !context.has_journal()? {
            refuse(&retire::plan(&host.world(), &what.domains, &removal)?, how)?;
        }
        None
    } else {
        // Nobody else is kept waiting while the operator reads.
        let shown = retire::plan(&host.world(), &what.domains, &removal)?;
        refuse(&shown, how)?;
        ask(context, &shown)?;
        Some(shown)
    };
    let journal = context.journal(&purpose)?;
    let domains = retire::named(&host.world(), &what.domains)?;
    let _locks = context.lock(&host, &domains, &purpose)?;
    // Planned, or planned again, while nobody of ours can change it: another may have come first.
    let planned = retire::plan(&host.world(), &what.domains, &removal)?;
    for planned in &planned {
        let domain = &planned.plan.domain;
        // The name may be another domain's by now, and that one is not locked.
        if domains.iter().all(|locked| locked.uuid != domain.uuid) {
            return Err(CliError::refused(&[retire::changed(domain)]));
        }
    }
    refuse(&planned, how)?;
    if let Some(shown) = shown
        && let Some(domain) = retire::first_changed(&shown, &planned)
    {
        return Err(CliError::refused(&[retire::changed(domain)]));
    }
    if how.each {
        return each::execute(context, &host, journal, planned, &removal, how);
    }
    execute(context, &host, journal, planned, &removal, how)
}

/// # Errors
/// One of the plans is refused: exit 3. Where each is a decision of its own, if all are.
fn refuse(planned: &[Planned], how: &How) -> Result<(), CliError> {
    if how.each && planned.iter().any(|one| one.plan.is_executable()) {
        return Ok(());
    }
    plan::refuse(planned)
}

/// # Errors
/// Protection is overridden and nobody says why: exit 2.
pub fn reasoned(removal: &Removal, how: &How) -> Result<(), CliError> {
    let has_reason = how
        .reason
        .as_ref()
        .is_some_and(|reason| !reason.trim().is_empty());
    if removal.override_protection && !has_reason {
        return Err(CliError::new(
            Exit::Usage,
            "usage",
            "--override-protection needs a reason, which the journal keeps. Nothing was changed.",
            "add --reason TEXT",
        ));
    }
    Ok(())
}

/// Shows the plans where the question is asked: on stderr, as stdout is for the answer.
pub fn ask(context: &Context, planned: &[Planned]) -> Result<(), CliError> {
    match context.output {
        Output::Text => plan::show(planned)?,
        // Without anyone to ask, stderr has the one document that says so.
        Output::Json => {
            can_ask()?;
            for planned in planned {
                say(&text::plan(&planned.plan));
            }
        }
    }
    confirm("Go on?")
}

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
