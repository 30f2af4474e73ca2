//! `verify`: the log's integrity, the quarantine against the journal, and a checkpoint that was
//! kept.

use std::path::Path;

use serde::Serialize;

use crate::engine::Difference;
use crate::journal::checkpoint::Checkpoint;
use crate::model::{TransactionId, size};
use crate::retire::{self, Read, Verified};

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::progress::Progress;
use super::super::{json, text};

#[derive(Serialize)]
struct VerifiedJson<'a> {
    ok: bool,
    /// Of the log.
    entries: u64,
    root: String,
    files: u64,
    bytes: u64,
    /// With --deep: files that are what their digest says.
    proved: u64,
    /// With --deep: files that were read, and have no digest to be held against.
    unproved: u64,
    findings: Vec<DifferenceJson<'a>>,
}

#[derive(Serialize)]
struct DifferenceJson<'a> {
    code: &'static str,
    subject: &'a str,
    message: &'a str,
    hint: &'a str,
}

impl<'a> From<&'a Difference> for DifferenceJson<'a> {
    fn from(found: &'a Difference) -> Self {
        Self {
            code: found.code,
            subject: &found.subject,
            message: &found.message,
            hint: &found.hint,
        }
    }
}

impl<'a> From<&'a Verified> for VerifiedJson<'a> {
    fn from(verified: &'a Verified) -> Self {
        let Verified { checkpoint, looked } = verified;
        Self {
            ok: verified.is_whole(),
            entries: checkpoint.size,
            root: checkpoint.root.base64(),
            files: looked.files,
            bytes: looked.bytes,
            proved: looked.proved,
            unproved: looked.unproved,
            findings: looked.differences.iter().map(Into::into).collect(),
        }
    }
}

/// Of `ids` alone where there are any; the log is always looked at whole.
pub fn run(
    context: &Context,
    ids: &[TransactionId],
    deep: bool,
    checkpoint: Option<&Path>,
) -> Result<(), CliError> {
    let kept = checkpoint.map(read).transpose()?;
    let mut watched = Watched::new(context);
    let verified = retire::verify(context, ids, deep, kept.as_ref(), &mut |read| {
        watched.hear(read);
    })?;
    watched.progress.end();
    match context.output {
        Output::Json => json::print(&VerifiedJson::from(&verified))?,
        Output::Text => text::out(&words(&verified))?,
    }
    match verified.looked.differences.len() {
        0 => Ok(()),
        count => Err(CliError::new(
            Exit::Error,
            "differs",
            format!("{count} things are not as they were left"),
            "each finding above says what it means for an undo",
        )),
    }
}

/// For a person who watches: first the log is read, then, if it is asked for, the files.
struct Watched<'a> {
    context: &'a Context,
    progress: Progress,
    /// Of the files; `None` before the first.
    bytes: Option<u64>,
}

impl<'a> Watched<'a> {
    fn new(context: &'a Context) -> Self {
        Self {
            context,
            progress: Progress::new(context, "transactions read"),
            bytes: None,
        }
    }

    fn hear(&mut self, read: Read) {
        match read {
            Read::Transactions { done, all } => self.progress.at(done, all),
            Read::Bytes(count) => {
                if self.bytes.is_none() {
                    let files = Progress::of_bytes(self.context, "of quarantine read");
                    std::mem::replace(&mut self.progress, files).end();
                }
                let so_far = self.bytes.unwrap_or(0) + count;
                self.bytes = Some(so_far);
                self.progress.at(so_far, so_far);
            }
        }
    }
}

fn words(verified: &Verified) -> String {
    let Verified { checkpoint, looked } = verified;
    let mut lines: Vec<String> = (looked.differences.iter())
        .map(|it| format!("{}: {}: {}\n  {}", it.code, it.subject, it.message, it.hint))
        .collect();
    lines.push(format!(
        "{} log entries, root {}; {} files in quarantine, {}.",
        checkpoint.size,
        checkpoint.root.base64(),
        looked.files,
        size(looked.bytes)
    ));
    if looked.proved > 0 {
        lines.push(format!(
            "{} files hold the bytes that were put there, by their digest.",
            looked.proved
        ));
    }
    if looked.unproved > 0 {
        lines.push(format!(
            "{} files could be read, and have no digest: whether their bytes are the same, nobody \
             can tell (the setting `digest` takes one of what is retired from then on).",
            looked.unproved
        ));
    }
    if verified.is_whole() {
        lines.push("Everything is as it was left.".to_owned());
    }
    lines.join("\n")
}

fn read(file: &Path) -> Result<Checkpoint, CliError> {
    let wrong = |cause: String| {
        CliError::new(
            Exit::Error,
            "checkpoint",
            format!("{} {cause}", file.display()),
            "a checkpoint is what was printed by: virt-retire log --checkpoint",
        )
    };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("{error}")))?;
    Checkpoint::parse(&text).map_err(wrong)
}
