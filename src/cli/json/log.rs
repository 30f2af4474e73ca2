//! The log's entries, and its checkpoint.

use serde::Serialize;

use crate::journal::checkpoint::Checkpoint;
use crate::model::{LogEntry, Logged};

use super::event::EventJson;

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
    /// What else an event of a transaction says, as `show` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventJson>,
}

impl From<&LogEntry> for LogEntryJson {
    fn from(entry: &LogEntry) -> Self {
        let (reason, text) = match &entry.what {
            Logged::Begun { reason } => (reason.clone(), None),
            Logged::Notice(notice) => (notice.by.reason.clone(), Some(notice.text.clone())),
            Logged::Event(_) => (None, None),
        };
        Self {
            sequence: entry.sequence,
            at: entry.at.to_string(),
            transaction: entry.transaction.map(|id| id.0),
            domain: entry.domain.as_ref().map(|domain| domain.name.clone()),
            domain_uuid: entry.domain.as_ref().map(|domain| domain.uuid.to_string()),
            kind: entry.what.word(),
            user: entry.user.clone(),
            reason,
            text,
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
