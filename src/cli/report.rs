//! What every verb that changes transactions says at its end.

use crate::model::Summary;

use super::args::Output;
use super::context::Context;
use super::error;
use super::{json, text};

/// One line, or one JSON object, a transaction.
///
/// By now the work is done, and the exit code speaks of the work: an answer that cannot be written
/// (a full disk behind `>`) is told on stderr and changes nothing.
pub fn transactions(context: &Context, touched: &[Summary]) {
    let told = match context.output {
        Output::Json => json::print(&json::Transactions::new(touched)),
        Output::Text if context.quiet => Ok(()),
        Output::Text if touched.is_empty() => Ok(()),
        Output::Text => text::out(&text::done(touched)),
    };
    if let Err(untold) = told {
        error::print(&untold, context.output);
    }
}

/// A line of text after the work is done.
pub fn say(line: String) {
    if let Err(untold) = text::out(&line) {
        error::print(&untold, Output::Text);
    }
}
