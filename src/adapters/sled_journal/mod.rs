//! The journal in sled 0.34.7: durable, one process at a time, brought to the present format.
//!
//! What is written and how it is checked is [`crate::journal::log`]'s; here are the bytes, their
//! syncs, the lock, and what others may look at meanwhile.

mod barrier;
mod chunks;
mod fault;
mod folder;
mod lock;
mod migrate;
mod publish;
mod reader;
mod rebuild;
mod store;
mod sweep;
mod sync;
mod transfer;
mod view;
mod watermark;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

pub use reader::{Reader, open_reader};
pub use rebuild::{Found, Rebuilding, Spares};
pub use view::ViewReader;

use self::fault::Fault;
use self::folder::Names;
use self::lock::Lock;
use self::publish::Publisher;
use self::store::Store;
use self::watermark::Watermark;
use super::clock::{self, SystemClock};
use crate::journal::checkpoint::Checkpoint;
use crate::journal::lines::{Extent, Part};
use crate::journal::log::{self, Appended, Change, Checked, Shelf, Tree, Writer};
use crate::journal::merkle::Wanted;
use crate::journal::{Format, Head, Mirror, RECENT, Time, decode, encode, version_of};
use crate::model::{
    self, Draft, Event, EventKind, LogEntry, Notice, Order, Transaction, TransactionId,
};
use crate::ports::{Clock, Journal, JournalError, JournalReader, Log, Migrated};

pub use migrate::outlook;
pub use transfer::import;

/// The journal, held: no other process writes or checks it while this value lives.
pub struct SledJournal {
    store: Store,
    format: Format,
    head: Head,
    watermark: Watermark,
    /// Appends since the watermark was last synced.
    unsynced: usize,
    views: Publisher,
    clock: Box<dyn Clock>,
    /// Why this value must not be used any more: after a failed write nobody knows what is on the
    /// disk, until the journal is opened and checked again.
    broken: Option<String>,
    /// The last number that is not to be given.
    left_out: u64,
    migrated: Option<Migrated>,
    names: Names,
    audience: Option<Audience>,
    /// The last entry that the audience was told of.
    told: u64,
    /// Transactions that were written to since.
    untold: BTreeSet<u64>,
    /// The last field: let go of when all else is closed.
    _lock: Lock,
}

/// Who is told of the entries.
pub type Audience = Box<dyn Fn(&LogEntry)>;

impl SledJournal {
    /// Opens the journal in `state_dir`, made if missing, and checks all of it.
    ///
    /// Waits up to `wait` for another process to let go, and tells `on_wait` once who that is.
    /// `purpose` is what others are told of us: the verb and the domain.
    ///
    /// # Errors
    /// [`JournalError::Folder`], [`JournalError::Held`], [`JournalError::Newer`],
    /// [`JournalError::Damaged`], [`JournalError::Clock`] and [`JournalError::Io`].
    pub fn open(
        state_dir: &Path,
        wait: Duration,
        purpose: &str,
        on_wait: &mut dyn FnMut(&str),
    ) -> Result<Self, JournalError> {
        folder::ready(state_dir)?;
        let names = Names::below(state_dir);
        let lock = Lock::take(&names.lock, wait, purpose, on_wait)?;
        Self::opened(names, lock).map_err(|(fault, path)| fault.at("open", &path))
    }

    fn opened(names: Names, lock: Lock) -> Result<Self, (Fault, std::path::PathBuf)> {
        let path = names.state_dir.clone();
        let Opened {
            store,
            format,
            head,
            watermark,
            migrated,
        } = open(&names, clock::now()).map_err(|fault| (fault, path))?;
        Ok(Self {
            store,
            format,
            head,
            watermark,
            unsynced: 0,
            views: Publisher::new(&names.view),
            clock: Box::new(SystemClock),
            broken: None,
            left_out: 0,
            migrated,
            names,
            audience: None,
            told: 0,
            untold: BTreeSet::new(),
            _lock: lock,
        })
    }

    /// Whether anything is in `state_dir` yet; makes nothing.
    ///
    /// # Errors
    /// [`JournalError::Folder`].
    pub fn is_there(state_dir: &Path) -> Result<bool, JournalError> {
        folder::is_used(state_dir)
    }

    /// Whether there are files of a journal, whole or not: without them [`SledJournal::open`] makes
    /// one.
    pub fn is_begun(state_dir: &Path) -> bool {
        let names = Names::below(state_dir);
        names.sled.exists() || names.watermark.exists()
    }

    /// Opens without waiting.
    ///
    /// # Errors
    /// As [`SledJournal::open`].
    pub fn open_now(state_dir: &Path) -> Result<Self, JournalError> {
        Self::open(state_dir, Duration::ZERO, "looking", &mut |_| {})
    }

