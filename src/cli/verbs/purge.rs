//! `purge`: what waits in quarantine goes for good.

use crate::engine::{Row, Selection};
use crate::model::{TransactionId, WipeMethod};
use crate::retire::{Purge, PurgeRequest, listed};

use super::super::args::{Confirmation, PurgeWhat};
use super::super::confirm::{can_ask, confirm, confirm_name};
use super::super::context::Context;
use super::super::control::say;
use super::super::error::{CliError, Exit};
use super::super::safe::safe;
use super::super::{answers, ids};

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
        let looked = purge.look().map(|_| ());
        // Refused as they were named: the table would say that they go.
        if looked.is_err() && !purge.finds_nothing() {
            return Ok(looked?);
        }
        answers::purge::show(context, &purge)?;
        return Ok(looked?);
    }
    if purge.finds_nothing() {
        answers::purge::doubts(context, purge.rows());
    } else if asks {
        // What will be refused anyway is refused without a question.
        let last = purge.look()?;
        say(&answers::purge::selection(purge.rows(), &purge.space()?));
        ask(purge.rows(), &last)?;
    }
    answers::purge::tell(context, purge.carry_out()?)
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
