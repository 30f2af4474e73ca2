//! Reading the journal whoever holds it: `list` and `show` answer during a long transaction.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::SledJournal;
use super::view::ViewReader;
use crate::model::{Summary, Transaction, TransactionId};
use crate::ports::{JournalError, JournalReader};

/// How long a reader tries for the journal itself before it takes the view.
const MOMENT: Duration = Duration::from_millis(100);

/// The journal, or what its holder shows of it.
pub struct Reader {
    source: Source,
    state_dir: PathBuf,
    wait: Duration,
    purpose: String,
}

enum Source {
    Journal(Box<SledJournal>),
    View(ViewReader),
}

/// Opens the journal for reading; where another process holds it, that process's view; where that
/// is not complete, the journal after all, for which it waits. On a disk that is full or read-only,
/// or under a clock before 1970, where sled opens nothing, the view of the last process will do if it goes as far as the journal.
///
/// # Errors
/// As [`SledJournal::open`].
pub fn open_reader(
    state_dir: &Path,
    wait: Duration,
    purpose: &str,
    on_wait: &mut dyn FnMut(&str),
) -> Result<Reader, JournalError> {
    let source = match SledJournal::open(state_dir, MOMENT.min(wait), purpose, &mut |_| {}) {
        Ok(journal) => Source::Journal(Box::new(journal)),
        Err(JournalError::Held { .. }) => match ViewReader::open(state_dir)? {
            Some(view) => Source::View(view),
            None => {
                let journal = SledJournal::open(state_dir, wait, purpose, on_wait)?;
                Source::Journal(Box::new(journal))
            }
        },
        Err(error @ (JournalError::Io { .. } | JournalError::Clock { .. })) => {
            match ViewReader::open(state_dir)? {
                Some(view) => Source::View(view),
                None => return Err(error),
            }
        }
        Err(error) => return Err(error),
    };
    Ok(Reader {
        source,
        state_dir: state_dir.to_owned(),
        wait,
        purpose: purpose.to_owned(),
    })
}

impl Reader {
    /// Whether this is not the journal itself, but what a process that held it has shown.
    pub fn is_view(&self) -> bool {
        matches!(self.source, Source::View(_))
    }
}

impl JournalReader for Reader {
    fn read(&self, id: TransactionId) -> Result<Transaction, JournalError> {
        let view = match &self.source {
            Source::Journal(journal) => return journal.read(id),
            Source::View(view) => view,
        };
        match view.read(id)? {
            Some(transaction) => Ok(transaction),
            // An old one, of which no view is kept.
            None => {
                SledJournal::open(&self.state_dir, self.wait, &self.purpose, &mut |_| {})?.read(id)
            }
        }
    }

    fn summaries(&self) -> Result<Vec<Summary>, JournalError> {
        match &self.source {
            Source::Journal(journal) => journal.summaries(),
            Source::View(view) => Ok(view.summaries()),
        }
    }
}
