//! An append in the making.
//!
//! Everything that one append changes comes out of it as a list, which the store writes whole or
//! not at all.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use super::block;
use super::fold::{self, Closed, New};
use super::read;
use super::shelf::{Change, HEAD, Shelf, Tree, put};
use super::{entry_key, key};
use crate::journal::format::{Begin, Entry, EventKind, Extent, Head, Notice, Summary};
use crate::journal::mirror::Mirror;
use crate::journal::primitive::{Hash, Time};
use crate::journal::{Fault, decode, encode, merkle};
use crate::model::{self, Claim};

/// What an append changes, and where it leads.
#[derive(Debug)]
pub struct Appended {
    pub changes: Vec<Change>,
    pub head: Head,
    /// What is new of each transaction, for those who look on.
    pub parts: Vec<Part>,
}

#[derive(Debug)]
pub struct Part {
    pub id: u64,
    /// Event records.
    pub entries: Vec<Vec<u8>>,
    pub summary: Vec<u8>,
}

pub struct Writer<'a, S> {
    shelf: &'a S,
    head: Head,
    touched: BTreeMap<u64, Touched>,
    /// Of no transaction.
    notices: Vec<(u64, Vec<u8>)>,
}

struct Touched {
    line: model::Summary,
    extent: Extent,
    claimed: bool,
    /// Where it is new.
    begin: Option<Vec<u8>>,
    entries: Vec<(u64, Vec<u8>)>,
}

impl<'a, S: Shelf> Writer<'a, S> {
    pub fn new(shelf: &'a S, head: &Head) -> Self {
        Self {
            shelf,
            head: head.clone(),
            touched: BTreeMap::new(),
            notices: Vec::new(),
        }
    }

    /// A new transaction with its first entry.
    ///
    /// # Errors
    /// The record is too large.
    pub fn begin(
        &mut self,
        transaction: &model::Transaction,
        now: jiff::Timestamp,
    ) -> Result<(), Fault> {
        let record = encode(&Begin::from(transaction))?;
        let began = EventKind::Began {
            record: Hash::sha256(&record),
        };
        self.begin_record(record)?;
        self.add(transaction.id.0, began, now).map(|_| ())
    }

    /// A new transaction, from its record; its first entry comes next.
    ///
    /// # Errors
    /// [`Fault::Damaged`]: it does not decode, or its number is not a new one.
    pub fn begin_record(&mut self, record: Vec<u8>) -> Result<(), Fault> {
        let begin: Begin =
            decode(&record).map_err(|error| Fault::record("a transaction", error))?;
        let id = begin.id;
        if id == 0 || self.touched.contains_key(&id) || read::summary(self.shelf, id)?.is_some() {
            return Fault::damaged(format!("transaction {id} is there twice"));
        }
        let line = begin.with_events(Vec::new()).summary();
        // `rebuild` takes in old ones after newer ones.
        self.head.transactions = self.head.transactions.max(id);
        self.head.count += 1;
        self.touched.insert(
            id,
            Touched {
                line,
                extent: Extent::NONE,
                claimed: false,
                begin: Some(record),
                entries: Vec::new(),
            },
        );
        Ok(())
    }

    /// One more event of a transaction that is there.
    ///
    /// # Errors
    /// The record is too large, or what is stored of the transaction is damaged.
    pub fn event(
        &mut self,
        id: u64,
        kind: &model::EventKind,
        now: jiff::Timestamp,
    ) -> Result<Option<model::Event>, Fault> {
        self.add(id, kind.into(), now)
    }

    /// An event of no transaction.
    ///
    /// # Errors
    /// The record is too large.
    pub fn notice(&mut self, notice: &model::Notice, now: jiff::Timestamp) -> Result<(), Fault> {
        let notice: Notice = Mirror::store(notice);
        self.add(0, EventKind::Noticed(Box::new(notice)), now)
            .map(|_| ())
    }

    fn add(
        &mut self,
        id: u64,
        kind: EventKind,
        now: jiff::Timestamp,
    ) -> Result<Option<model::Event>, Fault> {
        let entry = Entry {
            sequence: self.head.sequence() + 1,
            transaction: id,
            at: Time(now),
            clock_back: self.head.at.and_then(|Time(before)| went_back(before, now)),
            kind,
        };
        let record = encode(&entry)?;
        self.append(entry, record)
    }

    /// The next entry of the log, from its record.
    ///
    /// # Errors
    /// [`Fault::Damaged`]: it does not decode, or it is not the next.
    pub fn entry_record(&mut self, record: Vec<u8>) -> Result<(), Fault> {
        let entry: Entry = decode(&record).map_err(|error| Fault::record("a log entry", error))?;
        self.append(entry, record).map(|_| ())
    }

