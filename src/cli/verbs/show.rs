//! `show`: one transaction, whole.

use crate::model::{Progress, TransactionId};

use crate::ports::{JournalError, JournalReader};

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::{json, text};

pub fn run(context: &Context, id: TransactionId, security_info: bool) -> Result<(), CliError> {
    if !context.has_journal()? {
        return Err(JournalError::NoSuchTransaction(id).into());
    }
    let transaction = context.reader("show")?.read(id)?;
    let in_quarantine: Vec<usize> = transaction
        .progress()
        .into_iter()
        .enumerate()
        .filter(|(_, progress)| {
            !matches!(
                progress,
                Progress::Pending | Progress::Undone | Progress::Destroyed
            )
        })
        .map(|(index, _)| index)
        .collect();
    match context.output {
        Output::Json => json::print(&json::Shown::new(
            &transaction,
            &in_quarantine,
            security_info,
        )),
        Output::Text => text::out(&text::show(&transaction, &in_quarantine, security_info)),
    }
}
