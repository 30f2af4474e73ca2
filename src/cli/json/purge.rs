//! What `purge` answers.

use serde::Serialize;

use crate::engine::Row;
use crate::model::{Space, Summary};

use super::space::SpaceJson;
use super::transaction::TransactionJson;

#[derive(Serialize)]
pub struct Purged {
    transactions: Vec<PurgedJson>,
    freed_bytes: u64,
    /// Those that were selected and stay, because somebody uses what waits of them.
    skipped: Vec<SelectedJson>,
}

#[derive(Serialize)]
struct PurgedJson {
    #[serde(flatten)]
    transaction: TransactionJson,
    freed_bytes: u64,
}

impl Purged {
    pub fn new(done: &[Summary], skipped: &[Row]) -> Self {
        let freed = done.iter().map(|one| one.freed);
        Self {
            freed_bytes: freed.fold(0, u64::saturating_add),
            skipped: skipped.iter().map(SelectedJson::from).collect(),
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
    /// What is certain to come back, of what the selected ones hold.
    would_free_bytes: u64,
    space: SpaceJson,
}

#[derive(Serialize)]
struct SelectedJson {
    #[serde(flatten)]
    transaction: TransactionJson,
    purge: bool,
    why: String,
}

impl Selected {
    /// `space` is that of the rows that go.
    pub fn new(rows: &[Row], space: &Space) -> Self {
        Self {
            freed_bytes: 0,
            would_free_bytes: space.total.freed(),
            space: space.into(),
            transactions: rows.iter().map(SelectedJson::from).collect(),
        }
    }
}

impl From<&Row> for SelectedJson {
    fn from(row: &Row) -> Self {
        Self {
            transaction: (&row.summary).into(),
            purge: row.goes(),
            why: row.fate.why().to_owned(),
        }
    }
}
