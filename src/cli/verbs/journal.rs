//! `journal info|export|import|upgrade`.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

use crate::journal::CURRENT;
use crate::model::size;
use crate::ports::Outlook;
use crate::retire::{self, JournalInfo, Upgrade};

use super::super::args::{JournalCommand, Output};
use super::super::confirm::confirm;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::{json, own_folders, text};

pub fn run(context: &Context, what: JournalCommand) -> Result<(), CliError> {
    match what {
        JournalCommand::Info => match retire::journal_info(context)? {
            Ok(found) => tell_info(context, &found),
            Err(outlook) => tell_upgrade(context, Upgrade::Ahead(outlook)),
        },
        JournalCommand::Export { file } => export(context, file.as_deref()),
        JournalCommand::Import { file, confirmation } => {
            if !confirmation.yes {
                confirm("Make the journal of this state folder from an export?")?;
            }
            import(context, file.as_deref())
        }
        JournalCommand::Upgrade { dry_run } => {
            tell_upgrade(context, retire::upgrade(context, dry_run)?)
        }
    }
}

#[derive(Serialize)]
struct InfoJson {
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

fn tell_info(context: &Context, found: &JournalInfo) -> Result<(), CliError> {
    let state = context.state_dir();
    let info = InfoJson {
        path: state.display().to_string(),
        format: CURRENT,
        current: CURRENT,
        uuid: found.checkpoint.journal.to_string(),
        created_at: found.created_at.to_string(),
        transactions: found.transactions,
        entries: found.checkpoint.size,
        migrated: found.migrated,
        open: found.open,
        root: found.checkpoint.root.base64(),
        bytes: allocated(&state.join("journal")),
        health: "ok",
    };
    match context.output {
        Output::Json => json::print(&info),
        Output::Text => text::out(&format!(
            "Journal {} in {}, format {}, made {}.\n\
             {} transactions, {} of them open; {} log entries, {} of them from format 1; {}.\n\
             Opening it found nothing wrong; to check every record: virt-retire verify",
            info.uuid,
            info.path,
            info.format,
            info.created_at,
            info.transactions,
            info.open,
            info.entries,
            info.migrated,
            size(info.bytes)
        )),
    }
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
struct UpgradeJson {
    upgrade: bool,
    from: u16,
    to: u16,
    transactions: Option<u64>,
    entries: Option<u64>,
}

fn tell_upgrade(context: &Context, upgrade: Upgrade) -> Result<(), CliError> {
    if context.output == Output::Json {
        let outlook = match &upgrade {
            Upgrade::Present => None,
            Upgrade::Ahead(outlook) | Upgrade::Done(_, outlook) => Some(outlook),
        };
        return json::print(&UpgradeJson {
            upgrade: outlook.is_some(),
            from: outlook.map_or(CURRENT, |it| it.from),
            to: CURRENT,
            transactions: outlook.map(|it| it.transactions),
            entries: outlook.map(|it| it.entries),
        });
    }
    text::out(&match upgrade {
        Upgrade::Present => {
            format!("The journal has format {CURRENT}: there is nothing to upgrade.")
        }
        Upgrade::Ahead(Outlook {
            from,
            to,
            transactions,
            entries,
        }) => format!(
            "The journal has format {from} and is whole: {transactions} transactions, {entries} \
             log entries. The next command that opens it makes one of format {to} of it, and \
             keeps the old files."
        ),
        Upgrade::Done(migrated, _) => format!(
            "The journal has format {} now; the old files are in {}.",
            migrated.to,
            migrated.kept.display()
        ),
    })
}

fn export(context: &Context, file: Option<&Path>) -> Result<(), CliError> {
    let file = file.map(|file| own_folders::to_write(context.files(), file, "output"));
    let file = file.transpose()?;
    retire::export(context, || -> std::io::Result<Box<dyn Write>> {
        let Some(file) = file else {
            return Ok(Box::new(std::io::stdout()));
        };
        let mut options = OpenOptions::new();
        // Secrets are in it.
        let options = options.write(true).create_new(true).mode(0o600);
        Ok(Box::new(options.open(file)?))
    })?;
    Ok(())
}

fn import(context: &Context, file: Option<&Path>) -> Result<(), CliError> {
    let input: Box<dyn Read> = match file {
        Some(file) => Box::new(File::open(file).map_err(|error| {
            CliError::unchanged(
                Exit::Error,
                "input",
                format!("{} cannot be read: {error}", file.display()),
                "name what `journal export` wrote",
            )
        })?),
        None => Box::new(std::io::stdin()),
    };
    let entries = retire::import(context, &mut BufReader::new(input))?;
    match context.output {
        Output::Json => json::print(&serde_json::json!({ "entries": entries })),
        Output::Text => text::out(&format!("{entries} log entries were taken in.")),
    }
}
