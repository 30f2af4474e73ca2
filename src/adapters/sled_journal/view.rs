//! Reading what the process that holds the journal has published (`publish.rs`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::fault::Fault;
use super::folder::{self, Names};
use super::watermark::Watermark;
use crate::journal::{Begin, DecodeError, Entry, Head, Record, Summary, decode_first};
use crate::model::{self, TransactionId};
use crate::ports::JournalError;

/// Between the watermark and the view's last line the writer has one short write to do.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// The journal as it was at one moment.
pub struct ViewReader {
    names: Names,
    summaries: BTreeMap<u64, Summary>,
}

impl ViewReader {
    /// `None` where there is no complete view, and only the journal itself can answer.
    ///
    /// # Errors
    /// [`JournalError::Folder`]; what is wrong with a view is no error, just no view.
    pub fn open(state_dir: &Path) -> Result<Option<Self>, JournalError> {
        folder::check(state_dir)?;
        let names = Names::below(state_dir);
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(PAUSE);
            }
            if let Ok(Some(summaries)) = list(&names) {
                return Ok(Some(Self { names, summaries }));
            }
        }
        Ok(None)
    }

    /// All transactions, oldest first.
    pub fn summaries(&self) -> Vec<model::Summary> {
        let summaries = self.summaries.values().cloned();
        summaries.map(model::Summary::from).collect()
    }

    /// `None` where the view does not have the whole transaction.
    ///
    /// # Errors
    /// [`JournalError::NoSuchTransaction`].
    pub fn read(&self, id: TransactionId) -> Result<Option<model::Transaction>, JournalError> {
        let Some(summary) = self.summaries.get(&id.0) else {
            return Err(JournalError::NoSuchTransaction(id));
        };
        Ok(whole(&self.names.view.join(id.to_string()), summary))
    }
}

/// Complete if it goes at least as far as the watermark, which is written before the view.
fn list(names: &Names) -> Result<Option<BTreeMap<u64, Summary>>, Fault> {
    let floor = Watermark::look(&names.watermark)?;
    let path = names.view.join("list");
    let bytes = fs::read(&path).map_err(|error| Fault::io(&path, error))?;
    let fault = |error| Fault::record(path.display(), error);
    let (head, rest) = decode_first::<Head>(&bytes).map_err(fault)?;
    let lines = records::<Summary>(rest).map_err(fault)?;
    let mut last = head.sequence;
    let mut summaries = BTreeMap::new();
    for line in lines {
        last = last.max(line.last);
        summaries.insert(line.id, line);
    }
    let is_complete = head.journal == floor.journal
        && last >= floor.sequence
        && summaries.keys().next_back().copied().unwrap_or(0) >= floor.transactions;
    Ok(is_complete.then_some(summaries))
}

/// One transaction, if its view goes as far as its summary.
fn whole(path: &Path, summary: &Summary) -> Option<model::Transaction> {
    let bytes = fs::read(path).ok()?;
    let (begin, rest) = decode_first::<Begin>(&bytes).ok()?;
    let entries = records::<Entry>(rest).ok()?;
    let reaches = entries.iter().any(|entry| entry.sequence == summary.last);
    if begin.id != summary.id || begin.draft.uuid != summary.uuid || !reaches {
        return None;
    }
    let events = entries.into_iter().filter_map(Entry::event).collect();
    Some(begin.with_events(events))
}

/// Records one after the other. The last may still be in the writing; it is left out.
fn records<R: Record>(mut bytes: &[u8]) -> Result<Vec<R>, DecodeError> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        match decode_first(bytes) {
            Ok((record, rest)) => {
                records.push(record);
                bytes = rest;
            }
            Err(DecodeError::Truncated) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(records)
}
