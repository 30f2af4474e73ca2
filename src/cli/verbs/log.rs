//! `log`: the event log, an entry a line; `log --checkpoint`.

use std::io::Write;

use crate::model::{Filter, LogEntry};
use crate::ports::{JournalReader, Log};

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::safe::{visible, visible_json};
use super::super::{json, text};

/// At most `limit` entries, the newest, and of those the oldest first.
pub fn run(context: &Context, filter: &Filter, limit: Option<usize>) -> Result<(), CliError> {
    let mut page = Page::begin(context)?;
    if context.has_journal()? {
        let mut failed = None;
        context
            .reader("log")?
            .entries(filter, limit, &mut |entry| {
                Ok(page.print(&entry).unwrap_or_else(|error| {
                    failed = Some(error);
                    false
                }))
            })?;
        if let Some(error) = failed {
            return Err(error);
        }
    }
    page.end()
}

pub fn print_checkpoint(context: &Context) -> Result<(), CliError> {
    let journal = context.journal("log --checkpoint")?;
    let checkpoint = journal.checkpoint();
    match context.output {
        Output::Json => json::print(&json::CheckpointJson::from(&checkpoint)),
        Output::Text => text::out(checkpoint.text().trim_end()),
    }
}

/// One after the other: a log is longer than memory.
struct Page {
    form: Form,
    out: std::io::BufWriter<std::io::Stdout>,
    is_first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
    Csv,
}

impl Page {
    fn begin(context: &Context) -> Result<Self, CliError> {
        let form = match (context.csv, context.output) {
            (true, _) => Form::Csv,
            (false, Output::Json) => Form::Json,
            (false, Output::Text) => Form::Text,
        };
        let mut page = Self {
            form,
            out: std::io::BufWriter::new(std::io::stdout()),
            is_first: true,
        };
        match form {
            Form::Json => page.write("{\"events\":[\n")?,
            Form::Csv => page.write(&format!("{}\r\n", text::CSV_HEADER))?,
            Form::Text => true,
        };
        Ok(page)
    }

    /// Whether anybody reads on.
    fn print(&mut self, entry: &LogEntry) -> Result<bool, CliError> {
        let comma = if self.is_first { "" } else { ",\n" };
        self.is_first = false;
        let line = match self.form {
            Form::Text => format!("{}\n", visible(&text::logged(entry))),
            Form::Csv => format!("{}\r\n", visible(&text::csv(entry))),
            Form::Json => {
                let line = serde_json::to_string(&json::LogEntryJson::from(entry));
                let line = line.map_err(|error| told(&error))?;
                format!("{comma}{}", visible_json(&line))
            }
        };
        self.write(&line)
    }

    fn end(mut self) -> Result<(), CliError> {
        if self.form == Form::Json {
            self.write("\n]}\n")?;
        }
        match self.out.flush() {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(told(&error)),
            _ => Ok(()),
        }
    }

    fn write(&mut self, line: &str) -> Result<bool, CliError> {
        match self.out.write_all(line.as_bytes()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(told(&error)),
        }
    }
}

fn told(error: &dyn std::fmt::Display) -> CliError {
    CliError::unchanged(
        Exit::Error,
        "output",
        format!("the answer cannot be written: {error}"),
        "is the disk behind it full?",
    )
}
