//! `list`: one line a transaction.

use crate::model::Summary;
use crate::ports::JournalReader;

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::{json, text};

pub fn run(context: &Context) -> Result<(), CliError> {
    let summaries: Vec<Summary> = if context.has_state() {
        context.reader("list")?.summaries()?
    } else {
        Vec::new()
    };
    match context.output {
        Output::Json => json::print(&json::Transactions::new(&summaries)),
        Output::Text => text::out(&text::list(&summaries)),
    }
}
