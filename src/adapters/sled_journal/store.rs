//! sled, as far as the journal needs it: five trees (`migrations/0001-initial.md`), bytes in and
//! bytes out. Everything that touches sled runs inside [`caught`].

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sled::transaction::{
    ConflictableTransactionError, TransactionError, Transactional, TransactionalTree,
    UnabortableTransactionError,
};

use super::barrier::Barrier;
use super::chunks::{Keyed, joined, number, piece_key, pieces};
use super::fault::{Fault, caught, is_lock, within};

/// Bytes. sled's own default is 1 GiB.
const CACHE: u64 = 16 << 20;
/// sled's threads of a journal closed a moment ago may still hold its file.
const PATIENCE: Duration = Duration::from_secs(3);

/// For opening, which grows with the history.
const OPENING: Duration = Duration::from_secs(600);
/// For a write with its barrier: a disk that is merely busy answers sooner.
const WRITING: Duration = Duration::from_secs(60);
/// For closing; nothing depends on it.
const CLOSING: Duration = Duration::from_secs(10);

const FORMAT: &[u8] = b"format";
const HEAD: &[u8] = b"head";

/// sled with its trees open.
///
/// After a failed write sled 0.34.7 may wait for ever: the thread that writes stores its error and
/// wakes nobody (`logger.rs`, `exit_reservation`). A second `flush` finds the error and wakes the
/// first, so that is the nudge; what writes has a time limit besides, and a store that failed once
/// is never closed, only left: its threads and its own lock end with the process.
pub(super) struct Store {
    /// `None` only while it is dropped.
    open: Option<Open>,
    failed: Cell<bool>,
}

struct Open {
    db: sled::Db,
    meta: sled::Tree,
    transactions: sled::Tree,
    events: sled::Tree,
    summaries: sled::Tree,
    claims: sled::Tree,
    barrier: Barrier,
}

/// All that one append changes, already in bytes: sled may run the closure more than once.
pub(super) struct Batch {
    pub(super) parts: Vec<Part>,
    pub(super) head: Vec<u8>,
}

/// What changes of one transaction.
pub(super) struct Part {
    pub(super) id: u64,
    pub(super) begin: Option<Vec<u8>>,
    /// By sequence.
    pub(super) entries: Vec<(u64, Vec<u8>)>,
    pub(super) summary: Vec<u8>,
    pub(super) claims: bool,
}

