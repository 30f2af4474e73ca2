//! `recover`: finish or undo whatever a crash left open. Safe at every boot.

use crate::retire;

use super::super::answers;
use super::super::args::Confirmation;
use super::super::confirm::{can_ask, confirm};
use super::super::context::Context;
use super::super::control::say;
use super::super::error::CliError;

pub fn run(context: &Context, confirmation: Confirmation) -> Result<(), CliError> {
    let left = retire::left_open(context)?;
    // A clean journal needs no question.
    if !(left.open().is_empty() || confirmation.yes) {
        can_ask()?;
        for transaction in left.open() {
            say(&answers::recover::left_open(transaction));
        }
        confirm("Go on?")?;
    }
    let report = left.recover(context)?;
    answers::recover::tell(context, &report, confirmation.yes)?;
    Ok(report.refuse_open()?)
}
