//! Around a decision: what waits in quarantine before it, what is there again after `rollback`.

use crate::model::{Transaction, count, size};

use super::super::safe::{safe, safe_path};
use super::layout::{Width, shortened};
use super::standing::{Circumstances, Clock, held_bytes, standing};

/// Which transaction it is, how it stands, and what it holds: one line.
pub fn transaction(transaction: &Transaction) -> String {
    let summary = transaction.summary();
    let mut line = format!(
        "{} {} · {}",
        transaction.id,
        safe(&transaction.domain().name),
        standing(&summary, Circumstances::default(), &Clock::here()),
    );
    match held_bytes(&summary) {
        0 => {}
        bytes => line.push_str(&format!(" · {} in quarantine", size(bytes))),
    }
    if let Some(reason) = &summary.reason {
        line.push_str(&format!(" · {}", safe(reason)));
    }
    if transaction.is_imported() {
        line.push_str(
            "\n  it is imported: nothing proves that this program wrote what it says of the domain \
             and its files",
        );
    }
    line
}

/// Before `rollback` asks: the same, and where each file comes back. Of several transactions the
/// line has to do.
pub fn would_come_back(transactions: &[Transaction]) -> String {
    let mut lines = Vec::new();
    for one in transactions {
        lines.push(transaction(one));
        if transactions.len() > 1 {
            lines.push(format!("  {} back", count(one.files().count(), "file")));
            continue;
        }
        let width = Width::of_screen();
        lines.extend(one.files().map(|(_, moved, _)| {
            let size = size(moved.facts.allocated);
            let path = safe_path(&moved.path);
            let path = match width {
                Width(Some(width)) => shortened(&path, width.saturating_sub(18)),
                Width(None) => path,
            };
            format!("  back  {size:>9}  {path}")
        }));
    }
    lines.join("\n")
}

/// After `rollback`: what is there again.
pub fn came_back(transaction: &Transaction) -> String {
    let mut lines = Vec::new();
    let definition = &transaction.definition;
    let files_only = transaction.amendment().is_some_and(|it| it.files_only);
    if transaction.undefines() && !files_only {
        let mut also = String::new();
        if definition.autostart.always || definition.autostart.once {
            also.push_str(", with autostart");
        }
        for (number, what) in [
            (definition.snapshots.len(), "snapshot"),
            (definition.checkpoints.len(), "checkpoint"),
        ] {
            if number > 0 {
                also.push_str(&format!(", with {}", count(number, what)));
            }
        }
        lines.push(format!(
            "  domain {} is defined again{also}",
            safe(&transaction.domain_now().name)
        ));
    }
    let places = crate::engine::brought_back(transaction);
    lines.extend(places.into_iter().map(|(path, moved)| {
        format!(
            "  {} is back ({})",
            safe_path(&path),
            size(moved.facts.allocated)
        )
    }));
    lines.join("\n")
}
