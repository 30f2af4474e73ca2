//! What every verb that changed a transaction says of it.

use indicatif::HumanBytes;

use crate::model::{State, Summary};

use super::super::safe::safe;

/// One line after a verb that changed a transaction.
pub fn done(summary: &Summary) -> String {
    let id = summary.id;
    let next = match summary.state {
        State::Prepared => {
            format!("decide: virt-retire commit {id}, or virt-retire rollback {id}")
        }
        State::Committed => format!("to undo: virt-retire rollback {id}"),
        State::RolledBack => match &summary.restored_as {
            Some(domain) => format!("back as {}, {}", safe(&domain.name), domain.uuid),
            None => "everything is back where it was".to_owned(),
        },
        _ => format!("to see it: virt-retire show {id}"),
    };
    let waiting = match summary.state {
        State::Prepared | State::Committed if summary.bytes > 0 => {
            format!(", {} in quarantine", HumanBytes(summary.bytes))
        }
        _ => String::new(),
    };
    let mut lines = vec![format!(
        "Transaction {id}: domain {} is {}{waiting} ({next}).",
        safe(&summary.domain.name),
        summary.state.word(),
    )];
    lines.extend(
        summary
            .notes
            .iter()
            .map(|note| format!("Note: {}.", safe(note))),
    );
    lines.join("\n")
}
