//! The journal as lines, and back: byte for byte, so that the tree over it is the same.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fault::Fault;
use super::rebuild::{Found, Rebuilding};
use super::store::Store;
use super::{SledJournal, found};
use crate::journal::Head;
use crate::journal::lines::Part;
use crate::journal::log::{self, Appended, Writer};
use crate::ports::{Intake, JournalError};

/// Entries that are written at once, at most: fewer where a block ends. A history that is over goes
/// into its blocks right away then, and sled's log keeps nothing of what lay alone before.
const AT_ONCE: usize = 3000;

/// Makes the journal in `state_dir`, where there is none or an empty one, from the lines of an
/// export. Whole or not at all. Gives the number of entries.
///
/// # Errors
/// [`JournalError::Damaged`]: the lines are not an export, or not a whole one;
/// [`JournalError::Folder`] where there is a journal already.
pub fn import(
    state_dir: &Path,
    wait: Duration,
    next: &mut dyn FnMut() -> Result<Option<Part>, String>,
) -> Result<u64, JournalError> {
    let mut rebuilding = match Rebuilding::start(state_dir, wait, "journal import", &mut |_| {})? {
        Found::Lost(rebuilding, None) => rebuilding,
        Found::Lost(_, Some(cause)) => {
            let path = PathBuf::from(state_dir);
            return Err(JournalError::Damaged { path, cause });
        }
        Found::Healthy {
            transactions,
            entries,
        } => {
            return Err(JournalError::Folder {
                path: state_dir.to_owned(),
                cause: format!(
                    "has a journal with {transactions} transactions and {entries} log entries, \
                     and nothing is merged into it; name an empty one with --state-dir"
                ),
            });
        }
    };
    let journal = rebuilding.journal();
    let path = state_dir.to_owned();
    let entries = fill(journal, next).map_err(|fault| fault.at("fill", &path))?;
    rebuilding.finish()?;
    Ok(entries)
}

fn fill(
    journal: &mut SledJournal,
    next: &mut dyn FnMut() -> Result<Option<Part>, String>,
) -> Result<u64, Fault> {
    let Some(Part::Journal(format)) = next().map_err(Fault::Damaged)? else {
        return Fault::damaged("the export does not begin with the journal");
    };
    let mut head = found(&mut journal.store, &format)?;
    let mut is_more = true;
    while is_more {
        let mut writer = Writer::new(&journal.store, &head);
        is_more = chunk(&mut writer, next)?;
        let appended = writer.finish()?;
        head = write(&mut journal.store, appended)?;
    }
    let checked = log::whole(&journal.store, &head, format.migrated, &[], &mut |_, _| {})?;
    if let Some(finding) = checked.findings.first() {
        return Fault::damaged(format!("the export is not whole: {finding}"));
    }
    journal.watermark.set(&head.mark(), true)?;
    let entries = head.sequence();
    journal.head = head;
    journal.format = format;
    Ok(entries)
}

/// Whether there is more.
fn chunk(
    writer: &mut Writer<'_, Store>,
    next: &mut dyn FnMut() -> Result<Option<Part>, String>,
) -> Result<bool, Fault> {
    let mut taken = 0;
    while taken < AT_ONCE {
        match next().map_err(Fault::Damaged)? {
            Some(Part::Begin(record)) => {
                writer.begin_record(record)?;
                // Its first entry belongs to it.
                match next().map_err(Fault::Damaged)? {
                    Some(Part::Entry { record, .. }) => writer.entry_record(record)?,
                    _ => return Fault::damaged("a transaction has no entry"),
                }
            }
            Some(Part::Entry { record, .. }) => writer.entry_record(record)?,
            Some(Part::Journal(_)) => return Fault::damaged("the journal begins twice"),
            None => return Ok(false),
        }
        taken += 1;
        if writer.ends_a_block() {
            break;
        }
    }
    Ok(true)
}

fn write(store: &mut Store, appended: Appended) -> Result<Head, Fault> {
    store.write(appended.changes)?;
    Ok(appended.head)
}
