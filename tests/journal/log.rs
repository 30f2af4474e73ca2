//! The failure story: an auditor asks what happened last year, and somebody has been at the log
//! since. Whatever was taken out, put in, changed or moved must be found; what was written in one
//! order must be read in that order, whoever wrote at the same time.

use std::cell::Cell;

use crate::sample;
use virt_retire::journal::Fault;
use virt_retire::journal::log::{
    Change, Each, Memory, Shelf, Tree, Writer, at_open, claiming, entries, entries_since,
    outstanding, read, summaries, whole,
};
use virt_retire::journal::merkle::Wanted;
use virt_retire::journal::{Format, Head, Time, decode, encode, envelope};
use virt_retire::model::*;

const CREATED: &str = "2026-03-01T12:00:00Z";

fn format() -> Format {
    let bytes = [7; 16];
    Format {
        journal: virt_retire::journal::Mirror::store(&uuid::Uuid::from_bytes(bytes)),
        created_at: Time(CREATED.parse().unwrap()),
        migrated: 0,
    }
}

struct Log {
    shelf: Memory,
    head: Head,
}

impl Log {
    fn new() -> Self {
        let head = Head::new(format().journal);
        let mut shelf = Memory::default();
        shelf.apply(&[Change {
            tree: Tree::Meta,
            key: b"head".to_vec(),
            value: Some(encode(&head).unwrap()),
        }]);
        Self { shelf, head }
    }

