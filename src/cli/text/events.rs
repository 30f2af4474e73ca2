//! What happened to a transaction, one line an event.

use crate::model::{Amendment, EventKind, Transaction, size};

use super::super::safe::safe;
use super::layout::{align_right, drawn, table, time};
use super::who::who;

pub(super) fn events(transaction: &Transaction) -> String {
    let mut table = table(["#", "When", "What"]);
    align_right(&mut table, 0);
    let step = |index: usize| {
        transaction
            .plan
            .steps
            .get(index)
            .map_or("?", |step| step.kind())
    };
    for event in &transaction.events {
        let what = match &event.kind {
            EventKind::Entered { state, cause: None } => format!("state {}", state.word()),
            EventKind::Entered {
                state,
                cause: Some(cause),
            } => format!("state {}: {}", state.word(), safe(cause)),
            EventKind::Intent {
                step: index,
                direction,
            } => format!("{} {} {}", direction.word(), index + 1, step(*index)),
            EventKind::Withdrawn {
                step: index,
                direction,
            } => format!(
                "{} {} {}: not run",
                direction.word(),
                index + 1,
                step(*index)
            ),
            EventKind::Outcome {
                step: index,
                direction,
                result,
            } => {
                let how = match result {
                    Ok(false) => "done".to_owned(),
                    Ok(true) => "already done".to_owned(),
                    Err(error) => format!("failed: {}", safe(error)),
                };
                format!("{} {} {}: {how}", direction.word(), index + 1, step(*index))
            }
            EventKind::Decided { verb, by } => {
                format!("{} by {}", safe(verb.word()), who(by))
            }
            EventKind::Settled { files, .. } => {
                format!("stopped; {} files looked at again", files.len())
            }
            EventKind::Held { name, reason, user } => {
                format!(
                    "held by {} as '{}': {}",
                    safe(user),
                    safe(name),
                    safe(reason)
                )
            }
            EventKind::Released { name, user } => {
                format!("hold '{}' released by {}", safe(name), safe(user))
            }
            EventKind::Wiped { step: index, wiped } => format!(
                "wipe {index} {} ({}): {} overwritten, {} skipped, on {}, {}; claim: {}",
                step(*index),
                wiped.method.word(),
                size(wiped.overwritten),
                size(wiped.shared),
                safe(&wiped.file_system),
                safe(&wiped.medium),
                safe(&wiped.claim)
            ),
            EventKind::Wiping { method } => format!("overwritten first ({})", method.word()),
            EventKind::Destroying { step: index } => format!("purge {index} {}", step(*index)),
            EventKind::Destroyed {
                step: index,
                result,
            } => {
                let how = match result {
                    Ok(bytes) => format!("{} freed", size(*bytes)),
                    Err(error) => format!("failed: {}", safe(error)),
                };
                format!("purge {index} {}: {how}", step(*index))
            }
            EventKind::Noted { .. } | EventKind::SetAside { .. } | EventKind::Imported { .. } => {
                safe(&event.kind.note().unwrap_or_default())
            }
            EventKind::Renamed(rename) => format!(
                "restored as {} ({})",
                safe(&rename.domain.name),
                rename.domain.uuid
            ),
            EventKind::Amended(amendment) => safe(&amended(amendment)),
            EventKind::Digested {
                step: index,
                result,
            } => {
                let how = match result {
                    Ok(digest) => digest.to_string(),
                    Err(error) => format!("failed: {}", safe(error)),
                };
                format!("digest {index} {}: {how}", step(*index))
            }
        };
        table.add_row([event.sequence.to_string(), time(event.at), what]);
    }
    drawn(&table)
}

/// In what a rollback departs from what was saved.
fn amended(amendment: &Amendment) -> String {
    let mut words = Vec::new();
    if amendment.files_only {
        words.push("the files alone".to_owned());
    }
    if amendment.xml.is_some() {
        words.push("a repaired definition".to_owned());
    }
    let paths = amendment.paths.iter();
    words.extend(paths.map(|(old, new)| format!("{} is now {}", old.display(), new.display())));
    format!("restored with: {}", words.join("; "))
}
