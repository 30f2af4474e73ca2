//! Reading the journal whoever holds it: `list` and `show` answer during a long transaction.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::SledJournal;
use super::view::ViewReader;
use crate::model::{LogEntry, Order, Summary, Transaction, TransactionId};
use crate::ports::{JournalError, JournalReader};

/// How long a reader tries for the journal itself before it takes the view.
const MOMENT: Duration = Duration::from_millis(100);

/// The journal, or what its holder shows of it.
pub struct Reader {
    source: Source,
    is_busy: bool,
    state_dir: PathBuf,
    wait: Duration,
    purpose: String,
}

enum Source {
    Journal(Box<SledJournal>),
    View(Box<ViewReader>),
}

/// Opens the journal for reading; where another process holds it, that process's view; where that
/// is not complete, the journal after all, for which it waits. On a disk that is full or read-only,
/// or under a clock before 1970, where sled opens nothing, the view of the last process will do if
/// it goes as far as the journal.
///
/// # Errors
/// As [`SledJournal::open`].
pub fn open_reader(
    state_dir: &Path,
    wait: Duration,
    purpose: &str,
    on_wait: &mut dyn FnMut(&str),
) -> Result<Reader, JournalError> {
    let mut is_busy = false;
    let source = match SledJournal::open(state_dir, MOMENT.min(wait), purpose, &mut |_| {}) {
        Ok(journal) => Source::Journal(Box::new(journal)),
        Err(JournalError::Held { .. }) => match ViewReader::open(state_dir)? {
            Some(view) => {
                is_busy = true;
                Source::View(Box::new(view))
            }
            None => {
                let journal = SledJournal::open(state_dir, wait, purpose, on_wait)?;
                Source::Journal(Box::new(journal))
            }
        },
        Err(error @ (JournalError::Io { .. } | JournalError::Clock { .. })) => {
            match ViewReader::open(state_dir)? {
                Some(view) => Source::View(Box::new(view)),
                None => return Err(error),
            }
        }
        Err(error) => return Err(error),
    };
    Ok(Reader {
        source,
        is_busy,
        state_dir: state_dir.to_owned(),
        wait,
        purpose: purpose.to_owned(),
    })
}

impl Reader {
    fn journal(&self) -> Result<SledJournal, JournalError> {
        SledJournal::open(&self.state_dir, self.wait, &self.purpose, &mut |_| {})
    }

    /// The journal, if this is it.
    pub fn held(&self) -> Option<&SledJournal> {
        match &self.source {
            Source::Journal(journal) => Some(journal),
            Source::View(_) => None,
        }
    }
    /// The same, to be written to.
    pub fn held_mut(&mut self) -> Option<&mut SledJournal> {
        match &mut self.source {
            Source::Journal(journal) => Some(journal),
            Source::View(_) => None,
        }
    }

    /// Whether this is not the journal itself, but what a process that held it has shown.
    pub fn is_view(&self) -> bool {
        matches!(self.source, Source::View(_))
    }
}

impl JournalReader for Reader {
    fn is_busy(&self) -> bool {
        self.is_busy
    }

    fn read(&self, id: TransactionId) -> Result<Transaction, JournalError> {
        let view = match &self.source {
            Source::Journal(journal) => return journal.read(id),
            Source::View(view) => view,
        };
        match view.read(id)? {
            Some(transaction) => Ok(transaction),
            // An old one, of which no view is kept.
            None => self.journal()?.read(id),
        }
    }

    fn summary(&self, id: TransactionId) -> Result<Option<Summary>, JournalError> {
        if let Source::Journal(journal) = &self.source {
            return journal.summary(id);
        }
        match self.read(id) {
            Ok(transaction) => Ok(Some(transaction.summary())),
            Err(JournalError::NoSuchTransaction(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn summaries(&self) -> Result<Vec<Summary>, JournalError> {
        match &self.source {
            Source::Journal(journal) => journal.summaries(),
            Source::View(view) => match view.summaries() {
                Some(summaries) => Ok(summaries),
                None => self.journal()?.summaries(),
            },
        }
    }

    fn outstanding(&self) -> Result<Vec<Summary>, JournalError> {
        match &self.source {
            Source::Journal(journal) => journal.outstanding(),
            Source::View(view) => match view.summaries() {
                Some(mut summaries) => {
                    summaries.retain(|summary| !summary.state.is_closed());
                    Ok(summaries)
                }
                // It has the latest and the claiming, and one that waits may be older.
                None => self.journal()?.outstanding(),
            },
        }
    }

    fn claiming(&self) -> Result<Vec<TransactionId>, JournalError> {
        match &self.source {
            Source::Journal(journal) => journal.claiming(),
            Source::View(view) => Ok(view.claiming()),
        }
    }

    fn newest(
        &self,
        each: &mut dyn FnMut(Summary) -> Result<bool, JournalError>,
    ) -> Result<(), JournalError> {
        let view = match &self.source {
            Source::Journal(journal) => return journal.newest(each),
            Source::View(view) => view,
        };
        let latest = view.latest();
        let seen = latest.last().map(|summary| summary.id);
        for summary in latest {
            if !each(summary)? {
                return Ok(());
            }
        }
        if view.summaries().is_some() {
            return Ok(());
        }
        // The rest is in the journal alone.
        self.journal()?.newest(&mut |summary| {
            if seen.is_some_and(|seen| summary.id >= seen) {
                return Ok(true);
            }
            each(summary)
        })
    }

    fn log(
        &self,
        order: Order,
        each: &mut dyn FnMut(LogEntry) -> Result<bool, JournalError>,
    ) -> Result<(), JournalError> {
        match &self.source {
            Source::Journal(journal) => journal.log(order, each),
            // The view has transactions, and the log has more than them.
            Source::View(_) => self.journal()?.log(order, each),
        }
    }
}
