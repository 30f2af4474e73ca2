//! Plans before they are carried out: shown, asked about, refused.

use crate::retire::Planned;

use super::args::Output;
use super::confirm::{can_ask, confirm};
use super::context::Context;
use super::control::say;
use super::error::CliError;
use super::text;

pub fn show(planned: &[Planned]) -> Result<(), CliError> {
    let plans: Vec<String> = planned
        .iter()
        .map(|planned| text::plan(&planned.plan))
        .collect();
    text::out(&plans.join("\n\n"))
}

/// Shows the plans where the question is asked: on stderr, as stdout is for the answer.
pub fn ask(context: &Context, planned: &[Planned]) -> Result<(), CliError> {
    match context.output {
        Output::Text => show(planned)?,
        // Without anyone to ask, stderr has the one document that says so.
        Output::Json => {
            can_ask()?;
            for planned in planned {
                say(&text::plan(&planned.plan));
            }
        }
    }
    confirm("Go on?")
}
