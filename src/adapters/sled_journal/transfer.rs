//! The journal as lines, and back: byte for byte, so that the tree over it is the same.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fault::Fault;
use super::rebuild::{Found, Rebuilding};
use super::store::Store;
use super::{SledJournal, found};
use crate::journal::lines::Part;
use crate::journal::log::{self, Appended, Writer};
use crate::journal::{Hash, Head};
use crate::ports::{Intake, JournalError};

/// Entries that are written at once, at most: fewer where a block ends. A history that is over goes
/// into its blocks right away then, and sled's log keeps nothing of what lay alone before.
const AT_ONCE: usize = 3000;

/// Makes the journal in `state_dir`, where there is none or an empty one, from the lines of an
/// export. Whole or not at all. Gives the number of entries.
///
/// # Errors
/// [`JournalError::Export`]: the lines are not an export, or not a whole one;
/// [`JournalError::Folder`] where there is a journal already.
pub fn import(
    state_dir: &Path,
    wait: Duration,
    next: &mut dyn FnMut() -> Result<Option<Part>, String>,
) -> Result<u64, JournalError> {
    let mut rebuilding = match Rebuilding::start(state_dir, wait, "journal import", &mut |_| {})? {
        Found::Lost(rebuilding, None) => rebuilding,
        Found::Lost(rebuilding, Some(cause)) => {
            rebuilding.abandon();
            let path = PathBuf::from(state_dir);
            return Err(JournalError::Damaged { path, cause });
        }
        Found::Healthy(_) => {
            return Err(JournalError::Folder {
                path: state_dir.to_owned(),
                cause: "has a journal already, and nothing is merged into it; name an empty one \
                        with --state-dir"
                    .to_owned(),
            });
        }
    };
    match fill(rebuilding.journal(), next) {
        Ok(entries) => {
            rebuilding.finish()?;
            Ok(entries)
        }
        Err(fault) => {
            rebuilding.abandon();
            Err(match fault {
                // The journal is made from nothing but the lines.
                Fault::Damaged(cause) => JournalError::Export { cause },
                other => other.at("fill", state_dir),
            })
        }
    }
}

fn fill(
    journal: &mut SledJournal,
    next: &mut dyn FnMut() -> Result<Option<Part>, String>,
) -> Result<u64, Fault> {
    let Some(Part::Journal(format)) = next().map_err(Fault::Damaged)? else {
        return Fault::damaged("it does not begin with the journal");
    };
    let mut head = found(&mut journal.store, &format)?;
    let end = loop {
        let mut writer = Writer::new(&journal.store, &head);
        let end = chunk(&mut writer, head.sequence(), next)?;
        let appended = writer.finish()?;
        head = write(&mut journal.store, appended)?;
        if let Some(end) = end {
            break end;
        }
    };
    if end != (head.sequence(), head.frontier.root()) {
        return Fault::damaged(format!(
            "it has {} log entries, and its last line speaks of {} with another root",
            head.sequence(),
            end.0
        ));
    }
    if let Some(_more) = next().map_err(Fault::Damaged)? {
        return Fault::damaged("it goes on after its last line");
    }
    let checked = log::whole(&journal.store, &head, format.migrated, &[], &mut |_, _| {})?;
    if let Some(finding) = checked.findings.first() {
        return Fault::damaged(format!("it is not whole: {finding}"));
    }
    journal.watermark.set(&head.mark(), true)?;
    let entries = head.sequence();
    journal.head = head;
    journal.format = format;
    Ok(entries)
}

/// Takes the next lines, of which the log has `before` entries before them. What the last line
/// says, if that came.
fn chunk(
    writer: &mut Writer<'_, Store>,
    before: u64,
    next: &mut dyn FnMut() -> Result<Option<Part>, String>,
) -> Result<Option<(u64, Hash)>, Fault> {
    let mut sequence = before;
    for _ in 0..AT_ONCE {
        match next().map_err(Fault::Damaged)? {
            Some(Part::Begin(record)) => {
                writer.begin_record(record)?;
                // Its first entry belongs to it.
                match next().map_err(Fault::Damaged)? {
                    Some(part @ Part::Entry { .. }) => entry(writer, &mut sequence, part)?,
                    _ => return Fault::damaged("a transaction has no entry"),
                }
            }
            Some(part @ Part::Entry { .. }) => entry(writer, &mut sequence, part)?,
            Some(Part::Journal(_)) => return Fault::damaged("the journal begins twice"),
            Some(Part::End { entries, root }) => return Ok(Some((entries, root))),
            None => {
                return Fault::damaged(format!(
                    "it is cut off after {sequence} log entries: its last line, which says how \
                     many there are, is missing"
                ));
            }
        }
        if writer.ends_a_block() {
            break;
        }
    }
    Ok(None)
}

fn entry(writer: &mut Writer<'_, Store>, sequence: &mut u64, part: Part) -> Result<(), Fault> {
    if let Part::Entry {
        sequence: said,
        record,
    } = part
    {
        *sequence += 1;
        if said != *sequence {
            return Fault::damaged(format!("entry {said} stands where {sequence} belongs"));
        }
        writer.entry_record(record)?;
    }
    Ok(())
}

fn write(store: &mut Store, appended: Appended) -> Result<Head, Fault> {
    store.write(appended.changes)?;
    Ok(appended.head)
}
