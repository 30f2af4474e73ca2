//! The plans as JSON, each with its disks and what is below them.

use serde::Serialize;

use crate::model::{ChainLink, DiskPlan, Plan, Refusal};

use super::super::path;
use super::super::user::UserJson;
use super::subject;

#[derive(Serialize)]
pub struct Plans {
    plans: Vec<PlanJson>,
}

impl Plans {
    pub fn new<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> Self {
        Self {
            plans: plans.into_iter().map(PlanJson::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct DomainJson {
    name: String,
    uuid: String,
    active: bool,
    paused: bool,
    persistent: bool,
    title: Option<String>,
}

#[derive(Serialize)]
pub struct PlanJson {
    domain: DomainJson,
    executable: bool,
    refusals: Vec<RefusalJson>,
    disks: Vec<DiskJson>,
    steps: Vec<StepJson>,
    bytes: u64,
    unseen: Vec<String>,
    not_redefinable: Option<String>,
    unread: Vec<String>,
}

impl From<&Plan> for PlanJson {
    fn from(plan: &Plan) -> Self {
        Self {
            domain: DomainJson {
                name: plan.domain.name.clone(),
                uuid: plan.domain.uuid.to_string(),
                active: plan.active,
                paused: plan.paused,
                persistent: plan.persistent,
                title: plan.title.clone(),
            },
            executable: plan.is_executable(),
            refusals: plan.refusals.iter().map(RefusalJson::from).collect(),
            disks: plan.disks.iter().map(DiskJson::from).collect(),
            steps: plan
                .steps
                .iter()
                .enumerate()
                .map(|(index, step)| StepJson {
                    index,
                    kind: step.kind(),
                    subject: subject(plan, step),
                    bytes: step.bytes(),
                })
                .collect(),
            bytes: plan.bytes(),
            unseen: plan.unseen.clone(),
            not_redefinable: plan.not_redefinable.clone(),
            unread: plan.unread.clone(),
        }
    }
}

#[derive(Serialize)]
struct RefusalJson {
    code: &'static str,
    subject: String,
    message: String,
    hint: String,
}

impl From<&Refusal> for RefusalJson {
    fn from(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code.word(),
            subject: refusal.subject.clone(),
            message: refusal.message.clone(),
            hint: refusal.hint.clone(),
        }
    }
}

#[derive(Serialize)]
struct StepJson {
    index: usize,
    kind: &'static str,
    subject: String,
    bytes: Option<u64>,
}

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