    fn write(&mut self, work: impl FnOnce(&mut Writer<'_, Memory>)) {
        let mut writer = Writer::new(&self.shelf, &self.head);
        work(&mut writer);
        let appended = writer.finish().unwrap();
        self.shelf.apply(&appended.changes);
        self.head = appended.head;
        at_open(&self.shelf, &format(), Some(&self.head.mark())).unwrap();
    }

    fn begin(&mut self, id: u64) {
        let transaction = Transaction {
            id: TransactionId(id),
            draft: sample::draft(),
            events: Vec::new(),
        };
        self.write(|writer| writer.begin(&transaction, now()).unwrap());
    }

    fn enter(&mut self, id: u64, state: State) {
        let kind = EventKind::Entered { state, cause: None };
        self.write(|writer| {
            writer.event(id, &kind, now()).unwrap();
        });
    }

    fn findings(&self) -> Vec<String> {
        let mut steps = 0;
        let checked = whole(&self.shelf, &self.head, 0, &[], &mut |_, _| steps += 1).unwrap();
        checked.findings
    }
}

fn now() -> jiff::Timestamp {
    CREATED.parse().unwrap()
}

fn notice(text: &str) -> Notice {
    Notice {
        topic: Topic::Policy,
        text: text.into(),
        domain: None,
        by: sample::evidence(),
    }
}

/// Three that ran at the same time: one closed, one committed, one open; and a notice between.
fn busy() -> Log {
    let mut log = Log::new();
    log.begin(1);
    log.begin(2);
    log.enter(1, State::Executing);
    log.write(|writer| writer.notice(&notice("set"), now()).unwrap());
    log.begin(4);
    log.write(|writer| {
        for (id, state) in [
            (2, State::Executing),
            (1, State::RollingBack),
            (2, State::Prepared),
            (1, State::RolledBack),
            (4, State::Executing),
            (2, State::Committed),
        ] {
            let kind = EventKind::Entered { state, cause: None };
            writer.event(id, &kind, now()).unwrap();
        }
    });
    log
}

#[test]
fn a_busy_log_is_whole_and_its_closed_transaction_is_one_record() {
    let log = busy();
    assert_eq!(log.findings(), Vec::<String>::new());
    let key = |id: u64| id.to_be_bytes();
    assert!(log.shelf.get(Tree::Sealed, &key(1)).unwrap().is_some());
    assert!(log.shelf.get(Tree::Begins, &key(1)).unwrap().is_none());
    assert!(log.shelf.get(Tree::Sealed, &key(2)).unwrap().is_none());
    let (transaction, _) = read(&log.shelf, 1).unwrap().unwrap();
    assert_eq!(transaction.state(), State::RolledBack);
    assert_eq!(transaction.events.len(), 3);
    assert_eq!(log.head.claims, 1);
    assert_eq!((log.head.count, log.head.transactions), (3, 4));
}

/// Sixty-six that came and went, but for number 7, which was never given.
fn long() -> Log {
    let mut log = Log::new();
    for id in (1..=66).filter(|id| *id != 7) {
        log.begin(id);
        log.enter(id, State::RolledBack);
    }
    log
}

fn stored(log: &Log, tree: Tree) -> Vec<Vec<u8>> {
    let keys = log.shelf.0.keys();
    let keys = keys.filter(|(its, _)| *its == tree);
    keys.map(|(_, key)| key.clone()).collect()
}

/// By their numbers, the newest first, as `list` asks for them.
fn listed(log: &Log) -> Vec<u64> {
    let mut ids = Vec::new();
    summaries(&log.shelf, &log.head, &mut |summary| {
        ids.push(summary.line.id.0);
        Ok(true)
    })
    .unwrap();
    ids
}

fn alone(ids: &[u64]) -> Vec<Vec<u8>> {
    ids.iter().map(|id| id.to_be_bytes().to_vec()).collect()
}

/// sled's opening costs what its pages number, and of records that lie alone there is one page for
/// a dozen.
#[test]
fn closed_neighbours_are_one_record_and_answer_as_before() {
    let log = long();
    assert_eq!(stored(&log, Tree::Sealed), alone(&[65, 66]));
    assert_eq!(stored(&log, Tree::Summaries), alone(&[65, 66]));
    assert_eq!(stored(&log, Tree::Blocks).len(), 2);
    assert_eq!(log.findings(), Vec::<String>::new());
    let ids: Vec<u64> = (1..=66).filter(|id| *id != 7).rev().collect();
    assert_eq!(listed(&log), ids);
    for id in 0..=70 {
        let found = read(&log.shelf, id).unwrap();
        assert_eq!(found.is_some(), ids.contains(&id), "{id}");
        let states = found.map(|(transaction, _)| transaction.state());
        assert!(states.is_none_or(|state| state == State::RolledBack));
    }
    let mut sequences = Vec::new();
    entries(&log.shelf, &log.head, Order::NewestFirst, &mut |entry| {
        sequences.push(entry.sequence);
        Ok(true)
    })
    .unwrap();
    sequences.reverse();
    assert!(sequences.into_iter().eq(1..=log.head.sequence()));
}

/// One more event of one in a block, and one that is taken in late by `rebuild`.
#[test]
fn a_block_takes_in_what_comes_later() {
    let mut log = long();
    let held = sample::held();
    log.write(|writer| {
        writer.event(3, &held, now()).unwrap();
    });
    assert_eq!(stored(&log, Tree::Sealed), alone(&[65, 66]));
    let (transaction, _) = read(&log.shelf, 3).unwrap().unwrap();
    assert_eq!(transaction.events.last().unwrap().kind, held);
    log.begin(7);
    assert_eq!(stored(&log, Tree::Summaries), alone(&[7, 65, 66]));
    assert_eq!(listed(&log), (1..=66).rev().collect::<Vec<u64>>());
    assert_eq!(log.findings(), Vec::<String>::new());
    log.enter(7, State::RolledBack);
    assert_eq!(stored(&log, Tree::Summaries), alone(&[65, 66]));
    assert_eq!(listed(&log), (1..=66).rev().collect::<Vec<u64>>());
    assert_eq!(log.findings(), Vec::<String>::new());
}

#[test]
fn one_that_waits_keeps_its_neighbours_apart() {
    let mut log = Log::new();
    log.write(|writer| {
        for id in 1..=130 {
            let draft = sample::draft();
            let transaction = Transaction {
                id: TransactionId(id),
                draft,
                events: Vec::new(),
            };
            writer.begin(&transaction, now()).unwrap();
            let state = match id {
                100 => State::Executing,
                _ => State::RolledBack,
            };
            let kind = EventKind::Entered { state, cause: None };
            writer.event(id, &kind, now()).unwrap();
        }
    });
    assert_eq!(stored(&log, Tree::Blocks).len(), 2);
    assert_eq!(stored(&log, Tree::Summaries).len(), 66);
    assert_eq!(listed(&log), (1..=130).rev().collect::<Vec<u64>>());
    assert_eq!(log.findings(), Vec::<String>::new());
    log.enter(100, State::RollingBack);
    log.enter(100, State::RolledBack);
    assert_eq!(stored(&log, Tree::Blocks).len(), 4);
    assert_eq!(stored(&log, Tree::Summaries), alone(&[129, 130]));
    assert_eq!(log.findings(), Vec::<String>::new());
}

/// To read one would be to read all of them.
#[test]
fn huge_neighbours_stay_apart() {
    let mut log = Log::new();
    for id in 1..=64 {
        let mut draft = sample::draft();
        draft.definition.xml = SecretXml::new("<!-- long -->".repeat(6000));
        let transaction = Transaction {
            id: TransactionId(id),
            draft,
            events: Vec::new(),
        };
        log.write(|writer| writer.begin(&transaction, now()).unwrap());
        log.enter(id, State::RolledBack);
    }
    assert_eq!(stored(&log, Tree::Blocks).len(), 0);
    assert_eq!(stored(&log, Tree::Sealed).len(), 64);
    assert_eq!(log.findings(), Vec::<String>::new());
}

/// What is wrong with another transaction is `verify`'s to tell, and no reason to fail.
#[test]
fn a_damaged_neighbour_keeps_nothing_from_being_closed() {
    for tree in [Tree::Summaries, Tree::Sealed] {
        let mut log = Log::new();
        for id in 1..=64 {
            log.begin(id);
            if id < 64 {
                log.enter(id, State::RolledBack);
            }
        }
        let key = (tree, 5u64.to_be_bytes().to_vec());
        log.shelf.0.insert(key, b"not the one".to_vec());
        log.enter(64, State::RolledBack);
        assert_eq!(stored(&log, Tree::Blocks).len(), 0);
        let (transaction, _) = read(&log.shelf, 64).unwrap().unwrap();
        assert_eq!(transaction.state(), State::RolledBack);
        assert_ne!(log.findings(), Vec::<String>::new());
    }
}

/// An event after the end: the sealed record stays, or is made anew with it.
#[test]
fn a_closed_transaction_takes_one_more_event() {
    let mut log = busy();
    let held = sample::held();
    log.write(|writer| {
        writer.event(1, &held, now()).unwrap();
    });
    assert_eq!(log.findings(), Vec::<String>::new());
    let (transaction, _) = read(&log.shelf, 1).unwrap().unwrap();
    assert_eq!(transaction.events.last().unwrap().kind, held);
}

#[test]
fn the_log_is_read_in_its_order_both_ways() {
    let log = busy();
    let walk = |order| {
        let mut sequences = Vec::new();
        entries(&log.shelf, &log.head, order, &mut |entry| {
            sequences.push((entry.sequence, entry.transaction));
            Ok(true)
        })
        .unwrap();
        sequences
    };
    let mut forwards = walk(Order::OldestFirst);
    let ids: Vec<_> = forwards
        .iter()
        .map(|(_, id)| id.map_or(0, |id| id.0))
        .collect();
    assert_eq!(ids, [1, 2, 1, 0, 4, 2, 1, 2, 1, 4, 2]);
    assert!(forwards.iter().map(|(it, _)| *it).eq(1..=11));
    forwards.reverse();
    assert_eq!(walk(Order::NewestFirst), forwards);
    let mut first = Vec::new();
    entries(&log.shelf, &log.head, Order::NewestFirst, &mut |entry| {
        first.push(entry.sequence);
        Ok(first.len() < 3)
    })
    .unwrap();
    assert_eq!(first, [11, 10, 9]);
}

/// Every record in turn: taken out, sealed again with another byte, put in the place of another.
#[test]
fn every_change_to_any_record_is_found() {
    for (log, least) in [(busy(), 100), (long(), 30)] {
        let tried = every_change_is_found(&log);
        assert!(tried > least, "only {tried}");
    }
}

fn every_change_is_found(log: &Log) -> usize {
    let records: Vec<_> = log.shelf.0.clone().into_iter().collect();
    let mut tried = 0;
    for ((tree, key), value) in &records {
        if *tree == Tree::Meta {
            continue;
        }
        let mut found = |what: &str, change: &dyn Fn(&mut Memory)| {
            let mut other = Log {
                shelf: log.shelf.clone(),
                head: log.head.clone(),
            };
            change(&mut other.shelf);
            if other.shelf == log.shelf {
                return;
            }
            tried += 1;
            assert_ne!(
                other.findings(),
                Vec::<String>::new(),
                "{what} {tree:?} {key:?}"
            );
        };
        found("without", &|shelf| {
            shelf.0.remove(&(*tree, key.clone()));
        });
        if value.is_empty() {
            continue;
        }
        let sealed = envelope::open(value).unwrap();
        for at in [0, sealed.payload.len() / 2, sealed.payload.len() - 1] {
            let mut payload = sealed.payload.to_vec();
            payload[at] ^= 1;
            let forged = envelope::seal(sealed.kind, sealed.version, &payload);
            found("forged", &|shelf| {
                shelf.0.insert((*tree, key.clone()), forged.clone());
            });
        }
        for ((_, other), its) in records.iter().filter(|((it, _), _)| it == tree) {
            found("swapped", &|shelf| {
                shelf.0.insert((*tree, key.clone()), its.clone());
                shelf.0.insert((*tree, other.clone()), value.clone());
            });
        }
        // A transaction that never was.
        found("made up", &|shelf| {
            let mut longer = key.clone();
            longer[7] = 9;
            shelf.0.insert((*tree, longer), value.clone());
        });
    }
    tried
}

/// Whoever holds all the files makes everything fit: the check finds nothing, and a checkpoint that
/// was kept elsewhere does.
#[test]
fn what_was_rewritten_whole_is_found_with_a_checkpoint() {
    let written = |events: &[(u64, State)]| {
        let mut log = Log::new();
        log.begin(1);
        log.begin(2);
        for (id, state) in events {
            log.enter(*id, *state);
        }
        log
    };
    let events = [
        (1, State::Executing),
        (2, State::Executing),
        (1, State::Prepared),
        (2, State::Prepared),
        (1, State::Committed),
    ];
    let root_at = |log: &Log, size: u64| {
        assert_eq!(log.findings(), Vec::<String>::new());
        let asked = [Wanted::Root(size)];
        let checked = whole(&log.shelf, &log.head, 0, &asked, &mut |_, _| {}).unwrap();
        checked.tree.root(size)
    };
    let log = written(&events);
    let mark = log.head.mark();
    let (size, kept) = (mark.sequence, log.head.frontier.root());
    assert_eq!(root_at(&log, size), Some(kept));
    // It went on, which is no change of what was.
    let mut longer = written(&events);
    longer.enter(2, State::RollingBack);
    assert_eq!(root_at(&longer, size), Some(kept));
    // A forged tail.
    let mut forged = events;
    forged[4] = (2, State::Committed);
    // Two entries swapped.
    let mut swapped = events;
    swapped.swap(2, 3);
    // A removed middle, and an older copy of the whole state.
    let removed = [&events[..2], &events[3..]].concat();
    for (events, what) in [
        (&forged[..], "forged"),
        (&swapped, "swapped"),
        (&removed, "removed"),
        (&events[..3], "older"),
    ] {
        let other = written(events);
        assert_ne!(root_at(&other, size), Some(kept), "{what}");
        // With the watermark as it was no command opens it either.
        assert!(
            at_open(&other.shelf, &format(), Some(&mark)).is_err(),
            "{what}"
        );
    }
}

/// The clock of the last entry is remembered, in the head and in the entry that is before it.
#[test]
fn a_clock_that_went_back_is_noted_and_a_small_step_is_not() {
    let mut log = Log::new();
    log.begin(1);
    for (later, state) in [
        (3600, State::Executing),
        (3599, State::Prepared),
        (0, State::Committed),
    ] {
        let kind = EventKind::Entered { state, cause: None };
        let at =
            now() + jiff::SignedDuration::from_secs(later) + jiff::SignedDuration::from_millis(1);
        log.write(|writer| {
            writer.event(1, &kind, at).unwrap();
        });
    }
    let mut backs = Vec::new();
    entries(&log.shelf, &log.head, Order::OldestFirst, &mut |entry| {
        backs.push(entry.clock_back.map(|back| back.as_secs()));
        Ok(true)
    })
    .unwrap();
    assert_eq!(backs, [None, None, Some(1), Some(3599)]);
    assert_eq!(log.findings(), Vec::<String>::new());
}

/// A watermark that is behind is one of the last appends, or damage.
#[test]
fn the_watermark_is_one_the_log_has_been_at() {
    let mut log = Log::new();
    log.begin(1);
    let mark = log.head.mark();
    log.enter(1, State::Executing);
    at_open(&log.shelf, &format(), Some(&mark)).unwrap();
    let mut other = mark.clone();
    other.root = virt_retire::journal::Hash::sha256(b"another");
    assert!(at_open(&log.shelf, &format(), Some(&other)).is_err());
    let mut ahead = log.head.mark();
    ahead.sequence += 1;
    assert!(at_open(&log.shelf, &format(), Some(&ahead)).is_err());
    assert!(at_open(&log.shelf, &format(), None).is_err());
}

/// Whatever decompresses to far more than it says is refused.
#[test]
fn a_sealed_record_that_grows_is_damage() {
    let log = busy();
    let key = 1u64.to_be_bytes().to_vec();
    let record = log.shelf.get(Tree::Sealed, &key).unwrap().unwrap();
    let mut sealed: virt_retire::journal::Sealed = decode(&record).unwrap();
    sealed.packed = miniz_oxide::deflate::compress_to_vec(&vec![0; 100 << 20], 1);
    let mut shelf = log.shelf.clone();
    shelf
        .0
        .insert((Tree::Sealed, key), encode(&sealed).unwrap());
    let error = read(&shelf, 1).unwrap_err();
    assert!(error.to_string().contains("sealed"), "{error}");
}

/// Counts the records and keys that are looked at.
struct Counted<'a> {
    shelf: &'a Memory,
    looks: Cell<usize>,
}

