//! `recover`: finish or undo whatever a crash left open. Safe at every boot.

use crate::engine::Finding;
use crate::retire::{self, RecoveryReport};

use super::super::args::{Confirmation, Output};
use super::super::confirm::{can_ask, confirm};
use super::super::context::Context;
use super::super::control::say;
use super::super::error::CliError;
use super::super::{json, text};

pub fn run(context: &Context, confirmation: Confirmation) -> Result<(), CliError> {
    let left = retire::left_open(context)?;
    // A clean journal needs no question.
    if !(left.open().is_empty() || confirmation.yes) {
        can_ask()?;
        for transaction in left.open() {
            say(&text::left_open(transaction));
        }
        confirm("Go on?")?;
    }
    let report = left.recover(context)?;
    tell(context, &report, confirmation.yes)?;
    Ok(report.refuse_open()?)
}

/// A timer, which says yes beforehand, hears nothing where there was nothing to do.
fn tell(context: &Context, report: &RecoveryReport, by_timer: bool) -> Result<(), CliError> {
    let RecoveryReport {
        recoveries,
        findings,
    } = report;
    match context.output {
        Output::Json => json::print(&json::Recovered::new(recoveries, findings)),
        Output::Text if context.quiet => Ok(()),
        Output::Text => {
            if recoveries.is_empty() && !by_timer {
                text::out("Nothing was left open.")?;
            }
            for recovery in recoveries {
                text::out(&text::recovered(recovery))?;
            }
            // Those that are ours are the error's to tell.
            let told = |finding: &&Finding| !matches!(finding, Finding::Unrecorded { .. });
            (findings.iter().filter(told)).try_for_each(|it| text::out(&text::finding(it)))
        }
    }
}
