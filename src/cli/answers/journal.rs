//! What the journal is, and what became of its format.

use std::path::Path;

use serde::Serialize;

use crate::journal::CURRENT;
use crate::model::size;
use crate::ports::{Imported, Outlook};
use crate::retire::{JournalInfo, Upgrade};

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::CliError;
use super::{answer, out, print};

pub fn imported(context: &Context, imported: &Imported) -> Result<(), CliError> {
    let Imported {
        entries,
        is_counted,
    } = imported;
    let not_counted = "This export does not say how many entries it has, as an older version wrote \
                       it: whether its end is missing, only a checkpoint can tell \
                       (virt-retire verify --checkpoint FILE).";
    answer(
        context,
        || serde_json::json!({ "entries": entries, "counted": is_counted }),
        || match is_counted {
            true => format!("{entries} log entries were taken in."),
            false => format!("{entries} log entries were taken in. {not_counted}"),
        },
    )
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

pub fn info(context: &Context, found: &JournalInfo) -> Result<(), CliError> {
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
        Output::Json => print(&info),
        Output::Text => out(&format!(
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

pub fn upgrade(context: &Context, upgrade: Upgrade) -> Result<(), CliError> {
    if context.output == Output::Json {
        let outlook = match &upgrade {
            Upgrade::Present => None,
            Upgrade::Ahead(outlook) | Upgrade::Done(_, outlook) => Some(outlook),
        };
        return print(&UpgradeJson {
            upgrade: outlook.is_some(),
            from: outlook.map_or(CURRENT, |it| it.from),
            to: CURRENT,
            transactions: outlook.map(|it| it.transactions),
            entries: outlook.map(|it| it.entries),
        });
    }
    out(&match upgrade {
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