    fn append(&mut self, entry: Entry, record: Vec<u8>) -> Result<Option<model::Event>, Fault> {
        let next = self.head.sequence() + 1;
        if entry.sequence != next {
            return Fault::damaged(format!(
                "log entry {} stands where {next} belongs",
                entry.sequence
            ));
        }
        let leaf = merkle::leaf(&record);
        self.head.frontier.push(leaf);
        self.head.at = Some(entry.at);
        if entry.transaction == 0 {
            self.notices.push((entry.sequence, record));
            return Ok(None);
        }
        let touched = touch(self.shelf, &mut self.touched, entry.transaction)?;
        touched.extent.push(entry.sequence, &leaf);
        touched.entries.push((entry.sequence, record));
        let event = entry.event();
        if let Some(event) = &event {
            touched.line.follow(event);
        }
        Ok(event)
    }

    /// Whether all that was begun is closed, up to the last of a block: what ends here lies in
    /// blocks from the beginning.
    pub fn ends_a_block(&self) -> bool {
        let is_closed = |touched: &Touched| touched.line.state.is_closed();
        block::ends_with(self.head.transactions) && self.touched.values().all(is_closed)
    }

    /// All that is to be written.
    ///
    /// # Errors
    /// A record is too large, or what is stored is damaged.
    pub fn finish(self) -> Result<Appended, Fault> {
        let mut head = self.head;
        let mut changes = Vec::new();
        let mut parts = Vec::new();
        let mut closed = BTreeMap::new();
        let mut open = BTreeSet::new();
        for (sequence, record) in self.notices {
            changes.push(put(Tree::Events, entry_key(0, sequence), record));
        }
        for (id, touched) in self.touched {
            let claims = touched.line.state.claim() != Claim::Nothing;
            if claims != touched.claimed {
                head.claims = match claims {
                    true => head.claims + 1,
                    false => head.claims.saturating_sub(1),
                };
                changes.push(Change {
                    tree: Tree::Claims,
                    key: key(id),
                    value: claims.then(Vec::new),
                });
            }
            let summary = encode(&Summary::new(&touched.line, touched.extent))?;
            changes.push(put(Tree::Summaries, key(id), summary.clone()));
            let entries = touched.entries.iter().map(|(_, record)| record.clone());
            parts.push(Part {
                id,
                entries: entries.collect(),
                summary: summary.clone(),
            });
            let is_closed = touched.line.state.is_closed();
            let sealed = match is_closed {
                true => fold::sealed(self.shelf, id, touched.begin.as_deref(), &touched.entries)?,
                false => None,
            };
            match sealed {
                Some(sealed) => {
                    changes.extend(sealed.changes);
                    let whole = sealed.whole;
                    closed.insert(id, Closed { summary, whole });
                }
                None => {
                    open.insert(id);
                    if let Some(begin) = touched.begin {
                        changes.push(put(Tree::Begins, key(id), begin));
                    }
                    for (sequence, record) in touched.entries {
                        changes.push(put(Tree::Events, entry_key(id, sequence), record));
                    }
                }
            }
        }
        let numbers: BTreeSet<u64> = closed.keys().map(|id| block::number_of(*id)).collect();
        for number in numbers {
            let new = New {
                closed: &closed,
                open: &open,
                last: head.transactions,
            };
            match fold::blocked(self.shelf, number, &new, &mut changes) {
                // What is wrong with its neighbours keeps no transaction from being closed.
                Err(Fault::Damaged(_)) => {}
                other => other?,
            }
        }
        head.remember();
        changes.push(put(Tree::Meta, HEAD.to_vec(), encode(&head)?));
        Ok(Appended {
            changes,
            head,
            parts,
        })
    }
}

/// Less than this is how clocks are kept right (adjtimex(2)), and no news. Milliseconds.
const SLACK: u64 = 1000;

/// Milliseconds.
fn went_back(before: jiff::Timestamp, now: jiff::Timestamp) -> Option<u64> {
    let back = now.duration_until(before).as_millis();
    u64::try_from(back).ok().filter(|back| *back >= SLACK)
}

fn touch<'t, S: Shelf>(
    shelf: &S,
    touched: &'t mut BTreeMap<u64, Touched>,
    id: u64,
) -> Result<&'t mut Touched, Fault> {
    match touched.entry(id) {
        Slot::Occupied(slot) => Ok(slot.into_mut()),
        Slot::Vacant(slot) => {
            let stored = read::summary(shelf, id)?;
            let stored =
                stored.ok_or_else(|| Fault::Damaged(format!("there is no transaction {id}")))?;
            let extent = stored.extent;
            let line: model::Summary = stored.into();
            Ok(slot.insert(Touched {
                claimed: line.state.claim() != Claim::Nothing,
                line,
                extent,
                begin: None,
                entries: Vec::new(),
            }))
        }
    }
}
