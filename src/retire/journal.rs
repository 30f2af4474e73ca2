//! The journal as a thing: what it is, out of it and into it, and to the present format.

use std::io::{BufRead, Write};

use jiff::Timestamp;

use crate::journal::checkpoint::Checkpoint;
use crate::journal::lines::{self, Lines};
use crate::model::Claim;
use crate::ports::{Imported, JournalError, Log, Migrated, Outlook};

use super::{Error, Site};

/// What a journal is.
pub struct JournalInfo {
    pub checkpoint: Checkpoint,
    pub created_at: Timestamp,
    /// Entries that an older format's journal had.
    pub migrated: u64,
    pub transactions: u64,
    /// Of them, those that are not finished or not decided.
    pub open: usize,
}

/// What opening the journal makes of its format, or has made of it.
pub enum Upgrade {
    /// It has the present one.
    Present,
    Ahead(Outlook),
    Done(Migrated, Outlook),
}

/// # Errors
/// There is none, or it cannot be opened.
fn open(site: &dyn Site, purpose: &str) -> Result<Box<dyn Log>, Error> {
    there(site)?;
    site.log(purpose)
}

fn there(site: &dyn Site) -> Result<(), Error> {
    match site.has_journal()? {
        true => Ok(()),
        false => Err(Error::NoJournal(site.state_dir().to_owned())),
    }
}

/// What the journal is; of an older format's, what the next command will make of it.
///
/// # Errors
/// There is none; opening it finds it damaged.
pub fn journal_info(site: &dyn Site) -> Result<Result<JournalInfo, Outlook>, Error> {
    there(site)?;
    // Asked first: to open it would upgrade it.
    if let Some(outlook) = site.outlook()? {
        return Ok(Err(outlook));
    }
    let log = open(site, "journal info")?;
    let (created_at, migrated) = log.origin();
    let mut info = JournalInfo {
        checkpoint: log.checkpoint(),
        created_at,
        migrated,
        transactions: 0,
        open: 0,
    };
    log.newest(&mut |summary| {
        info.transactions += 1;
        info.open += usize::from(summary.state.claim() != Claim::Nothing);
        Ok(true)
    })?;
    Ok(Ok(info))
}

/// # Errors
/// There is no journal; it is damaged, or newer than this program.
pub fn upgrade(site: &dyn Site, dry_run: bool) -> Result<Upgrade, Error> {
    there(site)?;
    let outlook = site.outlook()?;
    // Before 1970 sled opens nothing, and there is nothing to be upgraded all the same.
    let is_to_be_opened = !dry_run || site.clock().now() >= Timestamp::UNIX_EPOCH;
    let Some(outlook) = outlook else {
        if is_to_be_opened {
            // That it is not older is no proof that this program can read it.
            drop(open(site, "journal upgrade")?);
        }
        return Ok(Upgrade::Present);
    };
    if dry_run {
        return Ok(Upgrade::Ahead(outlook));
    }
    let log = open(site, "journal upgrade")?;
    Ok(match log.migrated() {
        Some(migrated) => Upgrade::Done(migrated.clone(), outlook),
        // Another command was faster.
        None => Upgrade::Present,
    })
}

/// The whole journal, as lines; `to` is asked for its place only once there is a journal.
///
/// # Errors
/// There is no journal, it is not whole, or nobody takes the lines.
pub fn export(
    site: &dyn Site,
    to: impl FnOnce() -> std::io::Result<Box<dyn Write>>,
) -> Result<(), Error> {
    let log = open(site, "journal export")?;
    let mut out = std::io::BufWriter::new(to().map_err(Error::Export)?);
    let mut broken = None;
    let exported = log.export(&mut |part| {
        lines::write(part, &mut out).map_err(|error| {
            let cause = error.to_string();
            broken = Some(error);
            JournalError::Io {
                doing: "export",
                path: site.state_dir().to_owned(),
                cause,
            }
        })
    });
    if let Some(error) = broken {
        return Err(Error::Export(error));
    }
    exported?;
    out.flush().map_err(Error::Export)
}

/// Makes the journal of an empty state folder out of the lines of an export, which errors call
/// `name`.
///
/// # Errors
/// There is a journal already; the lines are not those of a whole export. Nothing was changed.
pub fn import(site: &dyn Site, input: &mut dyn BufRead, name: String) -> Result<Imported, Error> {
    site.import(&mut Lines::new(input, name))
}
