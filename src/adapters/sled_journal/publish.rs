//! The copy of the journal that other processes read while this one holds it.
//!
//! `view/list` is every summary and, after each append, the changed one again; `view/ID` is one
//! transaction's records. Nothing here is synced or trusted after a crash: with the lock free,
//! readers open the journal itself. Layout and what makes a view complete:
//! `migrations/0001-initial.md`.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::folder::{make_owners_alone, make_private};
use super::records::Growth;
use super::store::{Part, Store};
use crate::journal::{Head, encode};

/// How many of the latest transactions keep their view, besides those that claim something.
const RECENT: u64 = 100;

pub(super) struct Publisher {
    folder: PathBuf,
    /// Open once this process has published.
    list: Option<File>,
    /// Transactions whose view this process has written, and so knows to be whole.
    fresh: BTreeSet<u64>,
}

impl Publisher {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            list: None,
            fresh: BTreeSet::new(),
        }
    }

    /// Shows what has just become durable. A view that cannot be written is taken away, so that
    /// readers wait for the journal; the append itself has succeeded and stays so.
    pub(super) fn show(&mut self, store: &Store, growth: &Growth) {
        if let Err(fault) = self.try_show(store, growth) {
            tracing::warn!(?fault, "other commands cannot look on");
            self.list = None;
            self.fresh.clear();
            let _ = fs::remove_file(self.folder.join("list"));
        }
    }

    fn try_show(&mut self, store: &Store, growth: &Growth) -> Result<(), Fault> {
        let fault = |error: io::Error| Fault::io(&self.folder, error);
        if self.list.is_none() {
            make_private(&self.folder).map_err(fault)?;
            self.tidy(store, growth.head.transactions)?;
        }
        // The transactions before the list: what the list speaks of is there.
        let mut lines = Vec::new();
        let known = self.fresh.clone();
        for part in &growth.batch.parts {
            lines.extend_from_slice(&part.summary);
            // A view that is new has the whole of this append.
            if known.contains(&part.id) || self.fresh.insert(part.id) {
                self.show_part(store, part, known.contains(&part.id))?;
            }
        }
        match &mut self.list {
            Some(list) => list
                .write_all(&lines)
                .map_err(|error| Fault::io(&self.folder, error)),
            None => {
                self.list = Some(self.begin_list(store, &growth.head)?);
                Ok(())
            }
        }
    }

    fn show_part(&self, store: &Store, part: &Part, is_known: bool) -> Result<(), Fault> {
        let path = self.folder.join(part.id.to_string());
        let fault = |error: io::Error| Fault::io(&path, error);
        if is_known {
            let mut view = OpenOptions::new().append(true).open(&path).map_err(fault)?;
            let entries: Vec<&[u8]> = part.entries.iter().map(|(_, e)| e.as_slice()).collect();
            return view.write_all(&entries.concat()).map_err(fault);
        }
        let mut bytes = Vec::new();
        if let Some(begin) = store.begin(part.id)? {
            bytes.extend_from_slice(&begin);
        }
        for entry in store.entries(part.id)? {
            bytes.extend_from_slice(&entry.bytes);
        }
        replace(&path, &bytes).map_err(fault)
    }

    /// The first list of this process: every summary, this append's included.
    fn begin_list(&self, store: &Store, head: &Head) -> Result<File, Fault> {
        let path = self.folder.join("list");
        let mut bytes = encode(head)?;
        for summary in store.summaries()? {
            bytes.extend_from_slice(&summary.bytes);
        }
        replace(&path, &bytes)
            .and_then(|()| OpenOptions::new().append(true).open(&path))
            .map_err(|error| Fault::io(&path, error))
    }

    /// Takes away views that nobody is likely to ask for.
    fn tidy(&self, store: &Store, transactions: u64) -> Result<(), Fault> {
        let claims: BTreeSet<u64> = store.claims()?.into_iter().collect();
        let fault = |error: io::Error| Fault::io(&self.folder, error);
        for entry in fs::read_dir(&self.folder).map_err(fault)? {
            let name = entry.map_err(fault)?.file_name();
            let id = name.to_str().and_then(|name| name.parse::<u64>().ok());
            let is_old = id.is_some_and(|id| {
                id.saturating_add(RECENT) <= transactions && !claims.contains(&id)
            });
            if is_old {
                let _ = fs::remove_file(self.folder.join(name));
            }
        }
        Ok(())
    }
}

/// Writes a file of mode 0600, whole or not at all; not durable.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    make_owners_alone(&new, &file.metadata()?)?;
    file.write_all(bytes)?;
    fs::rename(&new, path)
}
