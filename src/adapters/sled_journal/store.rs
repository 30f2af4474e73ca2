//! sled, as far as the journal needs it: a [`Shelf`] of seven trees (`migrations/`), bytes in and
//! bytes out. Everything that touches sled runs inside [`caught`].

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sled::transaction::{
    ConflictableTransactionError, TransactionError, Transactional, TransactionalTree,
    UnabortableTransactionError,
};

use super::super::clock;
use super::barrier::Barrier;
use super::chunks::{joined, piece_key, pieces, prefix};
use super::fault::{Fault, caught, is_lock, within};
use crate::journal::log::{BlockPart, Change, Each, Members, Shelf, Tree, read_block};

/// Bytes. sled's own default is 1 GiB.
const CACHE: u64 = 8 << 20;
/// Of a record that is read, bytes for each access that sled is told of ([`told`]).
const TOLD: usize = 512;
/// sled's threads of a journal closed a moment ago may still hold its file.
const PATIENCE: Duration = Duration::from_secs(3);

/// For opening, which grows with the history.
const OPENING: Duration = Duration::from_secs(600);
/// For a write with its barrier: a disk that is merely busy answers sooner.
const WRITING: Duration = Duration::from_secs(60);
/// For closing; nothing depends on it.
const CLOSING: Duration = Duration::from_secs(10);

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
    /// The blocks that were asked for last.
    blocks: RefCell<VecDeque<Unpacked>>,
}

type Unpacked = ((u64, BlockPart), Arc<Members>);

/// A walk through the log goes through two parts of a block, and may come back to the one before.
const BLOCKS: usize = 4;

struct Open {
    db: sled::Db,
    /// In the order of [`Tree::ALL`].
    trees: Vec<sled::Tree>,
    barrier: Barrier,
}

impl Open {
    fn tree(&self, tree: Tree) -> &sled::Tree {
        &self.trees[tree as usize]
    }
}

/// Whether records of this tree are cut into pieces.
fn is_pieced(tree: Tree) -> bool {
    !matches!(tree, Tree::Meta | Tree::Claims)
}

