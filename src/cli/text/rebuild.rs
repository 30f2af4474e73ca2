//! The journal that `rebuild` made.

use super::super::safe::{safe, safe_path};
use super::super::verbs::rebuild::{One, Rebuilt};

/// What `rebuild` found, and what it could not know.
pub fn rebuilt(rebuilt: &Rebuilt) -> String {
    let mut lines = Vec::new();
    if let Some(damage) = &rebuilt.damage {
        lines.push(format!("The old journal is damaged: {}", safe(damage)));
    }
    if let Some(aside) = &rebuilt.aside {
        lines.push(format!("It is kept in {}", safe_path(aside)));
    }
    lines.push(format!(
        "The new journal has {} transactions.",
        rebuilt.transactions.len()
    ));
    for One {
        transaction,
        state,
        unknown,
    } in &rebuilt.transactions
    {
        let id = transaction.id;
        lines.push(format!(
            "Transaction {id}: domain {} is {}{}",
            safe(&transaction.domain().name),
            state.word(),
            match state.claim() {
                crate::model::Claim::Unfinished => "; to put it right: virt-retire recover",
                _ => "",
            }
        ));
        lines.extend(
            unknown
                .iter()
                .map(|it| format!("  not known: {}", safe(it))),
        );
    }
    if !rebuilt.passed.others.is_empty() {
        lines.push("Left alone, because another journal has them (else: rebuild --from):".into());
        lines.extend((rebuilt.passed.others.iter()).map(|it| format!("  {}", safe(it))));
    }
    lines.push(
        "Transactions that left nothing in quarantine (rolled back, purged) are not in it.".into(),
    );
    lines.join("\n")
}