    /// Takes the time of events from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Box<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Tells of each entry that is written from now on, once it is durable: what is decided at
    /// once, what was done for it along with that.
    #[must_use]
    pub fn telling(mut self, audience: Option<Audience>) -> Self {
        self.told = self.head.sequence();
        self.audience = audience;
        self
    }

    fn tell(&mut self) {
        let ids = std::mem::take(&mut self.untold);
        let after = std::mem::replace(&mut self.told, self.head.sequence());
        let Some(audience) = &self.audience else {
            return;
        };
        match log::entries_since(&self.store, &self.head, after, &ids) {
            Ok(new) => new.iter().for_each(audience),
            Err(error) => tracing::debug!(%error, "entries not told"),
        }
    }

    fn usable(&self) -> Result<(), JournalError> {
        match &self.broken {
            None => Ok(()),
            Some(cause) => Err(JournalError::Unwritten {
                path: self.names.state_dir.clone(),
                cause: format!("an earlier write failed: {cause}"),
            }),
        }
    }

    /// The one way by which anything is written after the journal was made.
    fn grow(&mut self, appended: Appended, sync_watermark: bool) -> Result<(), JournalError> {
        let Appended {
            changes,
            head,
            parts,
        } = appended;
        // The head remembers so many appends, and the watermark must be one of them.
        let sync = sync_watermark || self.unsynced + 2 >= RECENT;
        let written = self
            .store
            .write(changes)
            .and_then(|()| self.watermark.set(&head.mark(), sync));
        if let Err(fault) = written {
            self.broken = Some(fault.to_string());
            return Err(JournalError::Unwritten {
                path: self.names.state_dir.clone(),
                cause: fault.to_string(),
            });
        }
        self.unsynced = if sync { 0 } else { self.unsynced + 1 };
        self.head = head;
        self.views.show(&self.store, &self.head, &parts);
        Ok(())
    }

    /// Of the journal.
    pub fn id(&self) -> uuid::Uuid {
        crate::journal::Load::load(self.format.journal)
    }

    /// How many transactions there are.
    pub fn count(&self) -> u64 {
        self.head.count
    }

    fn unreadable(&self, fault: Fault) -> JournalError {
        fault.at("read", &self.names.state_dir)
    }
}

impl JournalReader for SledJournal {
    fn read(&self, id: TransactionId) -> Result<Transaction, JournalError> {
        self.usable()?;
        let read = log::read(&self.store, id.0).map_err(|fault| self.unreadable(fault))?;
        read.map(|(transaction, _)| transaction)
            .ok_or(JournalError::NoSuchTransaction(id))
    }

    fn summary(&self, id: TransactionId) -> Result<Option<model::Summary>, JournalError> {
        self.usable()?;
        let stored = log::summary(&self.store, id.0).map_err(|fault| self.unreadable(fault))?;
        Ok(stored.map(model::Summary::from))
    }

    fn summaries(&self) -> Result<Vec<model::Summary>, JournalError> {
        let mut all = Vec::new();
        self.newest(&mut |summary| {
            all.push(summary);
            Ok(true)
        })?;
        all.reverse();
        Ok(all)
    }

    fn outstanding(&self) -> Result<Vec<model::Summary>, JournalError> {
        self.usable()?;
        let stored = log::outstanding(&self.store).map_err(|fault| self.unreadable(fault))?;
        Ok(stored.into_iter().map(model::Summary::from).collect())
    }

    fn claiming(&self) -> Result<Vec<TransactionId>, JournalError> {
        self.usable()?;
        let claims = log::claiming(&self.store).map_err(|fault| self.unreadable(fault))?;
        Ok(claims.into_iter().map(TransactionId).collect())
    }

    fn newest(
        &self,
        each: &mut dyn FnMut(model::Summary) -> Result<bool, JournalError>,
    ) -> Result<(), JournalError> {
        self.usable()?;
        let mut failed = None;
        log::summaries(&self.store, &self.head, &mut |summary| {
            Ok(each(summary.into()).unwrap_or_else(|error| {
                failed = Some(error);
                false
            }))
        })
        .map_err(|fault| self.unreadable(fault))?;
        failed.map_or(Ok(()), Err)
    }

    fn log(
        &self,
        order: Order,
        each: &mut dyn FnMut(LogEntry) -> Result<bool, JournalError>,
    ) -> Result<(), JournalError> {
        self.usable()?;
        let mut failed = None;
        log::entries(&self.store, &self.head, order, &mut |entry| {
            Ok(each(entry).unwrap_or_else(|error| {
                failed = Some(error);
                false
            }))
        })
        .map_err(|fault| self.unreadable(fault))?;
        failed.map_or(Ok(()), Err)
    }
}

