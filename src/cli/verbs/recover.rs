//! `recover`: finish or undo whatever a crash left open. Safe at every boot.

use crate::engine::Finding;
use crate::model::Transaction;
use crate::retire::{self, RecoveryReport};

use super::super::args::{Output, Sure};
use super::super::confirm::confirm;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::safe::safe;
use super::super::{json, left, text};

pub fn run(context: &Context, sure: Sure) -> Result<(), CliError> {
    let left = retire::left_open(context)?;
    // A clean journal needs no question.
    if !(left.open().is_empty() || sure.yes) {
        confirm(&format!("Finish or undo {}?", named(left.open())))?;
    }
    let report = left.recover(context)?;
    tell(context, &report)?;
    left::refuse(&report.recoveries)?;
    refuse_unrecorded(&report.findings)
}

/// # Errors
/// The journal does not know of a transaction of ours, which may be half done: exit 5.
fn refuse_unrecorded(findings: &[Finding]) -> Result<(), CliError> {
    let is_ours = |finding: &&Finding| matches!(finding, Finding::Unrecorded { .. });
    let unrecorded: Vec<&Finding> = findings.iter().filter(is_ours).collect();
    let Some(first) = unrecorded.first() else {
        return Ok(());
    };
    let messages: Vec<String> = unrecorded.iter().map(|finding| finding.message()).collect();
    Err(CliError::new(
        Exit::Unfinished,
        first.code(),
        messages.join("; "),
        first.hint(),
    ))
}

fn named(open: &[Transaction]) -> String {
    let words: Vec<String> = open
        .iter()
        .map(|transaction| {
            format!(
                "transaction {} of domain '{}' ({})",
                transaction.id,
                safe(&transaction.domain().name),
                transaction.state().word()
            )
        })
        .collect();
    words.join(", ")
}

fn tell(context: &Context, report: &RecoveryReport) -> Result<(), CliError> {
    let RecoveryReport {
        recoveries,
        findings,
    } = report;
    match context.output {
        Output::Json => json::print(&json::Recovered::new(recoveries, findings)),
        Output::Text if context.quiet => Ok(()),
        Output::Text => {
            if recoveries.is_empty() {
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
