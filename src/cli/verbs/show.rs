//! `show`: one transaction, whole.

use crate::engine;
use crate::model::{Progress, TransactionId};
use crate::ports::{JournalError, JournalReader};

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::text::{Asked, Circumstances};
use super::super::{json, pager, text};

pub fn run(context: &Context, id: TransactionId, security_info: bool) -> Result<(), CliError> {
    if !context.has_journal()? {
        return Err(JournalError::NoSuchTransaction(id).into());
    }
    let reader = context.reader("show")?;
    let transaction = reader.read(id)?;
    let is_busy = reader.is_busy();
    drop(reader);
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
    let gone = engine::missing(context.files(), &transaction);
    if context.output == Output::Json {
        return json::print(&json::Shown::new(
            &transaction,
            &in_quarantine,
            &gone,
            security_info,
        ));
    }
    let about = Circumstances {
        is_busy,
        is_missing: !gone.is_empty(),
        held: None,
    };
    let asked = Asked {
        secrets: security_info,
        look: context.look(),
    };
    pager::show(
        context,
        &text::show(&transaction, &in_quarantine, about, asked),
    )
}
