//! What every verb that changed a transaction says of it.

use indicatif::HumanBytes;

use crate::model::{State, Summary};

use super::super::safe::safe;

/// Until when it is kept. A date alone: what matters is whether there is time to look at it.
pub(super) fn until(summary: &Summary) -> String {
    match (summary.is_held(), summary.expires_at) {
        (true, _) => "until its holds are released".into(),
        (false, Some(at)) => format!("until {}", at.strftime("%Y-%m-%d %H:%M UTC")),
        (false, None) => "until it is purged".into(),
    }
}

/// One line after a verb that changed a transaction.
pub fn done(summary: &Summary) -> String {
    let id = summary.id;
    let next = match summary.state {
        State::Prepared => {
            format!("decide: virt-retire commit {id}, or virt-retire rollback {id}")
        }
        State::Committed if summary.bytes > 0 => format!(
            "to undo: virt-retire rollback {id}; to free the space now: virt-retire purge {id}"
        ),
        State::Committed => format!("to undo: virt-retire rollback {id}"),
        State::RolledBack => match &summary.restored_as {
            Some(domain) => format!("back as {}, {}", safe(&domain.name), domain.uuid),
            None => "everything is back where it was".to_owned(),
        },
        _ => format!("to see it: virt-retire show {id}"),
    };
    let waiting = match summary.state {
        State::Prepared | State::Committed if summary.bytes > 0 => {
            format!(
                ", {} held in quarantine and not freed, {}",
                HumanBytes(summary.bytes),
                until(summary)
            )
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
    lines.extend(summary.holds.iter().map(|hold| {
        format!(
            "Held as '{}' by {}: {}",
            safe(&hold.name),
            safe(&hold.user),
            safe(&hold.reason)
        )
    }));
    lines.join("\n")
}
