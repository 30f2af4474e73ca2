//! sled, as far as the journal needs it: five trees (`migrations/0001-initial.md`), bytes in and
//! bytes out. Everything that touches sled runs inside [`caught`].

use std::path::Path;
use std::time::{Duration, Instant};

use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional};

use super::barrier::Barrier;
use super::fault::{Fault, caught, is_lock};

/// Bytes. sled's own default is 1 GiB.
const CACHE: u64 = 16 << 20;
/// sled's threads of a journal closed a moment ago may still hold its file.
const PATIENCE: Duration = Duration::from_secs(3);

const FORMAT: &[u8] = b"format";
const HEAD: &[u8] = b"head";

pub(super) struct Store {
    /// `None` only while it is dropped.
    open: Option<Open>,
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
    pub(super) id: u64,
    pub(super) begin: Option<Vec<u8>>,
    /// By sequence.
    pub(super) entries: Vec<(u64, Vec<u8>)>,
    pub(super) summary: Vec<u8>,
    pub(super) claims: bool,
    pub(super) head: Vec<u8>,
}

/// One record with the key it is stored under.
pub(super) struct Keyed<K> {
    pub(super) key: K,
    pub(super) bytes: sled::IVec,
}

impl Store {
    pub(super) fn open(folder: &Path) -> Result<Self, Fault> {
        caught(|| {
            let until = Instant::now() + PATIENCE;
            let db = loop {
                let config = sled::Config::new()
                    .path(folder)
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
            let mut open = Open {
                meta: db.open_tree("meta")?,
                transactions: db.open_tree("transactions")?,
                events: db.open_tree("events")?,
                summaries: db.open_tree("summaries")?,
                claims: db.open_tree("claims")?,
                barrier: Barrier::new(folder),
                db,
            };
            open.barrier.pass(&open.db)?;
            Ok(Self { open: Some(open) })
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Open) -> Result<T, Fault>) -> Result<T, Fault> {
        match &self.open {
            Some(open) => caught(|| work(open)),
            None => Err(Fault::Io("the journal is closed".into())),
        }
    }

    fn durably(&mut self, work: impl FnOnce(&Open) -> Result<(), Fault>) -> Result<(), Fault> {
        match &mut self.open {
            Some(open) => caught(|| {
                work(open)?;
                open.barrier.pass(&open.db)
            }),
            None => Err(Fault::Io("the journal is closed".into())),
        }
    }

    pub(super) fn format(&self) -> Result<Option<sled::IVec>, Fault> {
        self.with(|open| Ok(open.meta.get(FORMAT)?))
    }

    pub(super) fn head(&self) -> Result<Option<sled::IVec>, Fault> {
        self.with(|open| Ok(open.meta.get(HEAD)?))
    }

    /// Makes the journal's first records.
    pub(super) fn found(&mut self, format: &[u8], head: &[u8]) -> Result<(), Fault> {
        self.durably(|open| {
            let mut batch = sled::Batch::default();
            batch.insert(FORMAT, format);
            batch.insert(HEAD, head);
            Ok(open.meta.apply_batch(batch)?)
        })
    }

    /// All of the batch or nothing of it; durable when it returns.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), Fault> {
        self.durably(|open| {
            let trees = (
                &open.meta,
                &open.transactions,
                &open.events,
                &open.summaries,
                &open.claims,
            );
            let written: Result<(), TransactionError<()>> =
                trees.transaction(|(meta, transactions, events, summaries, claims)| {
                    let id = batch.id.to_be_bytes();
                    if let Some(begin) = &batch.begin {
                        transactions.insert(&id, begin.as_slice())?;
                    }
                    for (sequence, entry) in &batch.entries {
                        events.insert(&event_key(batch.id, *sequence), entry.as_slice())?;
                    }
                    summaries.insert(&id, batch.summary.as_slice())?;
                    if batch.claims {
                        claims.insert(&id, &[])?;
                    } else {
                        claims.remove(&id)?;
                    }
                    meta.insert(HEAD, batch.head.as_slice())?;
                    Ok::<(), ConflictableTransactionError<()>>(())
                });
            match written {
                Ok(()) => Ok(()),
                Err(TransactionError::Storage(error)) => Err(error.into()),
                Err(TransactionError::Abort(())) => Err(Fault::Io("sled aborted".into())),
            }
        })
    }

    pub(super) fn begin(&self, id: u64) -> Result<Option<sled::IVec>, Fault> {
        self.with(|open| Ok(open.transactions.get(id.to_be_bytes())?))
    }

    pub(super) fn summary(&self, id: u64) -> Result<Option<sled::IVec>, Fault> {
        self.with(|open| Ok(open.summaries.get(id.to_be_bytes())?))
    }

    pub(super) fn summaries(&self) -> Result<Vec<Keyed<u64>>, Fault> {
        self.with(|open| {
            open.summaries
                .iter()
                .map(|item| keyed(item, id_of))
                .collect()
        })
    }

    pub(super) fn claims(&self) -> Result<Vec<u64>, Fault> {
        self.with(|open| {
            let keys = open.claims.iter().keys();
            keys.map(|key| id_of(&key?)).collect()
        })
    }

    /// A transaction's entries in their order.
    pub(super) fn entries(&self, id: u64) -> Result<Vec<Keyed<(u64, u64)>>, Fault> {
        self.with(|open| {
            let items = open.events.scan_prefix(id.to_be_bytes());
            items.map(|item| keyed(item, pair_of)).collect()
        })
    }

    /// Hands every transaction's begin record to `each`, by number.
    pub(super) fn for_each_begin(
        &self,
        mut each: impl FnMut(Keyed<u64>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.with(|open| {
            let mut items = open.transactions.iter();
            items.try_for_each(|item| each(keyed(item, id_of)?))
        })
    }

    /// How many records the events tree holds, whoever they belong to.
    pub(super) fn count_entries(&self) -> Result<u64, Fault> {
        self.with(|open| {
            let mut keys = open.events.iter().keys();
            keys.try_fold(0, |count, key| key.map(|_| count + 1).map_err(Fault::from))
        })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let open = self.open.take();
        // sled writes while it closes, and panics if it cannot. What had to be durable is.
        let _ = caught(|| {
            drop(open);
            Ok(())
        });
    }
}

fn event_key(id: u64, sequence: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&id.to_be_bytes());
    key[8..].copy_from_slice(&sequence.to_be_bytes());
    key
}

fn keyed<K>(
    item: sled::Result<(sled::IVec, sled::IVec)>,
    key_of: impl FnOnce(&[u8]) -> Result<K, Fault>,
) -> Result<Keyed<K>, Fault> {
    let (key, bytes) = item?;
    Ok(Keyed {
        key: key_of(&key)?,
        bytes,
    })
}

fn id_of(key: &[u8]) -> Result<u64, Fault> {
    let key = <[u8; 8]>::try_from(key).map_err(|_| strange())?;
    Ok(u64::from_be_bytes(key))
}

fn pair_of(key: &[u8]) -> Result<(u64, u64), Fault> {
    let (id, sequence) = key.split_at_checked(8).ok_or_else(strange)?;
    Ok((id_of(id)?, id_of(sequence)?))
}

fn strange() -> Fault {
    Fault::Damaged("a key has the wrong length".into())
}
