//! The log's entries, and its checkpoint.

use std::io::Write;

use serde::Serialize;

use crate::journal::checkpoint::Checkpoint;
use crate::model::{EventKind, LogEntry, Logged};

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::safe::{safe, visible, visible_json};
use super::answer;
use super::events::EventJson;
use super::layout::time;
use super::transactions::OverrideJson;

pub fn checkpoint(context: &Context, checkpoint: &Checkpoint) -> Result<(), CliError> {
    answer(
        context,
        || CheckpointJson::from(checkpoint),
        || checkpoint.text().trim_end().to_owned(),
    )
}

/// One after the other: a log is longer than memory.
pub struct Page {
    form: Form,
    out: std::io::BufWriter<std::io::Stdout>,
    /// Nothing is written before there is something to tell: an error has stdout empty.
    is_begun: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
    Csv,
}

impl Page {
    pub fn new(context: &Context) -> Self {
        let form = match (context.csv, context.output) {
            (true, _) => Form::Csv,
            (false, Output::Json) => Form::Json,
            (false, Output::Text) => Form::Text,
        };
        Self {
            form,
            out: std::io::BufWriter::new(std::io::stdout()),
            is_begun: false,
        }
    }

    /// Whether anybody reads on.
    ///
    /// # Errors
    /// stdout is full.
    pub fn print(&mut self, entry: &LogEntry) -> Result<bool, CliError> {
        let comma = if self.is_begun { ",\n" } else { "" };
        self.begin()?;
        let line = match self.form {
            Form::Text => format!("{}\n", visible(&logged(entry))),
            Form::Csv => format!("{}\r\n", visible(&csv(entry))),
            Form::Json => {
                let line = serde_json::to_string(&LogEntryJson::from(entry));
                let line = line.map_err(|error| unwritten(&error))?;
                format!("{comma}{}", visible_json(&line))
            }
        };
        self.write(&line)
    }

    /// # Errors
    /// As [`Page::print`].
    pub fn end(mut self) -> Result<(), CliError> {
        self.begin()?;
        if self.form == Form::Json {
            self.write("\n]}\n")?;
        }
        match self.out.flush() {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(unwritten(&error)),
            _ => Ok(()),
        }
    }

    fn begin(&mut self) -> Result<(), CliError> {
        if !std::mem::replace(&mut self.is_begun, true) {
            match self.form {
                Form::Json => self.write("{\"events\":[\n")?,
                Form::Csv => self.write(&format!("{}\r\n", CSV_HEADER))?,
                Form::Text => true,
            };
        }
        Ok(())
    }

    fn write(&mut self, line: &str) -> Result<bool, CliError> {
        match self.out.write_all(line.as_bytes()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(unwritten(&error)),
        }
    }
}

fn unwritten(error: &dyn std::fmt::Display) -> CliError {
    CliError::unchanged(
        Exit::Error,
        "output",
        format!("the answer cannot be written: {error}"),
        "is the disk behind it full?",
    )
}

fn logged(entry: &LogEntry) -> String {
    format!("{}  {}  {}", entry.sequence, time(entry.at), message(entry))
}

/// The same without what systemd's journal numbers and dates itself.
pub fn message(entry: &LogEntry) -> String {
    let id = entry.transaction.map(|id| format!("transaction {id}"));
    let domain = entry.domain.as_ref().map(|domain| safe(&domain.name));
    let about = match (id, domain) {
        (Some(id), Some(domain)) => format!("{id} ({domain})"),
        (Some(id), None) => id,
        (None, Some(domain)) => domain,
        (None, None) => "journal".to_owned(),
    };
    let (user, what) = (safe(&entry.user), safe(&words(entry)));
    format!("{about}  {user}: {what}")
}

/// What happened, in words.
fn words(entry: &LogEntry) -> String {
    let mut words = match &entry.what {
        Logged::Begun(by) => match &by.reason {
            Some(why) => format!("begun: {why}"),
            None => "begun".to_owned(),
        },
        Logged::Notice(notice) => format!("{}: {}", notice.topic.word(), notice.text),
        Logged::Event(kind) => event(kind),
    };
    for it in entry.overrides() {
        words.push_str(&format!("; overridden by {}", it.phrase()));
    }
    if let Some(back) = entry.clock_back {
        words.push_str(&format!(
            "; the clock had gone back by {:.1} seconds",
            back.as_secs_f64()
        ));
    }
    words
}

