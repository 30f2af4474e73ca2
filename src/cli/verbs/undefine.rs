//! `undefine` and `destroy`: plan, ask, execute, commit; on a failed step, roll back.

use crate::adapters::sled_journal::SledJournal;
use crate::engine::{Engine, EngineError, Retirement};
use crate::model::{DomainRef, Refusal, RefusalCode, Removal, Summary, Transaction};
use crate::planner;
use crate::ports::JournalReader;
use crate::survey::{SurveyError, newcomers};

use super::super::args::{How, Output, Power, What};
use super::super::confirm::{can_ask, confirm};
use super::super::context::{Context, Host};
use super::super::control::say;
use super::super::error::{CliError, Exit};
use super::super::text;
use super::plan::{self, Planned};
use super::{awaited, report};

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
    let (journal, planned) = if how.sure.yes {
        // A command that is refused leaves nothing behind, not even a new journal.
        let mut first = None;
        if !context.has_journal()? {
            let planned = plan::make(&host, &what.domains, &removal)?;
            plan::refuse(&planned)?;
            first = Some(planned);
        }
        let journal = context.journal(&purpose)?;
        let planned = match first {
            // Nobody has done anything with this journal since.
            Some(planned) if journal.summaries()?.is_empty() => planned,
            _ => plan::make(&host, &what.domains, &removal)?,
        };
        plan::refuse(&planned)?;
        (journal, planned)
    } else {
        // Nobody else is kept waiting while the operator reads.
        let shown = plan::make(&host, &what.domains, &removal)?;
        plan::refuse(&shown)?;
        ask(context, &shown)?;
        // Planned again under the journal's lock: another command may have come first.
        let journal = context.journal(&purpose)?;
        let planned = plan::make(&host, &what.domains, &removal)?;
        unchanged(&shown, &planned)?;
        (journal, planned)
    };
    execute(context, &host, journal, planned, &removal, how)
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

/// # Errors
/// The plan that was shown is not the one that would be executed now: exit 3.
fn unchanged(shown: &[Planned], now: &[Planned]) -> Result<(), CliError> {
    for (shown, now) in shown.iter().zip(now) {
        if !shown.plan.is_same_as(&now.plan) || shown.facts.definition != now.facts.definition {
            return Err(CliError::refused(&[changed(&now.plan.domain)]));
        }
    }
    Ok(())
}

pub fn changed(domain: &DomainRef) -> Refusal {
    Refusal {
        code: RefusalCode::ChangedSincePlan,
        subject: domain.name.clone(),
        message: format!(
            "domain '{}', its disks or their users have changed since the plan was made",
            domain.name
        ),
        hint: format!(
            "look at it again: virt-retire plan {} with the same flags",
            domain.typed()
        ),
    }
}

/// Runs the plans as one batch, and tells what came of it.
pub fn execute(
    context: &Context,
    host: &Host,
    journal: SledJournal,
    planned: Vec<Planned>,
    removal: &Removal,
    how: &How,
) -> Result<(), CliError> {
    let mut touched = Vec::new();
    let result = carry_out(context, host, journal, planned, removal, how, &mut touched);
    if result.is_ok() || !touched.is_empty() {
        report::transactions(context, &touched);
    }
    result
}