impl Log for SledJournal {
    fn migrated(&self) -> Option<&Migrated> {
        self.migrated.as_ref()
    }

    fn origin(&self) -> (Timestamp, u64) {
        (self.format.created_at.0, self.format.migrated)
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            journal: self.id(),
            size: self.head.sequence(),
            root: self.head.frontier.root(),
        }
    }

    fn check(
        &self,
        wanted: &[Wanted],
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Checked, JournalError> {
        self.usable()?;
        let migrated = self.format.migrated;
        log::whole(&self.store, &self.head, migrated, wanted, progress)
            .map_err(|fault| self.unreadable(fault))
    }

    fn records(&self, id: TransactionId) -> Result<Vec<(u64, Vec<u8>)>, JournalError> {
        self.usable()?;
        let fault = |fault| self.unreadable(fault);
        let (_, entries) = log::read(&self.store, id.0)
            .map_err(fault)?
            .ok_or(JournalError::NoSuchTransaction(id))?;
        let records = log::records(&self.store, id.0).map_err(fault)?;
        let records = records.map(|records| records.entries).unwrap_or_default();
        let sequences = entries.into_iter().map(|entry| entry.sequence);
        Ok(sequences.zip(records).collect())
    }

    fn export(
        &self,
        each: &mut dyn FnMut(Part) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let Checkpoint { size, root, .. } = self.checkpoint();
        each(Part::Journal {
            format: self.format.clone(),
            extent: Some(Extent {
                entries: size,
                root,
            }),
        })?;
        let mut failed = None;
        log::records_in_order(&self.store, &self.head, &mut |begin, sequence, record| {
            let written = match begin {
                Some(begin) => each(Part::Begin(begin)),
                None => Ok(()),
            };
            let written = written.and_then(|()| each(Part::Entry { sequence, record }));
            Ok(written.map(|()| true).unwrap_or_else(|error| {
                failed = Some(error);
                false
            }))
        })
        .map_err(|fault| self.unreadable(fault))?;
        failed.map_or(Ok(()), Err)
    }
}

impl Journal for SledJournal {
    fn next_id(&self) -> Result<TransactionId, JournalError> {
        self.usable()?;
        let next = self.head.transactions.max(self.left_out).checked_add(1);
        next.map(TransactionId)
            .ok_or_else(|| self.unreadable(Fault::Io("its numbers have run out".into())))
    }

    fn leave_out(&mut self, last: TransactionId) {
        self.left_out = self.left_out.max(last.0);
    }

    fn begin_all(
        &mut self,
        drafts: Vec<(Draft, Vec<EventKind>)>,
    ) -> Result<Vec<Transaction>, JournalError> {
        let first = self.next_id()?.0;
        let now = self.clock.now();
        let fault = |fault: Fault| fault.at("write", &self.names.state_dir);
        let mut writer = Writer::new(&self.store, &self.head);
        let mut begun = Vec::new();
        for (id, (draft, kinds)) in (first..).zip(drafts) {
            let mut transaction = Transaction {
                id: TransactionId(id),
                draft,
                events: Vec::new(),
            };
            writer.begin(&transaction, now).map_err(fault)?;
            let mut events = Vec::new();
            for kind in &kinds {
                events.extend(writer.event(id, kind, now).map_err(fault)?);
            }
            transaction.extend(events);
            begun.push(transaction);
        }
        let appended = writer.finish().map_err(fault)?;
        self.grow(appended, true)?;
        self.untold.extend(begun.iter().map(|one| one.id.0));
        self.tell();
        Ok(begun)
    }

    fn append_all(
        &mut self,
        additions: Vec<(TransactionId, Vec<EventKind>)>,
    ) -> Result<Vec<Vec<Event>>, JournalError> {
        self.usable()?;
        for (id, _) in &additions {
            let stored = log::summary(&self.store, id.0);
            if stored.map_err(|fault| self.unreadable(fault))?.is_none() {
                return Err(JournalError::NoSuchTransaction(*id));
            }
        }
        let kinds = || additions.iter().flat_map(|(_, kinds)| kinds);
        if kinds().next().is_none() {
            return Ok(vec![Vec::new(); additions.len()]);
        }
        let sync = !kinds().all(is_step);
        let now = self.clock.now();
        let fault = |fault: Fault| fault.at("write", &self.names.state_dir);
        let mut writer = Writer::new(&self.store, &self.head);
        let mut events = Vec::new();
        for (id, kinds) in &additions {
            let mut written = Vec::new();
            for kind in kinds {
                written.extend(writer.event(id.0, kind, now).map_err(fault)?);
            }
            events.push(written);
        }
        let appended = writer.finish().map_err(fault)?;
        self.grow(appended, sync)?;
        self.untold.extend(additions.iter().map(|(id, _)| id.0));
        if sync {
            self.tell();
        }
        Ok(events)
    }

