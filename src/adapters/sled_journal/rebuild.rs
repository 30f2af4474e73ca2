//! A new journal in the place of one that is lost or damaged.
//!
//! The new one is made whole in a folder beside; then the old files are moved aside and the new
//! ones into their place. Killed in between, there is no journal, which a second rebuild takes for
//! what it is, or half of the new one, and whoever opens it brings the other half. Nothing of the
//! old one is deleted, unless it is whole and has no entry at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use super::super::clock;
use super::fault::Fault;
use super::folder::{self, Names, Passing, make_private, remove};
use super::lock::Lock;
use super::sync::sync_folder;
use super::{Opened, SledJournal};
use crate::journal::log::Writer;
use crate::model::{EventKind, Transaction, TransactionId};
use crate::ports::{Intake, JournalError, JournalReader};

/// What is at the journal's place.
pub enum Found {
    /// It opens, and has what [`Spares`] says. There may be entries and no transaction: what was
    /// allowed or looked for and not found is history too.
    Healthy { transactions: u64, entries: u64 },
    /// It is damaged, empty or not there; why, where there is a reason.
    Lost(Box<Rebuilding>, Option<String>),
}

/// What keeps a journal in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spares {
    /// A rebuild is for whoever lost transactions: one that has none gives way, and is kept aside.
    Transactions,
    /// An import is for an empty folder.
    Entries,
}

/// A journal in the making. The lock of the real one is held all the while. Dropped before it is
/// finished, it leaves nothing.
pub struct Rebuilding {
    names: Names,
    // Dropped before its folder: sled writes at its end.
    journal: SledJournal,
    beside: Passing,
    /// What it takes the place of is whole and empty.
    replaces_nothing: bool,
    _lock: Lock,
}

impl Rebuilding {
    /// Looks at the journal in `state_dir`.
    ///
    /// # Errors
    /// As [`SledJournal::open`], except that a damaged one is what this is for.
    pub fn start(
        state_dir: &Path,
        wait: Duration,
        purpose: &str,
        spares: Spares,
        on_wait: &mut dyn FnMut(&str),
    ) -> Result<Found, JournalError> {
        folder::ready(state_dir)?;
        let names = Names::below(state_dir);
        let lock = Lock::take(&names.lock, wait, purpose, on_wait)?;
        let fault = |fault: Fault| fault.at("open", state_dir);
        let mut is_empty = false;
        let damage = if names.sled.join("db").exists() || names.watermark.exists() {
            match super::open(&names, clock::now()) {
                Ok(Opened { head, .. }) => {
                    let (transactions, entries) = (head.count, head.sequence());
                    let stays = match spares {
                        Spares::Transactions => transactions > 0,
                        Spares::Entries => entries > 0,
                    };
                    if stays {
                        return Ok(Found::Healthy {
                            transactions,
                            entries,
                        });
                    }
                    is_empty = entries == 0;
                    None
                }
                Err(Fault::Damaged(cause)) => Some(cause),
                Err(other) => return Err(fault(other)),
            }
        } else {
            None
        };
        for left in left_behind(&names) {
            remove(&left).map_err(|error| fault(Fault::io(&left, error)))?;
        }
        let beside = Passing::new(beside(&names));
        let journal = SledJournal::open_now(beside.path())?;
        let rebuilding = Self {
            names,
            journal,
            beside,
            replaces_nothing: is_empty,
            _lock: lock,
        };
        Ok(Found::Lost(Box::new(rebuilding), damage))
    }

    /// The new journal.
    pub(super) fn journal(&mut self) -> &mut SledJournal {
        &mut self.journal
    }
}

impl Intake for Rebuilding {
    fn known(&self) -> Result<Vec<(TransactionId, Uuid)>, JournalError> {
        Ok(Vec::new())
    }

    fn take_in(
        &mut self,
        transaction: &Transaction,
        events: &[EventKind],
    ) -> Result<(), JournalError> {
        self.journal.take_in(transaction, events)
    }

