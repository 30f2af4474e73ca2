//! What of the log goes to systemd's journal, and under which fields.

use crate::adapters::sled_journal::Audience;
use crate::adapters::system_journal::SystemJournal;
use crate::model::{EventKind, LogEntry, Logged};

use super::answers;
use super::safe::visible;

/// Syslog's numbers: what somebody may have to look at is a warning.
const WARNING: &str = "4";
const NOTICE: &str = "5";
const INFO: &str = "6";

/// Tells systemd's journal of an entry, if the host has one.
pub fn audience() -> Option<Audience> {
    let journal = SystemJournal::open()?;
    Some(Box::new(move |entry| journal.send(&fields(entry))))
}

fn fields(entry: &LogEntry) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("MESSAGE", visible(&answers::log::message(entry))),
        ("PRIORITY", priority(&entry.what).into()),
        ("SYSLOG_IDENTIFIER", "virt-retire".into()),
        ("VIRT_RETIRE_SEQUENCE", entry.sequence.to_string()),
        ("VIRT_RETIRE_KIND", entry.what.word().into()),
        ("VIRT_RETIRE_USER", entry.user.clone()),
    ];
    let id = entry.transaction.map(|id| id.to_string());
    fields.extend(id.map(|id| ("VIRT_RETIRE_TRANSACTION", id)));
    if let Some(domain) = &entry.domain {
        fields.push(("VIRT_RETIRE_DOMAIN", domain.name.clone()));
        fields.push(("VIRT_RETIRE_DOMAIN_UUID", domain.uuid.to_string()));
    }
    let reason = entry.evidence().and_then(|by| by.reason.clone());
    fields.extend(reason.map(|reason| ("VIRT_RETIRE_REASON", reason)));
    if let Logged::Event(EventKind::Entered { state, .. }) = &entry.what {
        fields.push(("VIRT_RETIRE_STATE", state.word().into()));
    }
    fields
}

fn priority(what: &Logged) -> &'static str {
    match what {
        Logged::Event(EventKind::Entered { cause: Some(_), .. }) => WARNING,
        Logged::Begun(_) | Logged::Notice(_) | Logged::Event(EventKind::Entered { .. }) => NOTICE,
        Logged::Event(_) => INFO,
    }
}
