//! A transaction in short, as `list` and every verb that changes one tell it.

use serde::Serialize;

use crate::model::{Hold, Overridden, Override, Space, Summary};

use crate::watch::Expiring;

use super::space::SpaceJson;

#[derive(Serialize)]
pub struct Transactions {
    transactions: Vec<TransactionJson>,
}

impl Transactions {
    pub fn new<'a>(summaries: impl IntoIterator<Item = &'a Summary>) -> Self {
        Self {
            transactions: summaries.into_iter().map(TransactionJson::from).collect(),
        }
    }
}

/// What `list` answers.
#[derive(Serialize)]
pub struct Listed {
    #[serde(flatten)]
    listed: Transactions,
    /// What those that are listed hold.
    space: SpaceJson,
    /// Domains that `watch` will retire by their policy.
    expiring: Vec<ExpiringJson>,
}

#[derive(Serialize)]
struct ExpiringJson {
    domain: String,
    domain_uuid: String,
    expires_at: String,
    active: bool,
    /// It is stopped for that where it runs then.
    stop: bool,
}

impl Listed {
    pub fn new(summaries: &[Summary], space: &Space, expiring: &[Expiring]) -> Self {
        Self {
            listed: Transactions::new(summaries),
            space: space.into(),
            expiring: expiring
                .iter()
                .map(|one| ExpiringJson {
                    domain: one.domain.name.clone(),
                    domain_uuid: one.domain.uuid.to_string(),
                    expires_at: one.at.to_string(),
                    active: one.active,
                    stop: one.stop,
                })
                .collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct TransactionJson {
    id: u64,
    uuid: String,
    domain: String,
    domain_uuid: String,
    state: &'static str,
    started_at: String,
    finished_at: Option<String>,
    user: String,
    /// As whom that user ran the program, where it was another one.
    acted_as: Option<String>,
    reason: Option<String>,
    /// Allocated, each inode once.
    bytes: u64,
    /// Apparent.
    size_bytes: u64,
    held: bool,
    holds: Vec<HoldJson>,
    expires_at: Option<String>,
    restorable: bool,
    notes: Vec<String>,
    restored_as: Option<RestoredJson>,
    /// Its files are back and the domain is not defined: `rollback --files`.
    files_only: bool,
    overrides: Vec<OverriddenJson>,
}

/// A rule that was set aside.
#[derive(Serialize)]
pub(super) struct OverrideJson {
    /// Without its dashes.
    flag: &'static str,
    what: String,
}

impl From<&Override> for OverrideJson {
    fn from(it: &Override) -> Self {
        Self {
            flag: it.flag.word(),
            what: it.what.clone(),
        }
    }
}

#[derive(Serialize)]
struct OverriddenJson {
    #[serde(flatten)]
    by: OverrideJson,
    user: String,
    at: String,
}

impl From<&Overridden> for OverriddenJson {
    fn from(it: &Overridden) -> Self {
        Self {
            by: (&it.by).into(),
            user: it.user.clone(),
            at: it.at.to_string(),
        }
    }
}

#[derive(Serialize)]
struct HoldJson {
    name: String,
    reason: String,
    user: String,
    at: String,
}

impl From<&Hold> for HoldJson {
    fn from(hold: &Hold) -> Self {
        Self {
            name: hold.name.clone(),
            reason: hold.reason.clone(),
            user: hold.user.clone(),
            at: hold.at.to_string(),
        }
    }
}

#[derive(Serialize)]
struct RestoredJson {
    name: String,
    uuid: String,
}

impl From<&Summary> for TransactionJson {
    fn from(summary: &Summary) -> Self {
        Self {
            id: summary.id.0,
            uuid: summary.uuid.to_string(),
            domain: summary.domain.name.clone(),
            domain_uuid: summary.domain.uuid.to_string(),
            state: summary.state.word(),
            started_at: summary.started_at.to_string(),
            finished_at: summary.finished_at.map(|at| at.to_string()),
            user: summary.user.clone(),
            acted_as: summary.acted_as.clone(),
            reason: summary.reason.clone(),
            bytes: summary.bytes,
            size_bytes: summary.size,
            held: summary.is_held(),
            holds: summary.holds.iter().map(HoldJson::from).collect(),
            expires_at: summary.expires_at.map(|at| at.to_string()),
            restorable: summary.state.is_restorable(),
            notes: summary.notes.clone(),
            restored_as: summary.restored_as.as_ref().map(|domain| RestoredJson {
                name: domain.name.clone(),
                uuid: domain.uuid.to_string(),
            }),
            files_only: summary.files_only,
            overrides: summary.overrides.iter().map(OverriddenJson::from).collect(),
        }
    }
}
