//! What `recover` did.

use serde::Serialize;

use crate::engine::{Finding, Recovered as Engine, Recovery};

use super::finding::FindingJson;
use super::transaction::TransactionJson;

/// What `recover` did: the transactions, each with the way it went and why.
#[derive(Serialize)]
pub struct Recovered {
    transactions: Vec<RecoveredJson>,
    findings: Vec<FindingJson>,
}

#[derive(Serialize)]
struct RecoveredJson {
    #[serde(flatten)]
    transaction: TransactionJson,
    /// `undone`, `finished`, `stuck` or `left`.
    recovery: &'static str,
    /// Why it did not go back.
    back: Option<String>,
    /// Why it did not go forward.
    forward: Option<String>,
}

impl Recovered {
    pub fn new(recoveries: &[Recovery], findings: &[Finding]) -> Self {
        let one = |recovery: &Recovery| {
            let (word, back, forward) = match &recovery.result {
                Engine::Undone => ("undone", None, None),
                Engine::Purged => ("purged", None, None),
                Engine::Finished { because, .. } => ("finished", Some(because), None),
                Engine::Stuck { forward, back } => ("stuck", Some(back), Some(forward)),
                Engine::Left { because } => ("left", Some(because), None),
            };
            RecoveredJson {
                transaction: TransactionJson::from(&recovery.transaction.summary()),
                recovery: word,
                back: back.cloned(),
                forward: forward.cloned(),
            }
        };
        Self {
            transactions: recoveries.iter().map(one).collect(),
            findings: findings.iter().map(FindingJson::from).collect(),
        }
    }
}
