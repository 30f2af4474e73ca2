//! The journal that `rebuild` made.

use serde::Serialize;

use crate::model::Summary;
use crate::retire;

use super::path;
use super::transaction::TransactionJson;

/// What `rebuild` found, and what it could not know.
#[derive(Serialize)]
pub struct Rebuilt {
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

impl Rebuilt {
    pub fn new(rebuilt: &retire::Rebuilt) -> Self {
        let one = |one: &retire::TakenIn| {
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
