//! A whole transaction, for `show`. Its events are in [`events`](super::events).

use indicatif::HumanBytes;

use crate::model::Transaction;

use super::super::safe::{safe, safe_path};
use super::events::events;
use super::layout::{align_right, drawn, table, time};
use super::plan;
use super::who::who;

/// `show`: who, why, the plan, what happened, what waits where.
pub fn show(transaction: &Transaction, in_quarantine: &[usize], secrets: bool) -> String {
    let summary = transaction.summary();
    let evidence = &transaction.evidence;
    let mut lines = vec![
        format!("Transaction {} ({})", transaction.id, transaction.uuid),
        format!("State:     {}", summary.state.word()),
        format!("Started:   {}", time(transaction.started_at)),
    ];
    if let Some(finished) = summary.finished_at {
        lines.push(format!("Finished:  {}", time(finished)));
    }
    lines.push(format!("By:        {}", who(evidence)));
    lines.push(format!("Command:   {}", safe(&evidence.command.join(" "))));
    if let Some(reason) = &evidence.reason {
        lines.push(format!("Reason:    {}", safe(reason)));
    }
    for it in &summary.overrides {
        let (what, user) = (safe(&it.by.phrase()), safe(&it.user));
        lines.push(format!("Override:  {what} ({user}, {})", time(it.at)));
    }
    lines.push(format!("Libvirt:   {}", safe(&evidence.uri)));
    lines.push(format!("Manifest:  {}", safe_path(&transaction.home)));
    lines.push(String::new());
    lines.push(plan(&transaction.plan));
    lines.push(String::new());
    lines.push("Events:".into());
    lines.push(events(transaction));
    lines.push(String::new());
    lines.push(quarantine(transaction, in_quarantine));
    if secrets {
        lines.push(String::new());
        lines.push("Definition:".into());
        // Line by line, so that its layout stays and its contents cannot steer the terminal.
        lines.extend(transaction.definition.xml.reveal().lines().map(safe));
    }
    lines.join("\n")
}

fn quarantine(transaction: &Transaction, in_quarantine: &[usize]) -> String {
    let waiting: Vec<_> = transaction
        .files()
        .chain(transaction.copies())
        .filter(|(index, ..)| in_quarantine.contains(index))
        .collect();
    if waiting.is_empty() {
        return "Nothing of it is in quarantine.".into();
    }
    let mut table = table(["In quarantine", "Size", "From"]);
    align_right(&mut table, 1);
    for (_, moved, stored) in waiting {
        table.add_row([
            safe_path(&stored),
            HumanBytes(moved.facts.size).to_string(),
            safe_path(&moved.path),
        ]);
    }
    drawn(&table)
}