    fn finish(self: Box<Self>) -> Result<Option<PathBuf>, JournalError> {
        let Self {
            names,
            journal,
            beside,
            replaces_nothing,
            _lock,
        } = *self;
        // sled writes at its end, and its files must not move under it.
        drop(journal);
        // From here on it may have one half of the only journal: see `go_on`.
        exchange(&names, &beside.keep(), replaces_nothing)
            .map_err(|fault| fault.at("put a new one in the place of", &names.state_dir))
    }
}

impl Intake for SledJournal {
    fn known(&self) -> Result<Vec<(TransactionId, Uuid)>, JournalError> {
        let all = self.summaries()?.into_iter();
        Ok(all.map(|summary| (summary.id, summary.uuid)).collect())
    }

    fn take_in(
        &mut self,
        transaction: &Transaction,
        events: &[EventKind],
    ) -> Result<(), JournalError> {
        self.usable()?;
        let mut writer = Writer::new(&self.store, &self.head);
        let now = self.clock.now();
        let appended = writer
            .begin(transaction, now)
            .and_then(|()| {
                for event in events {
                    writer.event(transaction.id.0, event, now)?;
                }
                writer.finish()
            })
            .map_err(|fault| fault.at("write", &self.names.state_dir))?;
        self.untold.insert(transaction.id.0);
        self.grow(appended, true)
    }

    fn finish(self: Box<Self>) -> Result<Option<PathBuf>, JournalError> {
        Ok(None)
    }
}

fn beside(names: &Names) -> PathBuf {
    names.state_dir.join("rebuild.new")
}

/// Where a journal without entries waits to be removed.
fn emptied(names: &Names) -> PathBuf {
    names.state_dir.join("rebuild.old")
}

/// What a rebuild or an import leaves that is killed, and nobody needs after [`go_on`]: a new
/// journal that never came to its place, an empty old one.
pub(super) fn left_behind(names: &Names) -> [PathBuf; 2] {
    [beside(names), emptied(names)]
}

/// Goes on where [`exchange`] was cut off between its last two renames.
pub(super) fn go_on(names: &Names) -> Result<(), Fault> {
    let beside = beside(names);
    let new = Names::below(&beside);
    let is_half = new.watermark.exists()
        && !new.sled.exists()
        && names.sled.exists()
        && !names.watermark.exists();
    if !is_half {
        return Ok(());
    }
    fs::rename(&new.watermark, &names.watermark)
        .map_err(|error| Fault::io(&new.watermark, error))?;
    sync_folder(&names.state_dir).map_err(|error| Fault::io(&names.state_dir, error))?;
    let _ = remove(&beside);
    Ok(())
}

/// Gives where the old one is kept. One that has nothing is removed, once the new one is there.
fn exchange(
    names: &Names,
    beside: &Path,
    replaces_nothing: bool,
) -> Result<Option<PathBuf>, Fault> {
    let new = Names::below(beside);
    let stamp = clock::now().strftime("%Y%m%dT%H%M%S%3fZ");
    let aside = match replaces_nothing {
        true => emptied(names),
        false => names.state_dir.join(format!("damaged-{stamp}")),
    };
    let mut moved = false;
    for old in [&names.watermark, &names.sled, &names.view] {
        if !old.exists() {
            continue;
        }
        make_private(&aside).map_err(|error| Fault::io(&aside, error))?;
        let to = aside.join(old.file_name().unwrap_or_default());
        fs::rename(old, &to).map_err(|error| Fault::io(old, error))?;
        moved = true;
    }
    if moved {
        sync_folder(&aside).map_err(|error| Fault::io(&aside, error))?;
    }
    sync_folder(&names.state_dir).map_err(|error| Fault::io(&names.state_dir, error))?;
    // The watermark last: a journal without one that has records is refused, and so is the other
    // way round, so that half of this is never taken for a whole journal (see `go_on`).
    for (from, to) in [(&new.sled, &names.sled), (&new.watermark, &names.watermark)] {
        fs::rename(from, to).map_err(|error| Fault::io(from, error))?;
    }
    sync_folder(&names.state_dir).map_err(|error| Fault::io(&names.state_dir, error))?;
    // What is left is a lock and a view of ours; to leave them would do no harm.
    let _ = remove(beside);
    if replaces_nothing {
        let _ = remove(&aside);
    }
    Ok((moved && !replaces_nothing).then_some(aside))
}
