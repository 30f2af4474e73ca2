//! `journal info|export|import|upgrade`.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

use crate::adapters::clock;
use crate::adapters::sled_journal::{Outlook, import, outlook};
use crate::journal::CURRENT;
use crate::journal::lines::{self, Part};
use crate::ports::{JournalError, JournalReader};

use super::super::args::{JournalCommand, Output};
use super::super::confirm::confirm;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::{json, own_folders, text};

pub fn run(context: &Context, what: JournalCommand) -> Result<(), CliError> {
    match what {
        JournalCommand::Info => info(context),
        JournalCommand::Export { file } => export(context, file.as_deref()),
        JournalCommand::Import { file, confirmation } => {
            if !confirmation.yes {
                confirm("Make the journal of this state folder from an export?")?;
            }
            take(context, file.as_deref())
        }
        JournalCommand::Upgrade { dry_run } => upgrade(context, dry_run),
    }
}

#[derive(Serialize)]
struct Info {
    path: String,
    format: u16,
    /// The format that this program writes.
    current: u16,
    uuid: String,
    created_at: String,
    transactions: u64,
    entries: u64,
    /// Entries that an older format's journal had.
    migrated: u64,
    open: usize,
    root: String,
    /// On the disk, of the journal itself.
    bytes: u64,
    health: &'static str,
}

fn info(context: &Context) -> Result<(), CliError> {
    if !context.has_journal()? {
        return Err(nothing(context));
    }
    let state = context.state_dir();
    // Asked first: to open it would upgrade it.
    if let Some(outlook) = outlook(state, context.settings.wait.value)? {
        return tell_outlook(context, Some(outlook));
    }
    let journal = context.journal("journal info")?;
    let checkpoint = journal.checkpoint();
    let (created_at, migrated) = journal.origin();
    let mut open = 0;
    let mut transactions = 0;
    journal.newest(&mut |summary| {
        transactions += 1;
        open += usize::from(summary.state.claim() != crate::model::Claim::Nothing);
        Ok(true)
    })?;
    let info = Info {
        path: state.display().to_string(),
        format: CURRENT,
        current: CURRENT,
        uuid: journal.id().to_string(),
        created_at: created_at.to_string(),
        transactions,
        entries: checkpoint.size,
        migrated,
        open,
        root: checkpoint.root.base64(),
        bytes: allocated(&state.join("journal")),
        health: "ok",
    };
    match context.output {
        Output::Json => json::print(&info),
        Output::Text => text::out(&format!(
            "Journal {} in {}, format {}, made {}.\n\
             {} transactions, {open} of them open; {} log entries, {} of them from format 1; {}.\n\
             Opening it found nothing wrong; to check every record: virt-retire verify",
            info.uuid,
            info.path,
            info.format,
            info.created_at,
            info.transactions,
            info.entries,
            info.migrated,
            crate::model::size(info.bytes)
        )),
    }
}

fn nothing(context: &Context) -> CliError {
    CliError::new(
        Exit::Error,
        "no-journal",
        format!("there is no journal in {}", context.state_dir().display()),
        "the first command that retires something makes it; another folder: --state-dir",
    )
}