    fn notice(&mut self, notice: Notice) -> Result<(), JournalError> {
        self.usable()?;
        let mut writer = Writer::new(&self.store, &self.head);
        let appended = writer
            .notice(&notice, self.clock.now())
            .and_then(|()| writer.finish())
            .map_err(|fault| fault.at("write", &self.names.state_dir))?;
        self.grow(appended, true)?;
        self.tell();
        Ok(())
    }
}

/// What comes once a step. The watermark may be behind by it: the barrier has kept it.
fn is_step(kind: &EventKind) -> bool {
    match kind {
        EventKind::Intent { .. }
        | EventKind::Withdrawn { .. }
        | EventKind::Destroying { .. }
        | EventKind::Destroyed { .. }
        | EventKind::Outcome { .. }
        | EventKind::SetAside { .. }
        | EventKind::Digested { .. }
        | EventKind::Noted { .. } => true,
        EventKind::Entered { .. }
        | EventKind::Decided { .. }
        | EventKind::Wiping { .. }
        | EventKind::Wiped { .. }
        | EventKind::Imported { .. }
        | EventKind::Held { .. }
        | EventKind::Released { .. }
        | EventKind::Settled { .. }
        | EventKind::Renamed(_)
        | EventKind::Amended(_) => false,
    }
}

struct Opened {
    store: Store,
    format: Format,
    head: Head,
    watermark: Watermark,
    migrated: Option<Migrated>,
}

/// Opens what is there, brought to the present format where it has an older one, or makes the
/// journal where there is none yet.
fn open(names: &Names, now: Timestamp) -> Result<Opened, Fault> {
    if now < Timestamp::UNIX_EPOCH {
        return Err(Fault::Clock(now));
    }
    rebuild::go_on(names)?;
    let finished = migrate::finish(names)?;
    sweep::state_folder(names, now);
    let watermark = Watermark::open(&names.watermark)?;
    // sled would make a new file in its place, and the loss would be harder to see.
    if let (Some((_, floor)), false) = (&watermark, names.sled.join("db").exists()) {
        return Err(Fault::Damaged(format!(
            "{} is missing, and it had {} transactions",
            names.sled.join("db").display(),
            floor.count
        )));
    }
    if watermark.is_none() && !names.sled.exists() {
        folder::nothing_quarantined(&names.state_dir)?;
    }
    folder::make_private(&names.sled).map_err(|error| Fault::io(&names.sled, error))?;
    let mut store = Store::open(&names.sled)?;
    let fault = |error| Fault::record("its first record", error);
    let format = match (store.get(Tree::Meta, log::FORMAT)?, &watermark) {
        (Some(record), floor) if version_of(&record).map_err(fault)? == 1 => {
            let floor = floor.as_ref().map(|(_, floor)| floor);
            let migrated = migrate::run(names, store, &record, floor)?;
            drop(watermark);
            return Ok(Opened {
                migrated: Some(migrated),
                ..open(names, now)?
            });
        }
        (Some(record), _) => decode::<Format>(&record).map_err(fault)?,
        (None, Some(_)) => return Err(Fault::Damaged("its first record is missing".into())),
        (None, None) => {
            let format = Format {
                journal: Mirror::store(&uuid::Uuid::new_v4()),
                created_at: Time(now),
                migrated: 0,
            };
            found(&mut store, &format)?;
            format
        }
    };
    let floor = watermark.as_ref().map(|(_, mark)| mark);
    let head = log::at_open(&store, &format, floor)?;
    let mark = head.mark();
    let watermark = match watermark {
        // The last append was acknowledged, and nothing came after it: all is durable.
        Some((watermark, floor)) if floor == mark => watermark,
        Some((mut watermark, _)) => {
            store.settle()?;
            watermark.set(&mark, true)?;
            watermark
        }
        // As new as can be, or its maker crashed.
        None => {
            store.settle()?;
            Watermark::create(&names.watermark, &mark)?
        }
    };
    Ok(Opened {
        store,
        format,
        head,
        watermark,
        migrated: finished,
    })
}

/// The first records of a new journal.
fn found(store: &mut Store, format: &Format) -> Result<Head, Fault> {
    let head = Head::new(format.journal);
    let put = |key: &[u8], value| Change {
        tree: Tree::Meta,
        key: key.to_vec(),
        value: Some(value),
    };
    store.write(vec![
        put(log::FORMAT, encode(format)?),
        put(log::HEAD, encode(&head)?),
    ])?;
    Ok(head)
}
