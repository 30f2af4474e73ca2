//! What `rebuild` made or added.

use serde::Serialize;

use crate::model::{Claim, Summary};
use crate::retire::{Rebuilt, TakenIn};

use super::super::context::Context;
use super::super::error::CliError;
use super::super::safe::{safe, safe_path};
use super::transactions::TransactionJson;
use super::{answer, path};

pub fn tell(context: &Context, rebuilt: &Rebuilt) -> Result<(), CliError> {
    answer(context, || RebuiltJson::new(rebuilt), || words(rebuilt))
}

fn words(rebuilt: &Rebuilt) -> String {
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

/// What `rebuild` found, and what it could not know.
#[derive(Serialize)]
struct RebuiltJson {
    transactions: Vec<RebuiltOne>,
    /// The folder with what is left of the old journal.
    aside: Option<String>,
    damage: Option<String>,
    unusable: Vec<String>,
    /// That nothing proves ours: another state folder's, or planted.
    others: Vec<String>,
}

#[derive(Serialize)]
struct RebuiltOne {
    #[serde(flatten)]
    transaction: TransactionJson,
    unknown: Vec<String>,
    /// Its number in the record, where another transaction has that.
    number_before: Option<u64>,
    /// The folder that was named with `--from`, where nothing proves the record ours.
    imported_from: Option<String>,
}

impl RebuiltJson {
    fn new(rebuilt: &Rebuilt) -> Self {
        let one = |one: &TakenIn| {
            let summary = Summary {
                state: one.state,
                ..one.transaction.summary()
            };
            RebuiltOne {
                transaction: TransactionJson::from(&summary),
                unknown: one.unknown.clone(),
                number_before: one.number_before.map(|id| id.0),
                imported_from: one.imported_from.as_deref().map(path),
            }
        };
        Self {
            transactions: rebuilt.transactions.iter().map(one).collect(),
            aside: rebuilt.aside.as_deref().map(path),
            damage: rebuilt.damage.clone(),
            unusable: rebuilt.unusable.clone(),
            others: rebuilt.others.clone(),
        }
    }
}
