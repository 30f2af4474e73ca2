//! A whole transaction, for `show`: how it stands first; its steps and events for who asks. Those
//! are in [`events`](super::events).

use crate::model::{EventKind, Progress, State, Transaction, size};
use crate::retire::Whole;

use super::super::safe::{safe, safe_path};
use super::done::until;
use super::events::events;
use super::layout::{align_right, drawn, table, time};
use super::plan::{Look, plan};
use super::standing::{Circumstances, Clock, held_bytes, standing};
use super::who::who;

/// What of it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub secrets: bool,
    pub look: Look,
}

/// `show`: what became of it, who, why, and what waits.
pub fn show(whole: &Whole, asked: Asked) -> String {
    let Asked { secrets, look } = asked;
    let Whole {
        transaction,
        in_quarantine,
        ..
    } = whole;
    let about = Circumstances {
        is_busy: whole.is_busy,
        is_missing: !whole.gone.is_empty(),
        held: None,
    };
    let summary = transaction.summary();
    let evidence = &transaction.evidence;
    let id = transaction.id;
    let mut lines = vec![format!(
        "{id} {} · {}",
        safe(&transaction.domain().name),
        standing(&summary, about, &Clock::here())
    )];
    if let Some((step, count)) = interrupted_at(transaction) {
        let kind = transaction
            .plan
            .steps
            .get(step - 1)
            .map_or("?", |it| it.kind());
        lines.push(format!("At step {step} of {count}: {kind}"));
    }
    // Why it is stuck, or was put back.
    if let Some(cause) = cause(transaction) {
        lines.push(format!("Cause:     {}", safe(cause)));
    }
    lines.push(format!("Started:   {}", time(transaction.started_at)));
    if let Some(finished) = summary.finished_at {
        lines.push(format!("Finished:  {}", time(finished)));
    }
    lines.push(format!("By:        {}", who(evidence)));
    if let Some(reason) = &evidence.reason {
        lines.push(format!("Reason:    {}", safe(reason)));
    }
    for it in &summary.overrides {
        let (what, user) = (safe(&it.by.phrase()), safe(&it.user));
        lines.push(format!("Override:  {what} ({user}, {})", time(it.at)));
    }
    if look.whole {
        lines.push(format!("UUID:      {}", transaction.uuid));
        lines.push(format!("Command:   {}", safe(&evidence.command.join(" "))));
        lines.push(format!("Libvirt:   {}", safe(&evidence.uri)));
        lines.push(format!("Manifest:  {}", safe_path(&transaction.home)));
    }
    for unseen in &evidence.accepted_unseen {
        lines.push(format!("Accepted:  not looked at: {}", safe(unseen)));
    }
    // What was overridden or accepted when it was begun.
    for event in &transaction.events {
        if let EventKind::Entered {
            state: State::Executing,
            cause: Some(cause),
        } = &event.kind
        {
            lines.push(format!("Accepted:  {}", safe(cause)));
        }
    }
    // Those of every run: what was overridden once counts to the end.
    let mut notes: Vec<String> = Vec::new();
    for note in transaction.events.iter().filter_map(|it| it.kind.note()) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    let notes = notes.into_iter();
    lines.extend(notes.map(|note| format!("Note: {}.", safe(&note))));
    lines.push(String::new());
    lines.push(plan(&transaction.plan, look));
    if look.whole {
        lines.push("Events:".into());
        lines.push(events(transaction));
    }
    lines.push(quarantine(transaction, in_quarantine, look));
    match summary.state {
        State::Prepared => lines.push(format!(
            "Decide:  virt-retire commit {id}  or virt-retire rollback {id}"
        )),
        State::Committed => lines.push(format!("Undo:  virt-retire rollback {id}")),
        _ => {}
    }
    if secrets {
        lines.push("Definition:".into());
        // Line by line, so that its layout stays and its contents cannot steer the terminal.
        lines.extend(transaction.definition.xml.reveal().lines().map(safe));
    }
    lines.join("\n")
}

/// Of a transaction that is open: the step that it is at, from 1, and how many there are.
pub fn interrupted_at(transaction: &Transaction) -> Option<(usize, usize)> {
    let is_open = matches!(
        transaction.state(),
        State::Executing | State::RollingBack | State::Stuck | State::Purging
    );
    let progress = transaction.progress();
    let begun = progress.iter().rposition(|it| *it != Progress::Pending)?;
    is_open.then_some((begun + 1, progress.len()))
}

fn cause(transaction: &Transaction) -> Option<&str> {
    if !matches!(transaction.state(), State::Stuck | State::RolledBack) {
        return None;
    }
    transaction
        .events
        .iter()
        .rev()
        .find_map(|event| match &event.kind {
            EventKind::Entered { cause, .. } => cause.as_deref(),
            _ => None,
        })
}

fn quarantine(transaction: &Transaction, in_quarantine: &[usize], look: Look) -> String {
    let waiting: Vec<_> = transaction
        .files()
        .chain(transaction.copies())
        .filter(|(index, ..)| in_quarantine.contains(index))
        .collect();
    if waiting.is_empty() {
        return "Nothing of it is in quarantine.".into();
    }
    let summary = transaction.summary();
    let mut lines = vec![format!(
        "{} held in quarantine and not freed, {}.",
        size(held_bytes(&summary)),
        until(&summary)
    )];
    if !look.whole {
        return lines.remove(0);
    }
    let mut table = table(["In quarantine", "Size", "From"]);
    align_right(&mut table, 1);
    for (_, moved, stored) in waiting {
        table.add_row([
            safe_path(&stored),
            size(moved.facts.allocated),
            safe_path(&moved.path),
        ]);
    }
    lines.push(drawn(&table));
    lines.join("\n")
}
