//! `recover`: finish or undo whatever a crash left open. Safe at every boot.

use crate::adapters::sled_journal::SledJournal;
use crate::engine::{Engine, Finding, Recovered, Recovery, open_transactions};
use crate::model::Transaction;

use super::super::args::{Output, Sure};
use super::super::confirm::confirm;
use super::super::context::{Context, Host};
use super::super::error::{CliError, Exit};
use super::super::evidence;
use super::super::safe::safe;
use super::super::{json, left, text};

pub fn run(context: &Context, sure: Sure) -> Result<(), CliError> {
    if !context.has_journal()? {
        return tell(context, &[], &[]);
    }
    let mut journal = context.journal("recover")?;
    let findings = context.compare(&journal)?;
    // A clean journal needs no libvirt and no question.
    let open = open_transactions(&journal)?;
    if open.is_empty() {
        tell(context, &[], &findings)?;
        return refuse_unrecorded(&findings);
    }
    if !sure.yes {
        confirm(&format!("Finish or undo {}?", named(&open)))?;
    }
    context.begin()?;
    let mut recoveries = Vec::new();
    for transaction in open {
        // Each at the libvirt it was on. One that is out of reach keeps no other waiting.
        let recovery = match context.host_of(&transaction.evidence.uri) {
            Ok(host) => one(context, &host, &mut journal, transaction)?,
            Err(error) => Recovery {
                transaction,
                result: Recovered::Left {
                    because: error.message,
                },
            },
        };
        recoveries.push(recovery);
    }
    tell(context, &recoveries, &findings)?;
    left::refuse(&recoveries)?;
    refuse_unrecorded(&findings)
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

/// One whose domain another command holds, with a journal of its own, is left to the next recovery.
fn one(
    context: &Context,
    host: &Host,
    journal: &mut SledJournal,
    transaction: Transaction,
) -> Result<Recovery, CliError> {
    let domains = [transaction.domain().clone()];
    let _locks = match context.lock(host, &domains, "recover") {
        Ok(locks) => locks,
        Err(error) => {
            return Ok(Recovery {
                transaction,
                result: Recovered::Left {
                    because: error.message,
                },
            });
        }
    };
    let by = evidence::gather(host.uri(), None, Vec::new());
    Ok(Engine::new(host.world(), journal).recover(transaction.id, &by)?)
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

fn tell(context: &Context, recoveries: &[Recovery], findings: &[Finding]) -> Result<(), CliError> {
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