impl Store {
    pub(super) fn open(folder: &Path) -> Result<Self, Fault> {
        let folder = folder.to_owned();
        let open = move || {
            remove_unfinished(&folder)?;
            let until = Instant::now() + PATIENCE;
            let db = loop {
                let config = sled::Config::new()
                    .path(&folder)
                    .cache_capacity(CACHE)
                    // Only the barrier decides when something is on the disk.
                    .flush_every_ms(None);
                match config.open() {
                    Ok(db) => break db,
                    Err(error) if is_lock(&error) && Instant::now() < until => {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    Err(error) => return Err(error.into()),
                }
            };
            // Closed only if all that follows succeeds.
            let db = ManuallyDrop::new(db);
            let open = ManuallyDrop::new(Open {
                meta: db.open_tree("meta")?,
                transactions: db.open_tree("transactions")?,
                events: db.open_tree("events")?,
                summaries: db.open_tree("summaries")?,
                claims: db.open_tree("claims")?,
                barrier: Barrier::new(&folder),
                db: sled::Db::clone(&db),
            });
            drop(ManuallyDrop::into_inner(db));
            open.barrier.make_private()?;
            Ok(Self {
                open: Some(ManuallyDrop::into_inner(open)),
                failed: Cell::new(false),
            })
        };
        within(OPENING, open, || Ok(()))
    }

    fn with<T>(&self, work: impl FnOnce(&Open) -> Result<T, Fault>) -> Result<T, Fault> {
        let result = match &self.open {
            Some(open) => caught(|| work(open)),
            None => Err(Fault::Io("the journal is closed".into())),
        };
        self.failed.set(self.failed.get() || result.is_err());
        result
    }

    fn durably(
        &mut self,
        work: impl FnOnce(&Open) -> Result<(), Fault> + Send + 'static,
    ) -> Result<(), Fault> {
        // While it is away, the store is closed: a failure or a hang leaves it so.
        let Some(mut open) = self.open.take().map(ManuallyDrop::new) else {
            return Err(Fault::Io("the journal is closed".into()));
        };
        let again = sled::Db::clone(&open.db);
        let write = move || {
            work(&open)?;
            let Open { db, barrier, .. } = &mut *open;
            barrier.pass(db)?;
            Ok(ManuallyDrop::into_inner(open))
        };
        let nudge = move || Ok(again.flush().map(|_| ())?);
        let result = within(WRITING, write, nudge);
        self.failed.set(result.is_err());
        self.open = Some(result?);
        Ok(())
    }

    /// Makes durable what a process that crashed may have left half way.
    pub(super) fn settle(&mut self) -> Result<(), Fault> {
        self.durably(|_| Ok(()))
    }

    pub(super) fn format(&self) -> Result<Option<sled::IVec>, Fault> {
        self.with(|open| Ok(open.meta.get(FORMAT)?))
    }

    pub(super) fn head(&self) -> Result<Option<sled::IVec>, Fault> {
        self.with(|open| Ok(open.meta.get(HEAD)?))
    }

    /// Makes the journal's first records.
    pub(super) fn found(&mut self, format: Vec<u8>, head: Vec<u8>) -> Result<(), Fault> {
        self.durably(move |open| {
            let mut batch = sled::Batch::default();
            batch.insert(FORMAT, format);
            batch.insert(HEAD, head);
            Ok(open.meta.apply_batch(batch)?)
        })
    }

    /// All of the batch or nothing of it; durable when it returns.
    /// With the first batch of a program that writes a newer format goes the record that says so.
    pub(super) fn write(
        &mut self,
        batch: &Arc<Batch>,
        format: Option<Vec<u8>>,
    ) -> Result<(), Fault> {
        let batch = Arc::clone(batch);
        self.durably(move |open| {
            let trees = (
                &open.meta,
                &open.transactions,
                &open.events,
                &open.summaries,
                &open.claims,
            );
            let written: Result<(), TransactionError<()>> =
                trees.transaction(|(meta, transactions, events, summaries, claims)| {
                    for part in &batch.parts {
                        let id = part.id.to_be_bytes();
                        if let Some(begin) = &part.begin {
                            put(transactions, &id, begin)?;
                        }
                        for (sequence, entry) in &part.entries {
                            put(events, &event_key(part.id, *sequence), entry)?;
                        }
                        put(summaries, &id, &part.summary)?;
                        if part.claims {
                            claims.insert(&id, &[])?;
                        } else {
                            claims.remove(&id)?;
                        }
                    }
                    meta.insert(HEAD, batch.head.as_slice())?;
                    if let Some(format) = &format {
                        meta.insert(FORMAT, format.as_slice())?;
                    }
                    Ok::<(), ConflictableTransactionError<()>>(())
                });
            match written {
                Ok(()) => Ok(()),
                Err(TransactionError::Storage(error)) => Err(error.into()),
                Err(TransactionError::Abort(())) => Err(Fault::Io("sled aborted".into())),
            }
        })
    }

    pub(super) fn begin(&self, id: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.with(|open| one(&open.transactions, id))
    }

    pub(super) fn summary(&self, id: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.with(|open| one(&open.summaries, id))
    }

    pub(super) fn summaries(&self) -> Result<Vec<Keyed>, Fault> {
        self.with(|open| joined(open.summaries.iter()).collect())
    }

    pub(super) fn claims(&self) -> Result<Vec<u64>, Fault> {
        self.with(|open| {
            let keys = open.claims.iter().keys();
            keys.map(|key| number(&key?)).collect()
        })
    }

    /// A transaction's entries in their order.
    pub(super) fn entries(&self, id: u64) -> Result<Vec<Keyed>, Fault> {
        self.with(|open| joined(open.events.scan_prefix(id.to_be_bytes())).collect())
    }

    /// Hands every transaction's begin record to `each`, by number.
    pub(super) fn for_each_begin(
        &self,
        mut each: impl FnMut(Keyed) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        // What `each` finds wrong is no failure of sled's.
        let mut verdict = Ok(());
        self.with(|open| {
            for record in joined(open.transactions.iter()) {
                verdict = each(record?);
                if verdict.is_err() {
                    break;
                }
            }
            Ok(())
        })?;
        verdict
    }

    /// How many records the events tree holds, whoever they belong to.
    pub(super) fn count_entries(&self) -> Result<u64, Fault> {
        self.with(|open| {
            let mut records = joined(open.events.iter());
            records.try_fold(0, |count, record| record.map(|_| count + 1))
        })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let open = self.open.take();
        let folder = open.as_ref().map(|open| open.barrier.folder().to_owned());
        if self.failed.get() {
            std::mem::forget(open);
            return;
        }
        // sled writes while it closes, and panics if it cannot. What had to be durable is.
        let close = move || {
            drop(open);
            // Closing leaves a snapshot, made by the umask.
            folder.map_or(Ok(()), |folder| Barrier::new(&folder).make_private())
        };
        let _ = within(CLOSING, close, || Ok(()));
    }
}

/// Removes what sled was writing when it was killed.
///
/// sled 0.34.7 writes a snapshot as `snap.N.generating` and renames it when it is whole; but at open
/// it passes over names that end in `.in___motion`, and takes an unfinished one for damage
/// (`config.rs`, `get_snapshot_files`). The one before is still there, and so is the log.
fn remove_unfinished(folder: &Path) -> Result<(), Fault> {
    let fault = |error: std::io::Error| Fault::io(folder, error);
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            std::fs::remove_file(entry.path()).map_err(fault)?;
        }
    }
    Ok(())
}

fn event_key(id: u64, sequence: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&id.to_be_bytes());
    key[8..].copy_from_slice(&sequence.to_be_bytes());
    key
}

/// Stores a record under a key, in place of a longer or shorter one.
fn put(
    tree: &TransactionalTree,
    key: &[u8],
    record: &[u8],
) -> Result<(), UnabortableTransactionError> {
    let mut next = 0;
    for (piece_key, piece) in pieces(key, record) {
        tree.insert(piece_key, piece)?;
        next += 1;
    }
    // Looked for first: sled logs even the removal of nothing.
    while tree.get(piece_key(key, next))?.is_some() {
        tree.remove(piece_key(key, next))?;
        next += 1;
    }
    Ok(())
}

fn one(tree: &sled::Tree, id: u64) -> Result<Option<Vec<u8>>, Fault> {
    let record = joined(tree.scan_prefix(id.to_be_bytes()))
        .next()
        .transpose()?;
    Ok(record.map(|record| record.bytes))
}
