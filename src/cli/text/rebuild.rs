//! What `rebuild` made or added.

use crate::model::Claim;

use super::super::safe::{safe, safe_path};
use crate::retire::{Rebuilt, TakenIn};

/// What `rebuild` found, and what it could not know.
pub fn rebuilt(rebuilt: &Rebuilt) -> String {
    let mut lines = Vec::new();
    if let Some(damage) = &rebuilt.damage {
        lines.push(format!("The old journal is damaged: {}", safe(damage)));
    }
    if let Some(aside) = &rebuilt.aside {
        lines.push(format!("It is kept in {}", safe_path(aside)));
    }
    let count = rebuilt.transactions.len();
    lines.push(match (rebuilt.added, count) {
        (true, 0) => "The journal has all that waits in its quarantine.".into(),
        (true, count) => format!("{count} transactions were added to the journal."),
        (false, count) => format!("The new journal has {count} transactions."),
    });
    for one in &rebuilt.transactions {
        lines.push(line(one));
        lines.extend(
            one.unknown
                .iter()
                .map(|it| format!("  not known: {}", safe(it))),
        );
    }
    if !rebuilt.others.is_empty() {
        lines.push(
            "Left alone, because nothing proves that this state folder wrote them (to import them: \
             rebuild --from FOLDER):"
                .into(),
        );
        lines.extend(rebuilt.others.iter().map(|it| format!("  {}", safe(it))));
    }
    if !rebuilt.added {
        lines.push(
            "Transactions that left nothing in quarantine (rolled back, purged) are not in it."
                .into(),
        );
        if count == 0 {
            lines.push(
                "Was the state folder itself lost? Then name the quarantine's folders: \
                 virt-retire rebuild --from FOLDER imports what is there."
                    .into(),
            );
        }
    }
    lines.join("\n")
}

fn line(one: &TakenIn) -> String {
    let id = one.transaction.id;
    let was = one
        .number_before
        .map_or_else(String::new, |before| format!(" (it was {before})"));
    let imported = one.imported_from.as_ref().map_or_else(String::new, |from| {
        format!(
            ", imported from {}: nothing proves that this program wrote it, and only rollback \
             acts on it",
            safe_path(from)
        )
    });
    let next = match one.state.claim() {
        Claim::Unfinished => "; to put it right: virt-retire recover",
        Claim::Undecided | Claim::Nothing => "",
    };
    format!(
        "Transaction {id}{was}: domain {} is {}{imported}{next}",
        safe(&one.transaction.domain().name),
        one.state.word(),
    )
}
