//! `log`: the event log, an entry a line; `log --checkpoint`.

use crate::model::Filter;
use crate::ports::{JournalReader, Log};

use super::super::answers;
use super::super::answers::log::Page;
use super::super::context::Context;
use super::super::error::CliError;

/// At most `limit` entries, the newest, and of those the oldest first.
pub fn run(context: &Context, filter: &Filter, limit: Option<usize>) -> Result<(), CliError> {
    let mut page = Page::new(context);
    if context.has_journal()? {
        let mut failed = None;
        context
            .reader("log")?
            .entries(filter, limit, &mut |entry| {
                Ok(page.print(&entry).unwrap_or_else(|error| {
                    failed = Some(error);
                    false
                }))
            })?;
        if let Some(error) = failed {
            return Err(error);
        }
    }
    page.end()
}

pub fn print_checkpoint(context: &Context) -> Result<(), CliError> {
    let journal = context.journal("log --checkpoint")?;
    answers::log::checkpoint(context, &journal.checkpoint())
}