/// As `plan -v` and `show -v` number the steps: from 1.
fn number(step: &usize) -> usize {
    step + 1
}

fn event(kind: &EventKind) -> String {
    match kind {
        EventKind::Entered { state, cause: None } => state.word().to_owned(),
        EventKind::Entered {
            state,
            cause: Some(cause),
        } => format!("{}: {cause}", state.word()),
        EventKind::Intent { step, direction } => {
            format!("{} step {}", direction.word(), number(step))
        }
        EventKind::Withdrawn { step, direction } => {
            format!("{} step {}: not run", direction.word(), number(step))
        }
        EventKind::Outcome {
            step,
            direction,
            result,
        } => {
            let how = match result {
                Ok(false) => "done".to_owned(),
                Ok(true) => "already done".to_owned(),
                Err(error) => format!("failed: {error}"),
            };
            format!("{} step {}: {how}", direction.word(), number(step))
        }
        EventKind::Decided { verb, by } => match &by.reason {
            Some(why) => format!("{} on {}: {why}", verb.word(), by.host),
            None => format!("{} on {}", verb.word(), by.host),
        },
        EventKind::Settled { files, .. } => {
            format!("stopped; {} files looked at again", files.len())
        }
        EventKind::Held { name, reason, .. } => format!("held as '{name}': {reason}"),
        EventKind::Released { name, .. } => format!("hold '{name}' released"),
        EventKind::Wiped { step, wiped } => format!(
            "wipe step {}: {} bytes overwritten; claim: {}",
            number(step),
            wiped.overwritten,
            wiped.claim
        ),
        EventKind::Wiping { method } => format!("overwritten first ({})", method.word()),
        EventKind::Destroying { step } => format!("purge step {}", number(step)),
        EventKind::Destroyed { step, result } => match result {
            Ok(bytes) => format!("purge step {}: {bytes} bytes freed", number(step)),
            Err(error) => format!("purge step {}: failed: {error}", number(step)),
        },
        EventKind::Noted { .. } | EventKind::SetAside { .. } | EventKind::Imported { .. } => {
            kind.note().unwrap_or_default()
        }
        EventKind::Renamed(rename) => {
            format!(
                "restored as {} ({})",
                rename.domain.name, rename.domain.uuid
            )
        }
        EventKind::Amended(_) => "restored with changes".to_owned(),
        EventKind::Digested { step, result } => match result {
            Ok(digest) => format!("digest of step {}: {digest}", number(step)),
            Err(error) => format!("digest of step {}: failed: {error}", number(step)),
        },
    }
}

const CSV_HEADER: &str = "sequence,at,transaction,domain,domain_uuid,kind,user,what";

fn csv(entry: &LogEntry) -> String {
    let domain = entry.domain.as_ref();
    let fields = [
        entry.sequence.to_string(),
        entry.at.to_string(),
        entry.transaction.map_or(String::new(), |id| id.to_string()),
        domain.map_or(String::new(), |domain| domain.name.clone()),
        domain.map_or(String::new(), |domain| domain.uuid.to_string()),
        entry.what.word().to_owned(),
        entry.user.clone(),
        words(entry),
    ];
    fields.map(|field| quoted(&field)).join(",")
}

/// A spreadsheet takes what begins like a formula for one: a quote before it makes it text again.
fn quoted(field: &str) -> String {
    let is_formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let field = match is_formula {
        true => format!("'{field}"),
        false => field.to_owned(),
    };
    if field.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field
}

/// One flat object an entry.
#[derive(Serialize)]
struct LogEntryJson {
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
pub(super) struct CheckpointJson {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_does_not_leave_its_cell() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"no\""), "\"say \"\"no\"\"\"");
        assert_eq!(quoted("two\nlines"), "\"two\nlines\"");
        assert_eq!(quoted("=HYPERLINK(1)"), "'=HYPERLINK(1)");
    }
}
