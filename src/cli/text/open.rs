//! Transactions that a crash has left open, before `recover` treats them, and for every other
//! command in one line.

use crate::model::{FileRole, Progress, State, Step, Transaction, count};

use super::super::safe::safe;
use super::show::interrupted_at;

/// `21 web was interrupted at step 9 of 44`
pub fn interrupted(transaction: &Transaction) -> String {
    let name = safe(&transaction.domain().name);
    let what = match transaction.state() {
        State::Stuck => "is stuck",
        State::RollingBack if transaction.was_asked_back() => "was interrupted on its way back",
        State::Purging => "was interrupted in its purge",
        _ => "was interrupted",
    };
    let at = interrupted_at(transaction);
    let at = at.map_or(String::new(), |(step, all)| {
        format!(" at step {step} of {all}")
    });
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
    if begun.iter().any(|step| matches!(step, Step::Undefine(_))) {
        parts.push("the definition".to_owned());
    }
    match parts.as_slice() {
        [] => "nothing of it had been taken away yet".to_owned(),
        [one] => format!(
            "{one} {}",
            if one.starts_with("1 ") {
                "goes back"
            } else {
                "go back"
            }
        ),
        [first @ .., last] => format!("{} and {last} go back", first.join(", ")),
    }
}