impl<'a> Counted<'a> {
    fn new(shelf: &'a Memory) -> Self {
        let looks = Cell::new(0);
        Self { shelf, looks }
    }

    fn look(&self) {
        self.looks.set(self.looks.get() + 1);
    }
}

impl Shelf for Counted<'_> {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.look();
        self.shelf.get(tree, key)
    }

    fn scan(&self, tree: Tree, prefix: &[u8], each: &mut Each<'_>) -> Result<(), Fault> {
        self.shelf.scan(tree, prefix, &mut |key, value| {
            self.look();
            each(key, value)
        })
    }

    fn before(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.look();
        self.shelf.before(tree, key)
    }
}

/// A rollback and a purge ask what waits besides, and a command for a name that is taken who has
/// it: what is over for years must cost them nothing.
#[test]
fn what_is_outstanding_is_found_without_what_is_closed() {
    let looks = |log: &Log| {
        let shelf = Counted::new(&log.shelf);
        let found = outstanding(&shelf).unwrap();
        claiming(&shelf).unwrap();
        let ids: Vec<u64> = found.iter().map(|summary| summary.line.id.0).collect();
        let mut wanted = Vec::new();
        summaries(&log.shelf, &log.head, &mut |summary| {
            let line = Summary::from(summary);
            wanted.extend((!line.state.is_closed()).then_some(line.id.0));
            Ok(true)
        })
        .unwrap();
        wanted.reverse();
        assert_eq!(ids, wanted);
        (ids, shelf.looks.get())
    };
    let mut log = busy();
    let (ids, before) = looks(&log);
    assert_eq!(ids, [2, 4]);
    for id in 10..310 {
        log.begin(id);
        log.enter(id, State::Executing);
        log.enter(id, State::RollingBack);
        log.enter(id, State::RolledBack);
    }
    assert_eq!(looks(&log), (ids, before));
    // One that closed, and one more that waits.
    log.enter(2, State::Purging);
    assert_eq!(looks(&log).0, [2, 4]);
    log.enter(2, State::Purged);
    assert_eq!(looks(&log).0, [4]);
    log.begin(400);
    assert_eq!(looks(&log).0, [4, 400]);
}

