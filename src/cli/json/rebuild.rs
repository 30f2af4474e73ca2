//! The journal that `rebuild` made.

use serde::Serialize;

use crate::model::Summary;

use super::super::verbs::rebuild as verb;
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
    /// Of other journals on this host.
    others: Vec<String>,
}

#[derive(Serialize)]
struct RebuiltOne {
    #[serde(flatten)]
    transaction: TransactionJson,
    unknown: Vec<String>,
}

impl Rebuilt {
    pub fn new(rebuilt: &verb::Rebuilt) -> Self {
        let one = |one: &verb::One| {
            let summary = Summary {
                state: one.state,
                ..one.transaction.summary()
            };
            RebuiltOne {
                transaction: TransactionJson::from(&summary),
                unknown: one.unknown.clone(),
            }
        };
        Self {
            transactions: rebuilt.transactions.iter().map(one).collect(),
            aside: rebuilt.aside.as_deref().map(path),
            damage: rebuilt.damage.clone(),
            unusable: rebuilt.passed.unusable.clone(),
            others: rebuilt.passed.others.clone(),
        }
    }
}
