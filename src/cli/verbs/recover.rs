//! `recover`: finish or undo whatever a crash left open. Safe at every boot.

use crate::engine::{Engine, Recovered};
use crate::ports::Journal;

use super::super::args::{Output, Sure};
use super::super::confirm::confirm;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::evidence;
use super::super::safe::safe;
use super::report;

pub fn run(context: &Context, sure: Sure) -> Result<(), CliError> {
    if !context.has_state() {
        report::transactions(context, &[]);
        return Ok(());
    }
    let mut journal = context.journal("recover")?;
    // A clean journal needs no libvirt and no question.
    if journal.claiming()?.is_empty() {
        report::transactions(context, &[]);
        return Ok(());
    }
    if !sure.yes {
        confirm("Finish or undo what was left open?")?;
    }
    let host = context.host()?;
    let mut engine = Engine::new(host.world(), &mut journal);
    let recoveries = engine.recover(&evidence::gather(host.uri(), None, Vec::new()))?;
    let summaries: Vec<_> = recoveries
        .iter()
        .map(|recovery| recovery.transaction.summary())
        .collect();
    report::transactions(context, &summaries);
    let mut stuck = Vec::new();
    for recovery in &recoveries {
        match &recovery.result {
            Recovered::Undone => {}
            Recovered::Finished { because } => {
                if !context.quiet && context.output == Output::Text {
                    eprintln!(
                        "transaction {} could not be undone ({}), so it was finished",
                        recovery.transaction.id,
                        safe(because)
                    );
                }
            }
            Recovered::Stuck { forward, back } => stuck.push(format!(
                "transaction {} is stuck: back: {back}; forward: {forward}",
                recovery.transaction.id
            )),
        }
    }
    if stuck.is_empty() {
        Ok(())
    } else {
        Err(CliError::new(
            Exit::Unfinished,
            "stuck",
            stuck.join("; "),
            "mend one of the two causes, then: virt-retire recover",
        ))
    }
}
