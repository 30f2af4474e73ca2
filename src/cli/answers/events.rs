//! A transaction's events, as `show` has them.

use serde::Serialize;

use crate::model::{Amendment, Event, EventKind, Transaction, size};

use super::super::safe::safe;
use super::layout::{align_right, drawn, table, time};
use super::path;
use super::transactions::OverrideJson;
use super::who::who;

#[derive(Serialize, Default)]
pub(super) struct EventJson {
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
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    freed_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overwritten_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elsewhere_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discarded_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_system: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    medium: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain_uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verb: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overrides: Option<Vec<OverrideJson>>,
    /// `ALGORITHM:HEX`.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// Whether the operator gave a definition of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    xml: Option<bool>,
    /// Old and new.
    #[serde(skip_serializing_if = "Option::is_none")]
    paths: Option<Vec<[String; 2]>>,
}

impl EventJson {
    pub(super) fn new(transaction: &Transaction, event: &Event) -> Self {
        let step_kind = |step: usize| transaction.plan.steps.get(step).map(|step| step.kind());
        Self::with(event, &step_kind)
    }

    /// Without the transaction: steps are numbers.
    pub(super) fn alone(event: &Event) -> Self {
        Self::with(event, &|_| None)
    }

    fn with(event: &Event, step_kind: &dyn Fn(usize) -> Option<&'static str>) -> Self {
        let base = Self {
            sequence: event.sequence,
            at: event.at.to_string(),
            ..Self::default()
        };
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
            EventKind::Withdrawn { step, direction } => Self {
                kind: "withdrawn",
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
                verb: Some(verb.word().to_owned()),
                user: Some(by.user.clone()),
                login: by.login.clone(),
                host: Some(by.host.clone()),
                from: by.from.clone(),
                command: Some(by.command.clone()),
                reason: by.reason.clone(),
                overrides: Some(by.overrides.iter().map(OverrideJson::from).collect()),
                ..base
            },
            EventKind::Digested { step, result } => Self {
                kind: "digested",
                step: Some(*step),
                step_kind: step_kind(*step),
                digest: result.as_ref().ok().map(ToString::to_string),
                error: result.as_ref().err().cloned(),
                ..base
            },
            EventKind::Settled { .. } => Self {
                kind: "settled",
                ..base
            },
            EventKind::Held { name, reason, user } => Self {
                kind: "held",
                name: Some(name.clone()),
                reason: Some(reason.clone()),
                user: Some(user.clone()),
                ..base
            },
            EventKind::Released { name, user } => Self {
                kind: "released",
                name: Some(name.clone()),
                user: Some(user.clone()),
                ..base
            },
            EventKind::Wiped { step, wiped } => Self {
                kind: "wiped",
                step: Some(*step),
                step_kind: step_kind(*step),
                method: Some(wiped.method.word()),
                overwritten_bytes: Some(wiped.overwritten),
                skipped_bytes: Some(wiped.shared),
                elsewhere_bytes: Some(wiped.elsewhere),
                discarded_bytes: Some(wiped.discarded),
                file_system: Some(wiped.file_system.clone()),
                medium: Some(wiped.medium.clone()),
                claim: Some(wiped.claim.clone()),
                ..base
            },
            EventKind::Wiping { method } => Self {
                kind: "wiping",
                method: Some(method.word()),
                ..base
            },
            EventKind::Destroying { step } => Self {
                kind: "destroying",
                step: Some(*step),
                step_kind: step_kind(*step),
                ..base
            },
            EventKind::Destroyed { step, result } => Self {
                kind: "destroyed",
                step: Some(*step),
                step_kind: step_kind(*step),
                freed_bytes: result.as_ref().ok().copied(),
                error: result.as_ref().err().cloned(),
                ..base
            },
            EventKind::Noted { text } => Self {
                kind: "noted",
                text: Some(text.clone()),
                ..base
            },
            EventKind::SetAside {
                step,
                why,
                waits_at,
            } => Self {
                kind: "set-aside",
                step: Some(*step),
                step_kind: step_kind(*step),
                cause: Some(why.clone()),
                path: waits_at.as_deref().map(path),
                text: event.kind.note(),
                ..base
            },
            EventKind::Imported { from } => Self {
                kind: "imported",
                path: Some(path(from)),
                text: event.kind.note(),
                ..base
            },
            EventKind::Renamed(rename) => Self {
                kind: "renamed",
                domain: Some(rename.domain.name.clone()),
                domain_uuid: Some(rename.domain.uuid.to_string()),
                ..base
            },
            EventKind::Amended(amendment) => Self {
                kind: "amended",
                files_only: Some(amendment.files_only),
                xml: Some(amendment.xml.is_some()),
                paths: Some(
                    (amendment.paths.iter())
                        .map(|(old, new)| [path(old), path(new)])
                        .collect(),
                ),
                ..base
            },
        }
    }
}