/// systemd's journal is told at each durable write: that must not cost a walk over the history.
#[test]
fn what_was_written_last_is_found_without_the_rest() {
    let since = |log: &Log, after: u64, ids: &[u64]| {
        let shelf = Counted::new(&log.shelf);
        let ids = ids.iter().copied().collect();
        let found = entries_since(&shelf, &log.head, after, &ids).unwrap();
        let mut wanted = Vec::new();
        entries(&log.shelf, &log.head, Order::OldestFirst, &mut |entry| {
            wanted.extend((entry.sequence > after).then_some(entry));
            Ok(true)
        })
        .unwrap();
        assert_eq!(found, wanted);
        (found.len(), shelf.looks.get())
    };
    let mut log = busy();
    let grown = |log: &mut Log, id| {
        let after = log.head.sequence();
        log.begin(id);
        log.enter(id, State::Executing);
        log.enter(4, State::RollingBack);
        let found = since(log, after, &[id, 4]);
        log.enter(4, State::Committed);
        found
    };
    let (count, looks) = grown(&mut log, 9);
    assert_eq!(count, 3);
    for id in 10..310 {
        log.begin(id);
        log.enter(id, State::RolledBack);
    }
    let (count, later) = grown(&mut log, 400);
    // Two entries more of the one that goes on.
    assert_eq!((count, later), (3, looks + 2));
    let none = since(&log, log.head.sequence(), &[]);
    assert_eq!(none, (0, 0));
}
