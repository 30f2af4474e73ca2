//! `purge`: what waits in quarantine goes for good.

use crate::engine::{Fate, Row, Selection};
use crate::model::{Summary, TransactionId, WipeMethod};
use crate::retire::{Changed, Error, Purge, PurgeRequest, Purged, listed};

use super::super::args::{Confirmation, Output, PurgeWhat};
use super::super::confirm::{can_ask, confirm, confirm_name};
use super::super::context::Context;
use super::super::control::say;
use super::super::error::{CliError, Exit};
use super::super::safe::safe;
use super::super::{ids, json, text};

/// How it is done.
pub struct How {
    pub wipe: Option<WipeMethod>,
    pub dry_run: bool,
    pub reason: Option<String>,
    pub confirmation: Confirmation,
}

pub fn run(context: &Context, what: &PurgeWhat, how: How) -> Result<(), CliError> {
    let selection = selection(context, what)?;
    if selection.is_empty() {
        return Err(CliError::unchanged(
            Exit::Usage,
            "usage",
            "nothing says which transactions, and that never means all",
            "name them, or say --expired, --older-than, --keep-last or --until-free",
        ));
    }
    let asks = !how.confirmation.yes && !how.dry_run;
    if asks {
        can_ask()?;
    }
    let request = PurgeRequest {
        selection,
        wipe: how.wipe,
        reason: how.reason,
    };
    let mut purge = Purge::new(context, request)?;
    if how.dry_run {
        let looked = purge.look();
        show(context, &purge)?;
        return Ok(looked.map(|_| ())?);
    }
    if purge.finds_nothing() {
        tell_doubts(context, purge.rows());
    } else if asks {
        // What will be refused anyway is refused without a question.
        let last = purge.look()?;
        say(&text::selection(purge.rows(), &purge.space()?));
        ask(purge.rows(), &last)?;
    }
    tell(context, purge.carry_out()?)
}

fn selection(context: &Context, what: &PurgeWhat) -> Result<Selection, CliError> {
    Ok(Selection {
        ids: match what.ids.is_empty() {
            true => None,
            false => Some(ids::meant(context, &what.ids)?),
        },
        expired: what.expired,
        older_than: what.older_than.map(|span| span.duration()),
        keep_last: what.keep_last,
        until_free: what.until_free.map(|size| size.0),
    })
}

/// `-n`: the same table, and the same refusals.
fn show(context: &Context, purge: &Purge) -> Result<(), CliError> {
    let (rows, space) = (purge.rows(), purge.space()?);
    match context.output {
        Output::Json => json::print(&json::Selected::new(rows, &space)),
        Output::Text if rows.is_empty() => text::out("Nothing to purge."),
        Output::Text => text::out(&text::selection(rows, &space)),
    }
}

/// A clock that cannot be believed is no silence.
fn tell_doubts(context: &Context, rows: &[Row]) {
    if context.quiet || context.output == Output::Json {
        return;
    }
    for row in rows
        .iter()
        .filter(|row| matches!(row.fate, Fate::Doubted(_)))
    {
        say(&text::rows(std::slice::from_ref(row)));
    }
}

/// Before what has no way back. Where a domain has nothing else left (`last`), its name must be
/// typed.
fn ask(rows: &[Row], last: &[String]) -> Result<(), CliError> {
    if last.is_empty() {
        let going = rows.iter().filter(|row| row.goes());
        let going: Vec<TransactionId> = going.map(|row| row.summary.id).collect();
        return confirm(&format!(
            "Purge {}? What is purged cannot be brought back.",
            listed(&going)
        ));
    }
    last.iter().try_for_each(|name| {
        let question = format!(
            "Nothing else is left of domain {0}, and what is purged cannot be brought back. To go \
             on, type its name ({0})",
            safe(name)
        );
        confirm_name(&question, name)
    })
}

/// Quiet with nothing to do, one line otherwise, and one for each that should have gone and is
/// used.
fn tell(context: &Context, purged: Purged) -> Result<(), CliError> {
    let Purged {
        mut decided,
        skipped,
        shortfall,
    } = purged;
    let failed = decided.failed.pop();
    let done: Vec<Summary> = decided.done.iter().map(|one| one.summary()).collect();
    if failed.is_none() || !done.is_empty() {
        if context.output == Output::Text {
            skipped.iter().for_each(|row| say(&text::skipped(row)));
        }
        let told = match context.output {
            Output::Json => json::print(&json::Purged::new(&done, &skipped)),
            Output::Text if context.quiet || done.is_empty() => Ok(()),
            Output::Text => text::out(&text::purged(&done)),
        };
        if let Err(untold) = told {
            // The work is done, and the exit code speaks of the work.
            super::super::error::print(&untold, context.output);
        }
    }
    match (failed, shortfall) {
        (Some(error), _) => {
            let changed = Changed::by_decisions(&decided, &error);
            Err(CliError::from(error).having(changed))
        }
        (None, Some(shortfall)) => Err(Error::Short(shortfall).into()),
        (None, None) => Ok(()),
    }
}
