//! `list`: one line a transaction, the newest first.

use crate::model::Summary;
use crate::ports::JournalReader;

use super::super::args::{FilterArgs, Output};
use super::super::context::Context;
use super::super::error::CliError;
use super::super::{json, text};

pub fn run(context: &Context, filter: &FilterArgs) -> Result<(), CliError> {
    let summaries: Vec<Summary> = if context.has_journal()? {
        let reader = context.reader("list")?;
        reader.select(&filter.filter(), filter.limit)?
    } else {
        Vec::new()
    };
    match context.output {
        Output::Json => json::print(&json::Transactions::new(&summaries)),
        Output::Text => text::out(&text::list(&summaries)),
    }
}
