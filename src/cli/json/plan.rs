//! A plan: the domain, the steps, the refusals. Its disks are in [`disk`](super::disk).

use serde::Serialize;

use crate::model::{Plan, Refusal};

use super::super::text;
use super::disk::DiskJson;

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
pub(super) struct PlanJson {
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
                    subject: text::subject(plan, step),
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
