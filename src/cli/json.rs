//! The contract's JSON. Structs of their own: a field here is a promise, and the model's is not.

use std::path::Path;

use serde::Serialize;

use crate::model::{
    ChainLink, DiskPlan, Event, EventKind, Plan, Refusal, Summary, Transaction, User,
};

use super::error::{CliError, Exit};
use super::safe::lossless;

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
    persistent: bool,
    title: Option<String>,
}

#[derive(Serialize)]
struct PlanJson {
    domain: DomainJson,
    executable: bool,
    refusals: Vec<RefusalJson>,
    disks: Vec<DiskJson>,
    steps: Vec<StepJson>,
    bytes: u64,
    unseen: Vec<String>,
}

impl From<&Plan> for PlanJson {
    fn from(plan: &Plan) -> Self {
        Self {
            domain: DomainJson {
                name: plan.domain.name.clone(),
                uuid: plan.domain.uuid.to_string(),
                active: plan.active,
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
                    subject: super::text::subject(plan, step),
                    bytes: step.bytes(),
                })
                .collect(),
            bytes: plan.bytes(),
            unseen: plan.unseen.clone(),
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
pub struct UserJson {
    kind: &'static str,
    name: String,
    how: String,
}

impl From<&User> for UserJson {
    fn from(user: &User) -> Self {
        Self {
            kind: user.kind.word(),
            name: user.name.clone(),
            how: user.how.clone(),
        }
    }
}

#[derive(Serialize)]
struct LinkJson {
    path: String,
    fate: &'static str,
    used_by: Vec<UserJson>,
}

impl From<&ChainLink> for LinkJson {
    fn from(link: &ChainLink) -> Self {
        Self {
            path: path(&link.path),
            fate: link.fate.word(),
            used_by: link.used_by.iter().map(UserJson::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct DiskJson {
    target: String,
    path: Option<String>,
    spelled: Option<String>,
    pool: Option<String>,
    volume: Option<String>,
    access: &'static str,
    fate: &'static str,
    reason: &'static str,
    size_bytes: u64,
    chain: Vec<LinkJson>,
    used_by: Vec<UserJson>,
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
            chain: disk.chain.iter().map(LinkJson::from).collect(),
            used_by: disk.used_by.iter().map(UserJson::from).collect(),
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

#[derive(Serialize)]
struct TransactionJson {
    id: u64,
    uuid: String,
    domain: String,
    domain_uuid: String,
    state: &'static str,
    started_at: String,
    finished_at: Option<String>,
    user: String,
    reason: Option<String>,
    bytes: u64,
    held: bool,
    notes: Vec<String>,
    restored_as: Option<RestoredJson>,
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
            reason: summary.reason.clone(),
            bytes: summary.bytes,
            held: summary.held,
            notes: summary.notes.clone(),
            restored_as: summary.restored_as.as_ref().map(|domain| RestoredJson {
                name: domain.name.clone(),
                uuid: domain.uuid.to_string(),
            }),
        }
    }
}

/// What `recover` did: the transactions, each with the way it went and why.
#[derive(Serialize)]
pub struct Recovered {
    transactions: Vec<RecoveredJson>,
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
    pub fn new(recoveries: &[crate::engine::Recovery]) -> Self {
        use crate::engine::Recovered as Engine;
        let one = |recovery: &crate::engine::Recovery| {
            let (word, back, forward) = match &recovery.result {
                Engine::Undone => ("undone", None, None),
                Engine::Finished { because } => ("finished", Some(because), None),
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
        }
    }
}

/// What `rebuild` found, and what it could not know.
#[derive(Serialize)]
pub struct Rebuilt {
    transactions: Vec<RebuiltOne>,
    /// The folder with what is left of the old journal.
    aside: Option<String>,
    damage: Option<String>,
    unusable: Vec<String>,
}

#[derive(Serialize)]
struct RebuiltOne {
    #[serde(flatten)]
    transaction: TransactionJson,
    unknown: Vec<String>,
}

impl Rebuilt {
    pub fn new(rebuilt: &super::verbs::rebuild::Rebuilt) -> Self {
        let one = |one: &super::verbs::rebuild::One| {
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
            aside: rebuilt
                .aside
                .as_ref()
                .map(|path| super::safe::lossless(path.as_os_str())),
            damage: rebuilt.damage.clone(),
            unusable: rebuilt.unusable.clone(),
        }
    }
}

#[derive(Serialize)]
pub struct Shown {
    #[serde(flatten)]
    transaction: TransactionJson,
    login: Option<String>,
    host: String,
    from: Option<String>,
    command: Vec<String>,
    uri: String,
    /// What could not be looked at when users were counted, and was accepted.
    accepted_unseen: Vec<String>,
    wipe: bool,
    plan: PlanJson,
    events: Vec<EventJson>,
    quarantine: Vec<StoredJson>,
    /// The folder with the manifest.
    home: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain_xml: Option<String>,
}

impl Shown {
    pub fn new(transaction: &Transaction, in_quarantine: &[usize], secrets: bool) -> Self {
        let evidence = &transaction.evidence;
        Self {
            transaction: (&transaction.summary()).into(),
            login: evidence.login.clone(),
            host: evidence.host.clone(),
            from: evidence.from.clone(),
            command: evidence.command.clone(),
            uri: evidence.uri.clone(),
            accepted_unseen: evidence.accepted_unseen.clone(),
            wipe: transaction.removal.wipe_storage,
            plan: (&transaction.plan).into(),
            events: transaction
                .events
                .iter()
                .map(|event| EventJson::new(transaction, event))
                .collect(),
            quarantine: transaction
                .files()
                .filter(|(index, ..)| in_quarantine.contains(index))
                .map(|(_, moved, stored)| StoredJson {
                    original: path(&moved.path),
                    stored: path(&stored),
                    bytes: moved.facts.size,
                })
                .collect(),
            home: path(&transaction.home),
            domain_xml: secrets.then(|| transaction.definition.xml.reveal().to_owned()),
        }
    }
}

#[derive(Serialize)]
struct StoredJson {
    original: String,
    stored: String,
    bytes: u64,
}

#[derive(Serialize, Default)]
struct EventJson {
    sequence: u64,
    at: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    already: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain_uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verb: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl EventJson {
    fn new(transaction: &Transaction, event: &Event) -> Self {
        let base = Self {
            sequence: event.sequence,
            at: event.at.to_string(),
            ..Self::default()
        };
        let step_kind = |step: usize| transaction.plan.steps.get(step).map(|step| step.kind());
        match &event.kind {
            EventKind::Entered { state, cause } => Self {
                kind: "state",
                state: Some(state.word()),
                cause: cause.clone(),
                ..base
            },
            EventKind::Intent { step, direction } => Self {
                kind: "intent",
                step: Some(*step),
                step_kind: step_kind(*step),
                direction: Some(direction.word()),
                ..base
            },
            EventKind::Outcome {
                step,
                direction,
                result,
            } => Self {
                kind: "outcome",
                step: Some(*step),
                step_kind: step_kind(*step),
                direction: Some(direction.word()),
                already: result.as_ref().ok().copied(),
                error: result.as_ref().err().cloned(),
                ..base
            },
            EventKind::Decided { verb, by } => Self {
                kind: "decided",
                verb: Some(verb.clone()),
                user: Some(by.user.clone()),
                reason: by.reason.clone(),
                ..base
            },
            EventKind::Settled { .. } => Self {
                kind: "settled",
                ..base
            },
            EventKind::Held { held } => Self {
                kind: if *held { "held" } else { "released" },
                ..base
            },
            EventKind::Noted { text } => Self {
                kind: "noted",
                text: Some(text.clone()),
                ..base
            },
            EventKind::Renamed(rename) => Self {
                kind: "renamed",
                domain: Some(rename.domain.name.clone()),
                domain_uuid: Some(rename.domain.uuid.to_string()),
                ..base
            },
        }
    }
}

fn path(path: &Path) -> String {
    lossless(path.as_os_str())
}

/// Prints one document on stdout.
///
/// # Errors
/// stdout is closed or full: the work is done, but the caller was not told (exit 1).
pub fn print(document: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(document).map_err(unprintable)?;
    super::text::out(&text)
}

fn unprintable(error: impl std::fmt::Display) -> CliError {
    CliError::new(
        Exit::Error,
        "output",
        format!("the answer cannot be written: {error}"),
        "to see what was done: virt-retire list",
    )
}
