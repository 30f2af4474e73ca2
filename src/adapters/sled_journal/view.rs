//! Reading what the process that holds the journal has published (`publish.rs`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::fault::Fault;
use super::folder::{self, Names};
use super::watermark::Watermark;
use crate::journal::{Begin, DecodeError, Entry, Mark, Record, Summary, decode_first};
use crate::model::{self, Claim, TransactionId};
use crate::ports::JournalError;

/// Between the watermark and the view's last line the writer has one short write to do.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// The journal as it was at one moment.
pub struct ViewReader {
    names: Names,
    list: List,
}

struct List {
    mark: Mark,
    lines: BTreeMap<u64, Summary>,
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
            if let Ok(Some(list)) = list(&names) {
                return Ok(Some(Self { names, list }));
            }
            // Without its folder none is in the writing.
            if !names.view.exists() {
                break;
            }
        }
        Ok(None)
    }

    /// All transactions, oldest first; `None` where the view has the latest alone.
    pub fn summaries(&self) -> Option<Vec<model::Summary>> {
        let lines = &self.list.lines;
        (lines.len() as u64 == self.list.mark.count)
            .then(|| lines.values().cloned().map(model::Summary::from).collect())
    }

    /// Those that claim something, oldest first: every view has them.
    pub fn claiming(&self) -> Vec<TransactionId> {
        let summaries = self.list.lines.values().cloned().map(model::Summary::from);
        let claiming = summaries.filter(|summary| summary.state.claim() != Claim::Nothing);
        claiming.map(|summary| summary.id).collect()
    }

    /// The latest transactions, the newest first: as many as the view has without one missing.
    pub fn latest(&self) -> Vec<model::Summary> {
        // Those that claim something may stand apart from the rest.
        let lines = self.list.lines.values().rev();
        let shown = lines.cloned().map(model::Summary::from);
        shown.take(super::publish::RECENT).collect()
    }

    /// `None` where the view does not have the whole transaction.
    ///
    /// # Errors
    /// [`JournalError::NoSuchTransaction`].
    pub fn read(&self, id: TransactionId) -> Result<Option<model::Transaction>, JournalError> {
        match self.list.lines.get(&id.0) {
            Some(summary) => Ok(whole(&self.names.view.join(id.to_string()), summary)),
            None if self.summaries().is_some() || id.0 > self.list.mark.transactions => {
                Err(JournalError::NoSuchTransaction(id))
            }
            None => Ok(None),
        }
    }
}

/// Complete if it goes at least as far as the watermark, which is written before the view.
fn list(names: &Names) -> Result<Option<List>, Fault> {
    let floor = Watermark::look(&names.watermark)?;
    let path = names.view.join("list");
    let bytes = fs::read(&path).map_err(|error| Fault::io(&path, error))?;
    let fault = |error| Fault::record(path.display(), error);
    let mut rest = bytes.as_slice();
    let mut mark = None;
    let mut lines = BTreeMap::new();
    while !rest.is_empty() {
        // What an append changed, then its mark. The last may still be in the writing.
        match decode_first::<Summary>(rest) {
            Ok((line, after)) => {
                lines.insert(line.line.id.0, line);
                rest = after;
            }
            Err(DecodeError::Truncated) => break,
            Err(DecodeError::Kind { .. }) => {
                let (next, after) = decode_first::<Mark>(rest).map_err(fault)?;
                (mark, rest) = (Some(next), after);
            }
            Err(error) => return Err(fault(error)),
        }
    }
    let reaches = |mark: &Mark| mark.journal == floor.journal && mark.sequence >= floor.sequence;
    Ok(mark.filter(reaches).map(|mark| List { mark, lines }))
}

/// One transaction, if its view goes as far as its summary.
fn whole(path: &Path, summary: &Summary) -> Option<model::Transaction> {
    let bytes = fs::read(path).ok()?;
    let (begin, rest) = decode_first::<Begin>(&bytes).ok()?;
    let entries = records::<Entry>(rest).ok()?;
    let reaches = entries.iter().any(|it| it.sequence == summary.extent.last);
    if begin.id != summary.line.id.0 || begin.draft.uuid != summary.line.uuid || !reaches {
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
