//! `verify`: the log's integrity, the quarantine against the journal, and a checkpoint that was
//! kept.

use std::path::Path;

use serde::Serialize;

use crate::adapters::sled_journal::SledJournal;
use crate::engine::{self, Difference, Looked};
use crate::journal::checkpoint::Checkpoint;
use crate::journal::merkle::Wanted;
use crate::model::{Topic, TransactionId, size};

use super::super::args::Output;
use super::super::context::{Context, note_done};
use super::super::error::{CliError, Exit};
use super::super::progress::Progress;
use super::super::{json, text};

#[derive(Serialize)]
struct Verified {
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
    findings: Vec<FindingJson>,
}

#[derive(Serialize)]
struct FindingJson {
    code: &'static str,
    subject: String,
    message: String,
    hint: String,
}

impl From<Difference> for FindingJson {
    fn from(found: Difference) -> Self {
        Self {
            code: found.code,
            subject: found.subject,
            message: found.message,
            hint: found.hint,
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
    let mut journal = context.journal("verify")?;
    let wanted = kept.as_ref().map(|kept| Wanted::Root(kept.size));
    let progress = Progress::new(context, "transactions read");
    let checked = journal.check(wanted.as_slice(), &mut |done, all| progress.at(done, all))?;
    progress.end();
    let mut findings: Vec<FindingJson> = checked
        .findings
        .iter()
        .map(|it| engine::log_is_damaged(it).into())
        .collect();
    let lacks = kept.and_then(|kept| engine::lacks_checkpoint(journal.id(), &checked.tree, &kept));
    findings.extend(lacks.map(FindingJson::from));
    let looked = quarantine(context, &journal, ids, deep)?;
    findings.extend(looked.differences.into_iter().map(FindingJson::from));
    if ids.is_empty() && checked.findings.is_empty() {
        findings.extend(context.compare(&journal)?.iter().map(|found| FindingJson {
            code: found.code(),
            subject: found.folder().display().to_string(),
            message: found.message(),
            hint: found.hint(),
        }));
    }
    let now = journal.checkpoint();
    let verified = Verified {
        ok: findings.is_empty(),
        entries: now.size,
        root: now.root.base64(),
        files: looked.files,
        bytes: looked.bytes,
        proved: looked.proved,
        unproved: looked.unproved,
        findings,
    };
    // A log that is damaged is not written to.
    if !verified.ok && checked.findings.is_empty() {
        let text = format!("{} findings: {}", verified.findings.len(), first(&verified));
        note_done(&mut journal, Topic::Verification, text);
    }
    match context.output {
        Output::Json => json::print(&verified)?,
        Output::Text => text::out(&words(&verified))?,
    }
    match verified.ok {
        true => Ok(()),
        false => Err(CliError::new(
            Exit::Error,
            "differs",
            format!(
                "{} things are not as they were left",
                verified.findings.len()
            ),
            "each finding above says what it means for an undo",
        )),
    }
}

fn first(verified: &Verified) -> String {
    let first = verified.findings.first();
    first.map_or(String::new(), |finding| finding.message.clone())
}

fn words(verified: &Verified) -> String {
    let mut lines: Vec<String> = (verified.findings.iter())
        .map(|it| format!("{}: {}: {}\n  {}", it.code, it.subject, it.message, it.hint))
        .collect();
    lines.push(format!(
        "{} log entries, root {}; {} files in quarantine, {}.",
        verified.entries,
        verified.root,
        verified.files,
        size(verified.bytes)
    ));
    if verified.proved > 0 {
        lines.push(format!(
            "{} files hold the bytes that were put there, by their digest.",
            verified.proved
        ));
    }
    if verified.unproved > 0 {
        lines.push(format!(
            "{} files could be read, and have no digest: whether their bytes are the same, nobody \
             can tell (the setting `digest` takes one of what is retired from then on).",
            verified.unproved
        ));
    }
    if verified.ok {
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

fn quarantine(
    context: &Context,
    journal: &SledJournal,
    ids: &[TransactionId],
    deep: bool,
) -> Result<Looked, CliError> {
    let progress = deep.then(|| Progress::of_bytes(context, "of quarantine read"));
    let mut so_far = 0;
    let mut tell = |count: u64| {
        so_far += count;
        if let Some(progress) = &progress {
            progress.at(so_far, so_far);
        }
    };
    let read: Option<&mut dyn FnMut(u64)> = match deep {
        true => Some(&mut tell),
        false => None,
    };
    let files = context.files();
    let looked = engine::verify_all(files, files, journal, ids, read)?;
    if let Some(progress) = progress {
        progress.end();
    }
    Ok(looked)
}
