//! What `purge` answers.

use serde::Serialize;

use crate::engine::{Fate, Row};
use crate::model::Summary;

use super::transaction::TransactionJson;

#[derive(Serialize)]
pub struct Purged {
    transactions: Vec<PurgedJson>,
    freed_bytes: u64,
}

#[derive(Serialize)]
struct PurgedJson {
    #[serde(flatten)]
    transaction: TransactionJson,
    freed_bytes: u64,
}

impl Purged {
    pub fn new(done: &[Summary]) -> Self {
        let freed = done.iter().map(|one| one.freed);
        Self {
            freed_bytes: freed.fold(0, u64::saturating_add),
            transactions: done
                .iter()
                .map(|one| PurgedJson {
                    transaction: one.into(),
                    freed_bytes: one.freed,
                })
                .collect(),
        }
    }
}

/// Of `purge -n`: nothing was freed.
#[derive(Serialize)]
pub struct Selected {
    transactions: Vec<SelectedJson>,
    freed_bytes: u64,
    /// What the selected ones hold.
    would_free_bytes: u64,
}

#[derive(Serialize)]
struct SelectedJson {
    #[serde(flatten)]
    transaction: TransactionJson,
    purge: bool,
    why: String,
}

impl Selected {
    pub fn new(rows: &[Row]) -> Self {
        let going = rows.iter().filter(|row| row.goes());
        Self {
            freed_bytes: 0,
            would_free_bytes: going
                .map(|row| row.summary.bytes)
                .fold(0, u64::saturating_add),
            transactions: rows
                .iter()
                .map(|row| SelectedJson {
                    transaction: (&row.summary).into(),
                    purge: row.goes(),
                    why: match &row.fate {
                        Fate::Goes(why) | Fate::Stays(why) => why.clone(),
                    },
                })
                .collect(),
        }
    }
}
