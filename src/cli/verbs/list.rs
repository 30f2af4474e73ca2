//! `list`: one line a transaction, the newest first.

use crate::engine;
use crate::model::{Space, Summary};
use crate::ports::JournalReader;

use super::super::args::{FilterArgs, Output};
use super::super::context::Context;
use super::super::error::CliError;
use super::super::{json, text};

pub fn run(context: &Context, filter: &FilterArgs) -> Result<(), CliError> {
    let (summaries, space): (Vec<Summary>, Space) = if context.has_journal()? {
        let reader = context.reader("list")?;
        let summaries = reader.select(&filter.filter(), filter.limit)?;
        let space = engine::space(&reader, &context.files(), &summaries)?;
        (summaries, space)
    } else {
        Default::default()
    };
    match context.output {
        Output::Json => json::print(&json::Listed::new(&summaries, &space)),
        Output::Text => text::out(&text::list(&summaries)),
    }
}