/// All are prepared before the first is committed, and where one fails, all are put back. So exit 4
/// means that nothing at all was retired. `touched` are the transactions that there are now,
/// whichever way it went.
pub fn carry_out(
    context: &Context,
    host: &Host,
    mut journal: SledJournal,
    planned: Vec<Planned>,
    removal: &Removal,
    how: &How,
    touched: &mut Vec<Summary>,
) -> Result<(), CliError> {
    let mut engine = Engine::new(host.world(), &mut journal);
    let mut prepared: Vec<Transaction> = Vec::new();
    for planned in planned {
        let accepted = match removal.accept_unseen {
            true => planned.facts.unseen.clone(),
            false => Vec::new(),
        };
        let evidence = context.evidence(host, how.reason.clone(), accepted);
        let result = engine.prepare(Retirement {
            plan: planned.plan,
            definition: planned.facts.definition,
            removal: removal.clone(),
            evidence,
            commit_at_once: !how.prepare,
        });
        match result {
            Ok(transaction) => prepared.push(transaction),
            Err(error) => return Err(put_back(&mut engine, prepared, error, touched)),
        }
    }
    // Once for the whole batch, because it asks libvirt for every domain's XML; and after the
    // moves, because what is named later than that names nothing.
    if let Err(error) = unclaimed(host, &prepared) {
        return Err(put_back(&mut engine, prepared, error, touched));
    }
    // On a host of many domains that took its time; a signal says that it will put back.
    if host.world().control.wants_rollback() {
        let error = EngineError::Interrupted;
        return Err(put_back(&mut engine, prepared, error, touched));
    }
    for transaction in &mut prepared {
        if !how.prepare
            && let Err(error) = engine.commit_own(transaction)
        {
            touched.extend(report::left_behind(&error).map(Transaction::summary));
            return Err(error.into());
        }
        touched.push(transaction.summary());
    }
    Ok(())
}

/// # Errors
/// Another domain has taken up one of the files while they were moved, or libvirt does not say.
fn unclaimed(host: &Host, prepared: &[Transaction]) -> Result<(), EngineError> {
    let moves: Vec<_> = prepared
        .iter()
        .map(|transaction| {
            let files = transaction.files().map(|(_, moved, _)| moved).collect();
            (transaction.domain().uuid, files)
        })
        .collect();
    let refusals: Vec<Refusal> = newcomers(&host.hypervisor, &host.storage, &moves)
        .map_err(|error| match error {
            SurveyError::Hypervisor(error) => EngineError::Hypervisor(error),
            SurveyError::Storage(error) => EngineError::Storage(error),
            SurveyError::Refused(refusal) => EngineError::Refused {
                refusals: vec![*refusal],
            },
        })?
        .into_iter()
        .map(|(moved, users)| Refusal {
            code: RefusalCode::InUse,
            subject: moved.path.display().to_string(),
            message: format!(
                "{} is in use since the plan was made: {}",
                moved.path.display(),
                planner::names_of(&users)
            ),
            hint: "end that use, or leave the disk out with --storage or --keep-storage".into(),
        })
        .collect();
    match refusals.is_empty() {
        true => Ok(()),
        false => Err(EngineError::Refused { refusals }),
    }
}

/// One domain of the command failed: those that were prepared before it come back too.
fn put_back(
    engine: &mut Engine,
    prepared: Vec<Transaction>,
    error: EngineError,
    touched: &mut Vec<Summary>,
) -> CliError {
    let mut names = Vec::new();
    let mut half = Vec::new();
    for transaction in prepared.into_iter().rev() {
        let name = transaction.domain().name.clone();
        match engine.rollback_own(transaction, "the same command failed afterwards") {
            Ok(transaction) => {
                touched.push(transaction.summary());
                names.push(format!("'{name}'"));
            }
            Err(error) => {
                half.push(format!("domain '{name}' could not be put back: {error}"));
                touched.extend(report::left_behind(&error).map(Transaction::summary));
            }
        }
    }
    touched.extend(report::left_behind(&error).map(Transaction::summary));
    let mut failed = CliError::from(error);
    if !names.is_empty() {
        names.reverse();
        let told = failed.message.strip_suffix(" Nothing was changed.");
        failed.retell(format!(
            "{} So {} was put back, too.",
            told.map_or_else(|| format!("{}.", failed.message), str::to_owned),
            names.join(", ")
        ));
        if failed.exit != Exit::Unfinished {
            failed.exit = Exit::PutBack;
        }
    }
    if !half.is_empty() {
        failed.exit = Exit::Unfinished;
        failed.retell(format!("{}; and {}", failed.message, half.join("; ")));
        failed.hint = "mend the cause, then: virt-retire recover".into();
    }
    failed
}
