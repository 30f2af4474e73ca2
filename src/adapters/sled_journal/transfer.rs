//! The journal as lines, and back: byte for byte, so that the tree over it is the same.

use std::path::Path;
use std::time::Duration;

use super::fault::Fault;
use super::rebuild::{Found, Rebuilding, Spares};
use super::store::Store;
use super::{SledJournal, found};
use crate::journal::Head;
use crate::journal::lines::{Lines, Part, Wrong};
use crate::journal::log::{self, Appended, Writer};
use crate::ports::{Imported, Intake, JournalError};

/// Entries that are written at once, at most: fewer where a block ends. A history that is over goes
/// into its blocks right away then, and sled's log keeps nothing of what lay alone before.
const AT_ONCE: usize = 3000;

/// Makes the journal in `state_dir`, where there is none or an empty one, from the lines of an
/// export. Whole or not at all: where it fails, nothing of it is left.
///
/// # Errors
/// [`JournalError::Export`]: the lines are not an export, or not a whole one;
/// [`JournalError::Folder`] where there is a journal already; [`JournalError::Damaged`] where that
/// is not a whole one.
pub fn import(
    state_dir: &Path,
    wait: Duration,
    lines: &mut Lines,
) -> Result<Imported, JournalError> {
    let (purpose, spares) = ("journal import", Spares::Entries);
    let started = Rebuilding::start(state_dir, wait, purpose, spares, &mut |_| {})?;
    let mut rebuilding = match started {
        Found::Lost(rebuilding, None) => rebuilding,
        Found::Lost(_, Some(cause)) => {
            let path = state_dir.to_owned();
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
    let imported = fill(rebuilding.journal(), lines).map_err(|failed| match failed {
        Failed::Lines(wrong) => JournalError::Export {
            name: lines.name().to_owned(),
            wrong,
        },
        Failed::Journal(fault) => fault.at("fill", state_dir),
    })?;
    rebuilding.finish()?;
    Ok(imported)
}

/// Whose fault it is.
enum Failed {
    Lines(Wrong),
    Journal(Fault),
}

impl From<Wrong> for Failed {
    fn from(wrong: Wrong) -> Self {
        Self::Lines(wrong)
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Journal(fault)
    }
}

fn fill(journal: &mut SledJournal, lines: &mut Lines) -> Result<Imported, Failed> {
    let Some(Part::Journal { format, extent }) = lines.next_part()? else {
        return Err(lines.wrong("it is not the journal's own").into());
    };
    let mut head = found(&mut journal.store, &format)?;
    let mut is_more = true;
    while is_more {
        let mut writer = Writer::new(&journal.store, &head);
        is_more = chunk(&mut writer, lines)?;
        let appended = writer.finish()?;
        head = write(&mut journal.store, appended)?;
    }
    let whole = |cause: String| Failed::Lines(Wrong::Damaged(cause));
    if extent.is_some_and(|it| it.root != head.frontier.root()) {
        let cause = "its entries are not those whose root its first line has";
        return Err(whole(cause.into()));
    }
    let checked = log::whole(&journal.store, &head, format.migrated, &[], &mut |_, _| {})?;
    if let Some(finding) = checked.findings.first() {
        return Err(whole(finding.clone()));
    }
    journal.watermark.set(&head.mark(), true)?;
    let imported = Imported {
        entries: head.sequence(),
        is_counted: lines.extent().is_some(),
    };
    journal.head = head;
    journal.format = format;
    Ok(imported)
}

/// Whether there is more.
fn chunk(writer: &mut Writer<'_, Store>, lines: &mut Lines) -> Result<bool, Failed> {
    let mut taken = 0;
    while taken < AT_ONCE {
        match lines.next_part()? {
            Some(Part::Begin(record)) => {
                of_a_line(lines, writer.begin_record(record))?;
                // Its first entry belongs to it.
                match lines.next_part()? {
                    Some(Part::Entry { record, .. }) => {
                        of_a_line(lines, writer.entry_record(record))?;
                    }
                    _ => return Err(lines.wrong("a transaction has no entry").into()),
                }
            }
            Some(Part::Entry { record, .. }) => of_a_line(lines, writer.entry_record(record))?,
            Some(Part::Journal { .. }) => return Err(lines.wrong("a journal begins").into()),
            None => return Ok(false),
        }
        taken += 1;
        if writer.ends_a_block() {
            break;
        }
    }
    Ok(true)
}

/// A record that cannot be one is the line's fault.
fn of_a_line(lines: &Lines, taken: Result<(), Fault>) -> Result<(), Failed> {
    taken.map_err(|fault| match fault {
        Fault::Damaged(cause) => lines.wrong(cause).into(),
        Fault::Newer { found, known } => {
            let cause = format!("its record has format {found}, and this version knows {known}");
            lines.wrong(cause).into()
        }
        other => other.into(),
    })
}

fn write(store: &mut Store, appended: Appended) -> Result<Head, Fault> {
    store.write(appended.changes)?;
    Ok(appended.head)
}
