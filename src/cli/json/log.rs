//! The log's entries, and its checkpoint.

use serde::Serialize;

use crate::journal::checkpoint::Checkpoint;
use crate::model::{LogEntry, Logged};

use super::event::EventJson;
use super::transaction::OverrideJson;

/// One flat object an entry.
#[derive(Serialize)]
pub struct LogEntryJson {
    sequence: u64,
    at: String,
    transaction: Option<u64>,
    domain: Option<String>,
    domain_uuid: Option<String>,
    kind: &'static str,
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Of an entry that says who did it, as a transaction's first one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Vec<String>>,
    overrides: Vec<OverrideJson>,
    /// Seconds by which the clock had gone back since the entry before.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_back_seconds: Option<f64>,
    /// What else an event of a transaction says, as `show` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventJson>,
}

impl From<&LogEntry> for LogEntryJson {
    fn from(entry: &LogEntry) -> Self {
        let text = match &entry.what {
            Logged::Notice(notice) => Some(notice.text.clone()),
            Logged::Begun(_) | Logged::Event(_) => None,
        };
        let by = entry.evidence();
        Self {
            sequence: entry.sequence,
            at: entry.at.to_string(),
            transaction: entry.transaction.map(|id| id.0),
            domain: entry.domain.as_ref().map(|domain| domain.name.clone()),
            domain_uuid: entry.domain.as_ref().map(|domain| domain.uuid.to_string()),
            kind: entry.what.word(),
            user: entry.user.clone(),
            reason: by.and_then(|by| by.reason.clone()),
            text,
            host: by.map(|by| by.host.clone()),
            from: by.and_then(|by| by.from.clone()),
            command: by.map(|by| by.command.clone()),
            overrides: entry.overrides().iter().map(OverrideJson::from).collect(),
            clock_back_seconds: entry.clock_back.map(|back| back.as_secs_f64()),
            event: entry.event().as_ref().map(EventJson::alone),
        }
    }
}

#[derive(Serialize)]
pub struct CheckpointJson {
    origin: String,
    size: u64,
    root: String,
    /// The text that is to be kept.
    checkpoint: String,
}

impl From<&Checkpoint> for CheckpointJson {
    fn from(checkpoint: &Checkpoint) -> Self {
        Self {
            origin: checkpoint.origin(),
            size: checkpoint.size,
            root: checkpoint.root.base64(),
            checkpoint: checkpoint.text(),
        }
    }
}
