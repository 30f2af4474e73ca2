//! The copy of the journal that other processes read while this one holds it.
//!
//! `view/list` is the latest summaries and, after each append, the changed ones again; `view/ID` is
//! one transaction's records. Nothing here is synced or trusted after a crash: with the lock free,
//! readers open the journal itself. Layout and what makes a view complete:
//! `migrations/0002-log-for-years.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::folder::{make_owners_alone, make_private};
use super::store::Store;
use crate::journal::log::{self, Part};
use crate::journal::{Head, encode};

/// How many of the latest transactions keep their view, besides those that claim something.
pub(super) const RECENT: usize = 100;

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
    pub(super) fn show(&mut self, store: &Store, head: &Head, parts: &[Part]) {
        if let Err(fault) = self.try_show(store, head, parts) {
            tracing::warn!(?fault, "other commands cannot look on");
            self.list = None;
            self.fresh.clear();
            let _ = fs::remove_file(self.folder.join("list"));
        }
    }

    fn try_show(&mut self, store: &Store, head: &Head, parts: &[Part]) -> Result<(), Fault> {
        let fault = |error: io::Error| Fault::io(&self.folder, error);
        if self.list.is_none() {
            make_private(&self.folder).map_err(fault)?;
            self.tidy(store, head.transactions)?;
        }
        // The transactions before the list: what the list speaks of is there.
        let mut lines = Vec::new();
        for part in parts {
            lines.extend_from_slice(&part.summary);
            let is_known = !self.fresh.insert(part.id);
            self.show_part(store, part, is_known)?;
        }
        lines.extend_from_slice(&encode(&head.mark())?);
        match &mut self.list {
            Some(list) => list
                .write_all(&lines)
                .map_err(|error| Fault::io(&self.folder, error)),
            None => {
                self.list = Some(self.begin_list(store, head)?);
                Ok(())
            }
        }
    }

    fn show_part(&self, store: &Store, part: &Part, is_known: bool) -> Result<(), Fault> {
        let path = self.folder.join(part.id.to_string());
        let fault = |error: io::Error| Fault::io(&path, error);
        if is_known {
            let mut view = OpenOptions::new().append(true).open(&path).map_err(fault)?;
            return view.write_all(&part.entries.concat()).map_err(fault);
        }
        let mut bytes = Vec::new();
        if let Some(records) = log::records(store, part.id)? {
            bytes.extend_from_slice(&records.begin);
            bytes.extend_from_slice(&records.entries.concat());
        }
        replace(&path, &bytes).map_err(fault)
    }

    /// The first list of this process: the latest transactions and those that claim something, this
    /// append's included.
    fn begin_list(&self, store: &Store, head: &Head) -> Result<File, Fault> {
        let path = self.folder.join("list");
        let mut shown = BTreeMap::new();
        log::summaries(store, head, &mut |summary| {
            shown.insert(summary.line.id.0, encode(&summary)?);
            Ok(shown.len() < RECENT)
        })?;
        for id in log::claiming(store)? {
            if let Some(summary) = log::summary(store, id)? {
                shown.insert(id, encode(&summary)?);
            }
        }
        let mut bytes = Vec::new();
        for summary in shown.into_values() {
            bytes.extend_from_slice(&summary);
        }
        bytes.extend_from_slice(&encode(&head.mark())?);
        replace(&path, &bytes)
            .and_then(|()| OpenOptions::new().append(true).open(&path))
            .map_err(|error| Fault::io(&path, error))
    }

    /// Takes away views that nobody is likely to ask for.
    fn tidy(&self, store: &Store, transactions: u64) -> Result<(), Fault> {
        let claims: BTreeSet<u64> = log::claiming(store)?.into_iter().collect();
        let fault = |error: io::Error| Fault::io(&self.folder, error);
        for entry in fs::read_dir(&self.folder).map_err(fault)? {
            let name = entry.map_err(fault)?.file_name();
            let id = name.to_str().and_then(|name| {
                // One that a kill kept from its name.
                let id = name.strip_suffix(".new").unwrap_or(name);
                id.parse::<u64>().ok()
            });
            let is_old = id.is_some_and(|id| {
                id.saturating_add(RECENT as u64) <= transactions && !claims.contains(&id)
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
