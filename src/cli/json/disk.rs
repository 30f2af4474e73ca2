//! A disk of a plan, with the images below it.

use serde::Serialize;

use crate::model::{ChainLink, DiskPlan};

use super::{UserJson, path};

#[derive(Serialize)]
struct LinkJson {
    path: String,
    fate: &'static str,
    used_by: Vec<UserJson>,
    /// Why it stays, where nobody uses it.
    reason: Option<String>,
}

impl From<&ChainLink> for LinkJson {
    fn from(link: &ChainLink) -> Self {
        Self {
            path: path(&link.path),
            fate: link.fate.word(),
            used_by: link.used_by.iter().map(UserJson::from).collect(),
            reason: link.reason.clone(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct DiskJson {
    target: String,
    path: Option<String>,
    spelled: Option<String>,
    pool: Option<String>,
    volume: Option<String>,
    access: &'static str,
    fate: &'static str,
    reason: &'static str,
    size_bytes: u64,
    /// Allocated.
    bytes: u64,
    chain: Vec<LinkJson>,
    used_by: Vec<UserJson>,
    /// Of an image that is not a disk of the definition.
    remembered_by: Option<String>,
    /// The running guest has it, and its definition has not.
    live_only: bool,
}

impl From<&DiskPlan> for DiskJson {
    fn from(disk: &DiskPlan) -> Self {
        let pooled = disk.pooled.as_ref();
        Self {
            target: disk.target.clone(),
            path: disk.path.as_deref().map(path),
            spelled: disk.spelled.clone(),
            pool: pooled.map(|pooled| pooled.pool.clone()),
            volume: pooled.map(|pooled| pooled.volume.clone()),
            access: disk.access.word(),
            fate: disk.fate.word(),
            reason: disk.reason.text(),
            size_bytes: disk.size,
            bytes: disk.allocated,
            chain: disk.chain.iter().map(LinkJson::from).collect(),
            used_by: disk.used_by.iter().map(UserJson::from).collect(),
            remembered_by: disk.remembered_by.clone(),
            live_only: disk.is_live_only(),
        }
    }
}