/// Allocated, of everything below.
fn allocated(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => allocated(&entry.path()),
            Ok(found) => found.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

#[derive(Serialize)]
struct OutlookJson {
    upgrade: bool,
    from: u16,
    to: u16,
    transactions: Option<u64>,
    entries: Option<u64>,
}

fn tell_outlook(context: &Context, found: Option<Outlook>) -> Result<(), CliError> {
    let json = OutlookJson {
        upgrade: found.is_some(),
        from: found.as_ref().map_or(CURRENT, |it| it.from),
        to: CURRENT,
        transactions: found.as_ref().map(|it| it.transactions),
        entries: found.as_ref().map(|it| it.entries),
    };
    match (context.output, found) {
        (Output::Json, _) => json::print(&json),
        (Output::Text, None) => text::out(&format!(
            "The journal has format {CURRENT}: there is nothing to upgrade."
        )),
        (Output::Text, Some(it)) => text::out(&format!(
            "The journal has format {} and is whole: {} transactions, {} log entries. The next \
             command that opens it makes one of format {} of it, and keeps the old files.",
            it.from, it.transactions, it.entries, it.to
        )),
    }
}

fn upgrade(context: &Context, dry_run: bool) -> Result<(), CliError> {
    if !context.has_journal()? {
        return Err(nothing(context));
    }
    let found = outlook(context.state_dir(), context.settings.wait.value)?;
    // Before 1970 sled opens nothing, and there is nothing to be upgraded all the same.
    let is_to_be_opened = !dry_run || clock::now() >= jiff::Timestamp::UNIX_EPOCH;
    if found.is_none() && is_to_be_opened {
        // That it is not older is no proof that this program can read it.
        drop(context.journal("journal upgrade")?);
    }
    if dry_run || found.is_none() {
        return tell_outlook(context, found);
    }
    let journal = context.journal("journal upgrade")?;
    let Some(migrated) = journal.migrated() else {
        return tell_outlook(context, None);
    };
    match context.output {
        Output::Json => json::print(&OutlookJson {
            upgrade: true,
            from: migrated.from,
            to: migrated.to,
            transactions: found.as_ref().map(|it| it.transactions),
            entries: found.as_ref().map(|it| it.entries),
        }),
        Output::Text => text::out(&format!(
            "The journal has format {} now; the old files are in {}.",
            migrated.to,
            migrated.kept.display()
        )),
    }
}

fn export(context: &Context, file: Option<&Path>) -> Result<(), CliError> {
    if !context.has_journal()? {
        return Err(nothing(context));
    }
    let file = file.map(|file| own_folders::to_write(context.files(), file, "output"));
    let file = file.transpose()?;
    let journal = context.journal("journal export")?;
    let failed = |error: std::io::Error| {
        CliError::new(
            Exit::Error,
            "output",
            format!("the export cannot be written: {error}"),
            "name a file that does not exist, on a disk with room",
        )
    };
    let out: Box<dyn Write> = match file {
        Some(file) => Box::new(
            OpenOptions::new()
                .write(true)
                .create_new(true)
                // Secrets are in it.
                .mode(0o600)
                .open(file)
                .map_err(failed)?,
        ),
        None => Box::new(std::io::stdout()),
    };
    let mut out = BufWriter::new(out);
    let mut broken = None;
    let exported = journal.export(&mut |part| {
        let written = lines::write(part, &mut out);
        written.map_err(|error| {
            let cause = error.to_string();
            broken = Some(error);
            JournalError::Io {
                doing: "export",
                path: context.state_dir().to_owned(),
                cause,
            }
        })
    });
    if let Some(error) = broken {
        return Err(failed(error));
    }
    exported?;
    out.flush().map_err(failed)
}

/// Bytes. No honest line is longer: a record has 64 MiB at most.
const LONGEST_LINE: u64 = 100 << 20;

fn take(context: &Context, file: Option<&Path>) -> Result<(), CliError> {
    let input: Box<dyn Read> = match file {
        Some(file) => Box::new(std::fs::File::open(file).map_err(|error| {
            CliError::unchanged(
                Exit::Error,
                "input",
                format!("{} cannot be read: {error}", file.display()),
                "name what `journal export` wrote",
            )
        })?),
        None => Box::new(std::io::stdin()),
    };
    let mut input = BufReader::new(input);
    let mut number = 0;
    let entries = import(
        context.state_dir(),
        context.settings.wait.value,
        &mut || {
            number += 1;
            next(&mut input).map_err(|cause| format!("line {number} of the export {cause}"))
        },
    )?;
    match context.output {
        Output::Json => json::print(&serde_json::json!({ "entries": entries })),
        Output::Text => text::out(&format!("{entries} log entries were taken in.")),
    }
}

fn next(input: &mut impl BufRead) -> Result<Option<Part>, String> {
    let mut line = Vec::new();
    let read = input.take(LONGEST_LINE).read_until(b'\n', &mut line);
    match read.map_err(|error| format!("cannot be read: {error}"))? {
        0 => return Ok(None),
        _ if !line.ends_with(b"\n") => return Err("is cut off".into()),
        _ => {}
    }
    lines::read(&line).map(Some)
}
