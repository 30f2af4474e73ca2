//! What `recover` did.

use crate::model::size;

use crate::engine::{Recovered, Recovery};

use super::super::safe::safe;

/// One line on what `recover` did with a transaction.
pub fn recovered(recovery: &Recovery) -> String {
    let transaction = &recovery.transaction;
    let (id, name) = (transaction.id, safe(&transaction.domain().name));
    let notes = transaction.notes();
    let told = match &recovery.result {
        Recovered::Purged => format!(
            "Transaction {id}: the purge of domain {name} had been begun, and is finished; {} \
             freed (purged).",
            size(transaction.freed())
        ),
        Recovered::Undone => format!(
            "Transaction {id}: domain {name} was left half retired; it is back{}, {} files \
             and definition (rolled-back).",
            if notes.is_empty() { " as it was" } else { "" },
            transaction.files().count()
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