pub(super) fn events(transaction: &Transaction) -> String {
    let mut table = table(["#", "When", "What"]);
    align_right(&mut table, 0);
    let step = |index: usize| {
        transaction
            .plan
            .steps
            .get(index)
            .map_or("?", |step| step.kind())
    };
    for event in &transaction.events {
        let what = match &event.kind {
            EventKind::Entered { state, cause: None } => format!("state {}", state.word()),
            EventKind::Entered {
                state,
                cause: Some(cause),
            } => format!("state {}: {}", state.word(), safe(cause)),
            EventKind::Intent {
                step: index,
                direction,
            } => format!("{} {} {}", direction.word(), index + 1, step(*index)),
            EventKind::Withdrawn {
                step: index,
                direction,
            } => format!(
                "{} {} {}: not run",
                direction.word(),
                index + 1,
                step(*index)
            ),
            EventKind::Outcome {
                step: index,
                direction,
                result,
            } => {
                let how = match result {
                    Ok(false) => "done".to_owned(),
                    Ok(true) => "already done".to_owned(),
                    Err(error) => format!("failed: {}", safe(error)),
                };
                format!("{} {} {}: {how}", direction.word(), index + 1, step(*index))
            }
            EventKind::Decided { verb, by } => {
                format!("{} by {}", safe(verb.word()), who(by))
            }
            EventKind::Settled { files, .. } => {
                format!("stopped; {} files looked at again", files.len())
            }
            EventKind::Held { name, reason, user } => {
                format!(
                    "held by {} as '{}': {}",
                    safe(user),
                    safe(name),
                    safe(reason)
                )
            }
            EventKind::Released { name, user } => {
                format!("hold '{}' released by {}", safe(name), safe(user))
            }
            EventKind::Wiped { step: index, wiped } => format!(
                "wipe {index} {} ({}): {} overwritten, {} skipped, on {}, {}; claim: {}",
                step(*index),
                wiped.method.word(),
                size(wiped.overwritten),
                size(wiped.shared),
                safe(&wiped.file_system),
                safe(&wiped.medium),
                safe(&wiped.claim)
            ),
            EventKind::Wiping { method } => format!("overwritten first ({})", method.word()),
            EventKind::Destroying { step: index } => format!("purge {index} {}", step(*index)),
            EventKind::Destroyed {
                step: index,
                result,
            } => {
                let how = match result {
                    Ok(bytes) => format!("{} freed", size(*bytes)),
                    Err(error) => format!("failed: {}", safe(error)),
                };
                format!("purge {index} {}: {how}", step(*index))
            }
            EventKind::Noted { .. } | EventKind::SetAside { .. } | EventKind::Imported { .. } => {
                safe(&event.kind.note().unwrap_or_default())
            }
            EventKind::Renamed(rename) => format!(
                "restored as {} ({})",
                safe(&rename.domain.name),
                rename.domain.uuid
            ),
            EventKind::Amended(amendment) => safe(&amended(amendment)),
            EventKind::Digested {
                step: index,
                result,
            } => {
                let how = match result {
                    Ok(digest) => digest.to_string(),
                    Err(error) => format!("failed: {}", safe(error)),
                };
                format!("digest {index} {}: {how}", step(*index))
            }
        };
        table.add_row([event.sequence.to_string(), time(event.at), what]);
    }
    drawn(&table)
}

/// In what a rollback departs from what was saved.
fn amended(amendment: &Amendment) -> String {
    let mut words = Vec::new();
    if amendment.files_only {
        words.push("the files alone".to_owned());
    }
    if amendment.xml.is_some() {
        words.push("a repaired definition".to_owned());
    }
    let paths = amendment.paths.iter();
    words.extend(paths.map(|(old, new)| format!("{} is now {}", old.display(), new.display())));
    format!("restored with: {}", words.join("; "))
}
