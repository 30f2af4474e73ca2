//! The transactions that the words on the command line mean.

use crate::model::{Filter, TransactionId, quoted};
use crate::ports::{JournalError, JournalReader};
use crate::retire::retired_domain;

use super::args::Meant;
use super::context::Context;
use super::error::{CliError, Exit};

/// Each once, in the operator's order.
///
/// # Errors
/// A word leads beyond what the journal has: exit 1, nothing changed.
pub fn meant(context: &Context, words: &[Meant]) -> Result<Vec<TransactionId>, CliError> {
    Ok(once(ranges(context, words)?.into_iter().flatten()))
}

fn once(ids: impl Iterator<Item = TransactionId>) -> Vec<TransactionId> {
    let mut found = Vec::new();
    for id in ids {
        if !found.contains(&id) {
            found.push(id);
        }
    }
    found
}

/// What each word means.
fn ranges(context: &Context, words: &[Meant]) -> Result<Vec<Vec<TransactionId>>, CliError> {
    let mut newest = None;
    let mut ranges = Vec::new();
    for word in words {
        let (first, last) = match *word {
            Meant::One(id) => (id, id),
            Meant::Range(first, last) => {
                let newest = known(context, &mut newest)?;
                if last > newest {
                    return Err(JournalError::NoSuchTransaction(last).into());
                }
                (first, last)
            }
            Meant::Last(back) => {
                let newest = known(context, &mut newest)?;
                let id = TransactionId(newest.0.saturating_sub(back));
                (id, id)
            }
        };
        ranges.push((first.0..=last.0).map(TransactionId).collect());
    }
    Ok(ranges)
}

/// The newest transaction of a domain that `rollback` could bring back.
///
/// # Errors
/// There is none: exit 1, nothing changed.
pub fn newest_of(context: &Context, domain: &str) -> Result<TransactionId, CliError> {
    let found = retired_domain(context, domain);
    found.map(|summary| summary.id).ok_or_else(|| {
        CliError::unchanged(
            Exit::Error,
            "no-such-transaction",
            format!("no transaction of {domain} can be rolled back"),
            format!(
                "to see what there is: virt-retire list --domain {}",
                quoted(domain)
            ),
        )
    })
}

/// The newest transaction's id; 0, which no transaction has, where there is none.
fn known(context: &Context, found: &mut Option<TransactionId>) -> Result<TransactionId, CliError> {
    if let Some(newest) = *found {
        return Ok(newest);
    }
    let newest = match context.has_journal()? {
        true => {
            let latest = context
                .reader("list")?
                .select(&Filter::default(), Some(1))?;
            latest.first().map(|it| it.id)
        }
        false => None,
    };
    Ok(*found.insert(newest.unwrap_or(TransactionId(0))))
}
