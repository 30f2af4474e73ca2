//! Around a decision: what waits in quarantine before it, what is there again after `rollback`.

use indicatif::HumanBytes;

use crate::model::Transaction;

use super::super::safe::{safe, safe_path};
use super::layout::time;

/// Before `rollback` or `commit` asks: which transaction it is, and what of it waits where.
pub fn would_come_back(transaction: &Transaction) -> String {
    let summary = transaction.summary();
    let mut lines = vec![format!(
        "Transaction {}: domain {} ({}), {} since {}",
        transaction.id,
        safe(&transaction.domain().name),
        transaction.domain().uuid,
        summary.state.word(),
        time(
            transaction
                .events
                .last()
                .map_or(transaction.started_at, |event| event.at)
        ),
    )];
    if let Some(reason) = &summary.reason {
        lines.push(format!("  reason: {}", safe(reason)));
    }
    if transaction.is_imported() {
        lines.push(
            "  it is imported: nothing proves that this program wrote what it says of the domain and \
             its files"
                .into(),
        );
    }
    lines.extend(transaction.files().map(|(_, moved, stored)| {
        format!(
            "  {} ({}) → {}",
            safe_path(&stored),
            HumanBytes(moved.facts.size),
            safe_path(&moved.path)
        )
    }));
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
        for (count, what) in [
            (definition.snapshots.len(), "snapshot"),
            (definition.checkpoints.len(), "checkpoint"),
        ] {
            if count > 0 {
                also.push_str(&format!(
                    ", with {count} {what}{}",
                    if count == 1 { "" } else { "s" }
                ));
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
            HumanBytes(moved.facts.size)
        )
    }));
    lines.join("\n")
}
