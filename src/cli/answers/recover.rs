//! What `recover` did with each transaction, and what it would do.

use serde::Serialize;

use crate::engine::{Finding, Recovered, Recovery};
use crate::model::{FileRole, Progress, State, Step, Transaction, count, size};

use crate::retire::RecoveryReport;

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::safe::safe;
use super::finding::{FindingJson, finding};
use super::show::At;
use super::transactions::TransactionJson;
use super::{out, print};

/// A timer, which says yes beforehand, hears nothing where there was nothing to do.
pub fn tell(context: &Context, report: &RecoveryReport, by_timer: bool) -> Result<(), CliError> {
    let RecoveryReport {
        recoveries,
        findings,
    } = report;
    match context.output {
        Output::Json => print(&RecoveredJson::new(recoveries, findings)),
        Output::Text if context.quiet => Ok(()),
        Output::Text => {
            if recoveries.is_empty() && !by_timer {
                out("Nothing was left open.")?;
            }
            for recovery in recoveries {
                out(&recovered(recovery))?;
            }
            // Those that are ours are the error's to tell.
            let told = |finding: &&Finding| !matches!(finding, Finding::Unrecorded { .. });
            (findings.iter().filter(told)).try_for_each(|it| out(&finding(it)))
        }
    }
}

/// One line on what `recover` did with a transaction.
fn recovered(recovery: &Recovery) -> String {
    let transaction = &recovery.transaction;
    let (id, name) = (transaction.id, safe(&transaction.domain().name));
    let notes = transaction.notes();
    let told = match &recovery.result {
        Recovered::Purged => format!(
            "Transaction {id}: the purge of domain {name} had been begun, and is finished; {} \
             freed (purged).",
            size(transaction.freed())
        ),
        Recovered::Undone { missing } => format!(
            "Transaction {id}: domain {name} was left half retired; it is back{}, {} and definition \
             (rolled-back).",
            match notes.is_empty() && missing.is_empty() {
                true => " as it was",
                false => "",
            },
            count(transaction.files().count() - missing.len(), "file")
        ),
        Recovered::Finished {
            because,
            undefinable,
        } => format!(
            "Transaction {id}: domain {name} could not be put back ({}), so its retirement was \
             finished ({}). To undo it: virt-retire rollback {id}{}",
            safe(because),
            transaction.state().word(),
            match undefinable {
                true => format!(
                    " --xml FILE, with a repaired definition, or for its files alone: virt-retire \
                     rollback {id} --files"
                ),
                false => String::new(),
            }
        ),
        Recovered::Stuck { forward, back } => format!(
            "Transaction {id}: domain {name} is stuck. Back: {}. Forward: {}.",
            safe(back),
            safe(forward)
        ),
        Recovered::Left { because } => format!(
            "Transaction {id}: domain {name} is left {}: {}",
            transaction.state().word(),
            safe(because)
        ),
    };
    let notes = notes.iter().map(|note| format!("Note: {}.", safe(note)));
    std::iter::once(told)
        .chain(notes)
        .collect::<Vec<_>>()
        .join("\n")
}

/// What `recover` did: the transactions, each with the way it went and why.
#[derive(Serialize)]
struct RecoveredJson {
    transactions: Vec<RecoveryJson>,
    findings: Vec<FindingJson>,
}

#[derive(Serialize)]
struct RecoveryJson {
    #[serde(flatten)]
    transaction: TransactionJson,
    /// `undone`, `finished`, `stuck` or `left`.
    recovery: &'static str,
    /// Why it did not go back.
    back: Option<String>,
    /// Why it did not go forward.
    forward: Option<String>,
}

impl RecoveredJson {
    fn new(recoveries: &[Recovery], findings: &[Finding]) -> Self {
        let one = |recovery: &Recovery| {
            let (word, back, forward) = match &recovery.result {
                Recovered::Undone { .. } => ("undone", None, None),
                Recovered::Purged => ("purged", None, None),
                Recovered::Finished { because, .. } => ("finished", Some(because), None),
                Recovered::Stuck { forward, back } => ("stuck", Some(back), Some(forward)),
                Recovered::Left { because } => ("left", Some(because), None),
            };
            RecoveryJson {
                transaction: TransactionJson::from(&recovery.transaction.summary()),
                recovery: word,
                back: back.cloned(),
                forward: forward.cloned(),
            }
        };
        Self {
            transactions: recoveries.iter().map(one).collect(),
            findings: findings.iter().map(FindingJson::from).collect(),
        }
    }
}

/// `21 web was interrupted at step 9 of 44`
pub fn interrupted(transaction: &Transaction) -> String {
    let name = safe(&transaction.domain().name);
    let what = match transaction.state() {
        State::Stuck => "is stuck",
        State::RollingBack if transaction.was_asked_back() => "was interrupted on its way back",
        State::Purging => "was interrupted in its purge",
        _ => "was interrupted",
    };
    let at = At::of(transaction).map_or(String::new(), |at| format!(" {at}"));
    format!("{} {name} {what}{at}", transaction.id)
}

/// The same, and which of the two `recover` will do.
pub fn left_open(transaction: &Transaction) -> String {
    let what = match transaction.state() {
        State::Purging => {
            "It will be FINISHED: what is left of it in quarantine goes for good.".to_owned()
        }
        _ => format!("It will be UNDONE: {}.", goes_back(transaction)),
    };
    format!("{}.\n{what}", interrupted(transaction))
}

/// `40 disks and the definition go back`
fn goes_back(transaction: &Transaction) -> String {
    let steps = transaction.plan.steps.iter().zip(transaction.progress());
    let begun =
        steps.filter(|(_, progress)| !matches!(progress, Progress::Pending | Progress::Undone));
    let begun: Vec<&Step> = begun.map(|(step, _)| step).collect();
    let files = begun.iter().filter_map(|step| step.file());
    let (disks, others): (Vec<_>, Vec<_>) =
        files.partition(|moved| matches!(moved.role, FileRole::Disk { .. }));
    let undefined = begun.iter().any(|step| matches!(step, Step::Undefine(_)));
    let things = disks.len() + others.len() + usize::from(undefined);
    let mut parts = Vec::new();
    if !disks.is_empty() {
        parts.push(count(disks.len(), "disk"));
    }
    if !others.is_empty() {
        let what = if parts.is_empty() {
            "file"
        } else {
            "other file"
        };
        parts.push(count(others.len(), what));
    }
    if undefined {
        parts.push("the definition".to_owned());
    }
    match parts.as_slice() {
        [] => "nothing of it had been taken away yet".to_owned(),
        [one] if things == 1 => format!("{one} goes back"),
        [many] => format!("{many} go back"),
        [first @ .., last] => format!("{} and {last} go back", first.join(", ")),
    }
}
