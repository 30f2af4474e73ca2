//! `recover`: finish or undo whatever a crash left open. Safe at every boot.

use crate::engine::{Engine, Recovered, Recovery, open_transactions};
use crate::model::Transaction;

use super::super::args::{Output, Sure};
use super::super::confirm::confirm;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::evidence;
use super::super::safe::safe;
use super::super::{json, text};

pub fn run(context: &Context, sure: Sure) -> Result<(), CliError> {
    if !context.has_journal()? {
        return tell(context, &[]);
    }
    let mut journal = context.journal("recover")?;
    // A clean journal needs no libvirt and no question.
    let open = open_transactions(&journal)?;
    if open.is_empty() {
        return tell(context, &[]);
    }
    if !sure.yes {
        confirm(&format!("Finish or undo {}?", named(&open)))?;
    }
    context.begin()?;
    let mut recoveries = Vec::new();
    for transaction in open {
        // Each at the libvirt it was on. One that is out of reach keeps no other waiting.
        let recovery = match context.host_of(&transaction.evidence.uri) {
            Ok(host) => Engine::new(host.world(), &mut journal).recover(
                transaction.id,
                &evidence::gather(host.uri(), None, Vec::new()),
            )?,
            Err(error) => Recovery {
                transaction,
                result: Recovered::Left {
                    because: error.message,
                },
            },
        };
        recoveries.push(recovery);
    }
    tell(context, &recoveries)?;
    refuse_left(&recoveries)
}

/// # Errors
/// One of them is still open: exit 5.
pub fn refuse_left(recoveries: &[Recovery]) -> Result<(), CliError> {
    let open: Vec<String> = recoveries.iter().filter_map(still_open).collect();
    if open.is_empty() {
        return Ok(());
    }
    let is_stuck = |recovery: &Recovery| matches!(recovery.result, Recovered::Stuck { .. });
    Err(CliError::new(
        Exit::Unfinished,
        if recoveries.iter().any(is_stuck) {
            "stuck"
        } else {
            "unfinished"
        },
        open.join("; "),
        "mend the cause (one of the two, of what is stuck), then: virt-retire recover",
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

fn tell(context: &Context, recoveries: &[Recovery]) -> Result<(), CliError> {
    match context.output {
        Output::Json => json::print(&json::Recovered::new(recoveries)),
        Output::Text if context.quiet => Ok(()),
        Output::Text if recoveries.is_empty() => text::out("Nothing was left open."),
        Output::Text => recoveries
            .iter()
            .try_for_each(|recovery| text::out(&text::recovered(recovery))),
    }
}

fn still_open(recovery: &Recovery) -> Option<String> {
    let id = recovery.transaction.id;
    match &recovery.result {
        Recovered::Undone | Recovered::Finished { .. } => None,
        Recovered::Stuck { forward, back } => Some(format!(
            "transaction {id} is stuck: back: {back}; forward: {forward}"
        )),
        Recovered::Left { because } => Some(format!(
            "transaction {id} is still {}, and nothing is lost: {because}",
            recovery.transaction.state().word()
        )),
    }
}
