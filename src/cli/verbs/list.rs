//! `list`: every transaction, a line each.

use crate::model::Summary;

use crate::ports::JournalReader;

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::{json, text};

pub fn run(context: &Context) -> Result<(), CliError> {
    let summaries: Vec<Summary> = context.reader("list")?.summaries()?;
    match context.output {
        Output::Json => json::print(&json::Transactions::new(&summaries)),
        Output::Text => text::out(&text::list(&summaries)),
    }
}
