//! The journal in sled 0.34.7: durable, chained, and checked whole at every open.
//!
//! The layout on disk is described in `migrations/0001-initial.md`.

mod barrier;
mod chunks;
mod fault;
mod folder;
mod lock;
mod publish;
mod reader;
mod rebuild;
mod records;
mod store;
mod sync;
mod verify;
mod view;
mod watermark;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

pub use reader::{Reader, open_reader};
pub use rebuild::{Found, Rebuilding};
pub use view::ViewReader;

use self::fault::Fault;
use self::folder::Names;
use self::lock::Lock;
use self::publish::Publisher;
use self::records::Growth;
use self::store::Store;
use self::watermark::Watermark;
use super::clock::{self, SystemClock};
use crate::journal::{Format, Hash, Head, Mirror, Time, decode, encode, is_current};
use crate::model::{self, Draft, Event, EventKind, Transaction, TransactionId};
use crate::ports::{Clock, Journal, JournalError, JournalReader};

/// The journal, held: no other process writes or checks it while this value lives.
pub struct SledJournal {
    store: Store,
    head: Head,
    /// The record of the present format, where the journal still has that of an older one.
    raised: Option<Format>,
    watermark: Watermark,
    views: Publisher,
    clock: Box<dyn Clock>,
    /// Why this value must not be used any more: after a failed write nobody knows what is on the
    /// disk, until the journal is opened and checked again.
    broken: Option<String>,
    /// The last number that is not to be given.
    left_out: u64,
    names: Names,
    /// The last field: let go of when all else is closed.
    _lock: Lock,
}

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
        let now = clock::now();
        let Opened {
            store,
            head,
            raised,
            watermark,
        } = open(&names, now).map_err(|fault| fault.at("open", &names.state_dir))?;
        Ok(Self {
            store,
            head,
            raised,
            watermark,
            views: Publisher::new(&names.view),
            clock: Box::new(SystemClock),
            broken: None,
            left_out: 0,
            names,
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

    fn usable(&self) -> Result<(), JournalError> {
        match &self.broken {
            None => Ok(()),
            Some(cause) => Err(JournalError::Io {
                doing: "go on with",
                path: self.names.state_dir.clone(),
                cause: format!("an earlier write failed: {cause}"),
            }),
        }
    }

    /// The one way by which anything is written after the journal was made.
    fn grow(&mut self, growth: &Growth, sync_watermark: bool) -> Result<(), JournalError> {
        let format = self.raised.as_ref().map(encode).transpose();
        let format = format.map_err(|error| {
            let fault: Fault = error.into();
            fault.at("write", &self.names.state_dir)
        })?;
        let written = self
            .store
            .write(&growth.batch, format)
            .and_then(|()| self.watermark.set(&growth.head, sync_watermark));
        if let Err(fault) = written {
            let error = fault.at("write", &self.names.state_dir);
            self.broken = Some(error.to_string());
            return Err(error);
        }
        self.raised = None;
        self.head = growth.head.clone();
        self.views.show(&self.store, growth);
        Ok(())
    }

    fn unreadable(&self, fault: Fault) -> JournalError {
        fault.at("read", &self.names.state_dir)
    }
}

impl JournalReader for SledJournal {
    fn read(&self, id: TransactionId) -> Result<Transaction, JournalError> {
        self.usable()?;
        records::read(&self.store, id)
            .map_err(|fault| self.unreadable(fault))?
            .ok_or(JournalError::NoSuchTransaction(id))
    }

    fn summaries(&self) -> Result<Vec<model::Summary>, JournalError> {
        self.usable()?;
        let records = self.store.summaries();
        records
            .and_then(|records| {
                let summaries = records.iter();
                summaries
                    .map(|record| records::summary(&self.store, record.id()?, &record.bytes))
                    .collect()
            })
            .map_err(|fault| self.unreadable(fault))
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

    fn begin(&mut self, draft: Draft) -> Result<Transaction, JournalError> {
        let transaction = Transaction {
            id: self.next_id()?,
            draft,
            events: Vec::new(),
        };
        let growth = records::begin(&self.head, &transaction, self.clock.now())
            .map_err(|fault| fault.at("write", &self.names.state_dir))?;
        self.grow(&growth, true)?;
        Ok(transaction)
    }

    fn append_all(
        &mut self,
        additions: Vec<(TransactionId, Vec<EventKind>)>,
    ) -> Result<Vec<Vec<Event>>, JournalError> {
        self.usable()?;
        let is_step = |kind: &EventKind| match kind {
            EventKind::Intent { .. } | EventKind::Outcome { .. } | EventKind::Noted { .. } => true,
            EventKind::Entered { .. }
            | EventKind::Decided { .. }
            | EventKind::Held { .. }
            | EventKind::Settled { .. }
            | EventKind::Renamed(_)
            | EventKind::Amended(_) => false,
        };
        let sync = !additions.iter().flat_map(|(_, kinds)| kinds).all(is_step);
        let count = additions.len();
        for (id, _) in &additions {
            let stored = self.store.summary(id.0);
            if stored.map_err(|fault| self.unreadable(fault))?.is_none() {
                return Err(JournalError::NoSuchTransaction(*id));
            }
        }
        let growth = records::append(&self.store, &self.head, additions, self.clock.now())
            .map_err(|fault| fault.at("write", &self.names.state_dir))?;
        let Some(growth) = growth else {
            return Ok(vec![Vec::new(); count]);
        };
        self.grow(&growth, sync)?;
        Ok(growth.events)
    }

    fn claiming(&self) -> Result<Vec<TransactionId>, JournalError> {
        self.usable()?;
        let claims = self
            .store
            .claims()
            .map_err(|fault| self.unreadable(fault))?;
        Ok(claims.into_iter().map(TransactionId).collect())
    }
}

struct Opened {
    store: Store,
    head: Head,
    raised: Option<Format>,
    watermark: Watermark,
}

/// Opens what is there, or makes the journal where there is none yet.
fn open(names: &Names, now: Timestamp) -> Result<Opened, Fault> {
    if now < Timestamp::UNIX_EPOCH {
        return Err(Fault::Clock(now));
    }
    let watermark = Watermark::open(&names.watermark)?;
    // sled would make a new file in its place, and the loss would be harder to see.
    if let (Some((_, floor)), false) = (&watermark, names.sled.join("db").exists()) {
        return Err(Fault::Damaged(format!(
            "{} is missing, and it had {} transactions",
            names.sled.join("db").display(),
            floor.transactions
        )));
    }
    if watermark.is_none() && !names.sled.exists() {
        folder::nothing_quarantined(&names.state_dir)?;
    }
    folder::make_private(&names.sled).map_err(|error| Fault::io(&names.sled, error))?;
    let mut store = Store::open(&names.sled)?;
    let (format, is_older) = match (store.format()?, &watermark) {
        (Some(record), _) => {
            let fault = |error| Fault::record("its first record", error);
            let format = decode::<Format>(&record).map_err(fault)?;
            (format, !is_current(&record).map_err(fault)?)
        }
        (None, Some(_)) => return Err(Fault::Damaged("its first record is missing".into())),
        (None, None) => (found(&mut store, now)?, false),
    };
    let floor = watermark.as_ref().map(|(_, head)| head);
    let head = verify::whole(&store, &format, floor)?;
    let watermark = match watermark {
        // The last append was acknowledged, and nothing came after it: all is durable.
        Some((watermark, floor)) if floor == head => watermark,
        Some((mut watermark, _)) => {
            store.settle()?;
            watermark.set(&head, true)?;
            watermark
        }
        // As new as can be, or its maker crashed.
        None => {
            store.settle()?;
            Watermark::create(&names.watermark, &head)?
        }
    };
    Ok(Opened {
        store,
        head,
        raised: is_older.then_some(format),
        watermark,
    })
}

/// The first records of a new journal.
fn found(store: &mut Store, now: Timestamp) -> Result<Format, Fault> {
    let format = Format {
        journal: Mirror::store(&uuid::Uuid::new_v4()),
        created_at: Time(now),
    };
    let head = Head {
        journal: format.journal,
        sequence: 0,
        hash: Hash::NONE,
        transactions: 0,
    };
    store.found(encode(&format)?, encode(&head)?)?;
    Ok(format)
}