impl Store {
    pub(super) fn open(folder: &Path) -> Result<Self, Fault> {
        let now = clock::now();
        if now < jiff::Timestamp::UNIX_EPOCH {
            return Err(Fault::Clock(now));
        }
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
                trees: (Tree::ALL.iter())
                    .map(|tree| db.open_tree(tree.name()))
                    .collect::<Result<_, _>>()?,
                barrier: Barrier::new(&folder),
                db: sled::Db::clone(&db),
            });
            drop(ManuallyDrop::into_inner(db));
            open.barrier.make_private()?;
            Ok(Self {
                open: Some(ManuallyDrop::into_inner(open)),
                failed: Cell::new(false),
                blocks: RefCell::default(),
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
        self.blocks.borrow_mut().clear();
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

    /// All of the changes or none of them; durable when it returns.
    pub(super) fn write(&mut self, changes: Vec<Change>) -> Result<(), Fault> {
        self.durably(move |open| {
            // sled may run this more than once.
            let written: Result<(), TransactionError<()>> =
                open.trees.as_slice().transaction(|trees| {
                    for Change { tree, key, value } in &changes {
                        change(&trees[*tree as usize], *tree, key, value.as_deref())?;
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
}

impl Shelf for Store {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.with(|open| {
            let stored = open.tree(tree);
            if !is_pieced(tree) {
                return Ok(stored.get(key)?.map(|value| value.to_vec()));
            }
            let items = told(stored, stored.scan_prefix(key));
            // The pieces of this key, and not those of a longer one.
            let whole = |item: &sled::Result<(sled::IVec, sled::IVec)>| match item {
                Ok((found, _)) => found.len() == key.len() + 4,
                Err(_) => true,
            };
            let record = joined(items.filter(whole)).next().transpose()?;
            Ok(record.map(|record| record.bytes))
        })
    }

    fn scan(&self, tree: Tree, prefix: &[u8], each: &mut Each<'_>) -> Result<(), Fault> {
        // What `each` finds wrong is no failure of sled's.
        let mut verdict = Ok(());
        self.with(|open| {
            let stored = open.tree(tree);
            let items = told(stored, stored.scan_prefix(prefix));
            if is_pieced(tree) {
                for record in joined(items) {
                    let record = record?;
                    verdict = each(&record.key, record.bytes);
                    if verdict.is_err() {
                        break;
                    }
                }
            } else {
                for item in items {
                    let (key, value) = item?;
                    verdict = each(&key, value.to_vec());
                    if verdict.is_err() {
                        break;
                    }
                }
            }
            Ok(())
        })?;
        verdict
    }

    fn block(&self, number: u64, part: BlockPart) -> Result<Option<Arc<Members>>, Fault> {
        if let Some(members) = self.kept(number, part) {
            return Ok(Some(members));
        }
        let Some(members) = read_block(self, number, part)? else {
            return Ok(None);
        };
        let mut blocks = self.blocks.borrow_mut();
        blocks.truncate(BLOCKS - 1);
        blocks.push_front(((number, part), Arc::clone(&members)));
        Ok(Some(members))
    }

    fn before(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.with(|open| {
            let last = open.tree(tree).range(..key).next_back().transpose()?;
            Ok(last.map(|(found, _)| match is_pieced(tree) {
                true => prefix(&found).to_vec(),
                false => found.to_vec(),
            }))
        })
    }
}

impl Store {
    fn kept(&self, number: u64, part: BlockPart) -> Option<Arc<Members>> {
        let blocks = self.blocks.borrow();
        let found = blocks.iter().find(|(key, _)| *key == (number, part));
        found.map(|(_, members)| Arc::clone(members))
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

/// What is read, so that sled lets go of it again.
///
/// sled 0.34.7 evicts nothing from its cache until 64 accesses have come to one of its 256 shards
/// (`lru.rs`, `MAX_QUEUE_ITEMS`), and whoever walks over a tree makes one access for a whole page,
/// of 17 items: up to 16,384 pages stay, whatever the cache's capacity. To check 100,000
/// transactions took 170 MB. With an access for every so many bytes it is the bytes that count, and
/// what sled has not looked at yet is 8 MiB at the most.
fn told<'a>(
    tree: &'a sled::Tree,
    items: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>> + 'a,
) -> impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>> + 'a {
    items.map(|item| {
        let (key, value) = item?;
        for _ in 0..=value.len() / TOLD {
            tree.contains_key(&key)?;
        }
        Ok((key, value))
    })
}

/// Removes what sled was writing when it was killed.
///
/// sled 0.34.7 writes a snapshot as `snap.N.generating` and renames it when it is whole; but at
/// open it passes over names that end in `.in___motion`, and takes an unfinished one for damage
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

fn change(
    stored: &TransactionalTree,
    tree: Tree,
    key: &[u8],
    value: Option<&[u8]>,
) -> Result<(), UnabortableTransactionError> {
    match value {
        Some(value) if is_pieced(tree) => put(stored, key, value),
        Some(value) => stored.insert(key, value).map(|_| ()),
        None if is_pieced(tree) => put(stored, key, &[]),
        None => stored.remove(key).map(|_| ()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of this process that no file backs.
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon"));
        let word = line.and_then(|line| line.split_whitespace().nth(1));
        word.unwrap().parse::<usize>().unwrap() << 10
    }

    /// Whoever checks, exports or imports the history of years reads all of it.
    #[test]
    fn what_was_read_does_not_stay_in_memory() {
        const RECORDS: u64 = 16_000;
        const BYTES: usize = 4000;
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let ids: Vec<u64> = (0..RECORDS).collect();
        for some in ids.chunks(1000) {
            let put = |id: &u64| Change {
                tree: Tree::Sealed,
                key: id.to_be_bytes().to_vec(),
                value: Some(vec![7; BYTES]),
            };
            store.write(some.iter().map(put).collect()).unwrap();
        }
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        let before = resident();
        let mut found = 0;
        let mut walk = |_: &[u8], _| {
            found += 1;
            Ok(())
        };
        store.scan(Tree::Sealed, &[], &mut walk).unwrap();
        assert_eq!(found, RECORDS);
        for id in &ids {
            let record = store.get(Tree::Sealed, &id.to_be_bytes()).unwrap();
            assert_eq!(record.unwrap().len(), BYTES);
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < 32 << 20, "{grown} bytes stay");
    }
}
