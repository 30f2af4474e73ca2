//! The failure story: the program dies between any two lines, another one runs beside it, someone
//! else may read its folder. What was acknowledged must be there, in order, once, and only for its
//! owner's eyes.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::sample::{self, BeginOne};
use virt_retire::adapters::sled_journal::{SledJournal, ViewReader, open_reader};
use virt_retire::model::*;
use virt_retire::ports::{Clock, Journal, JournalError, JournalReader};

fn private_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
    dir
}

fn entered(state: State) -> EventKind {
    EventKind::Entered { state, cause: None }
}

struct Still(jiff::Timestamp);

impl Clock for Still {
    fn uptime(&self) -> Option<virt_retire::model::Uptime> {
        None
    }

    fn now(&self) -> jiff::Timestamp {
        self.0
    }

    fn pause(&self, _: Duration) {}
}

#[test]
fn everything_comes_back_after_closing() {
    let dir = private_dir();
    let noon: jiff::Timestamp = "2026-03-01T12:00:00.5Z".parse().unwrap();
    let mut journal = crate::sample::open(dir.path())
        .unwrap()
        .with_clock(Box::new(Still(noon)));
    assert_eq!(journal.next_id().unwrap(), TransactionId(1));
    let begun = journal.begin(sample::draft()).unwrap();
    assert_eq!(begun.id, TransactionId(1));
    assert_eq!(begun.state(), State::Planned);
    let mut expected = begun;
    for kinds in [sample::kinds(), vec![], vec![entered(State::Committed)]] {
        let events = journal.append(expected.id, kinds.clone()).unwrap();
        assert_eq!(events.len(), kinds.len());
        assert!(events.iter().all(|event| event.at == noon));
        expected.events.extend(events);
    }
    assert_eq!(journal.read(expected.id).unwrap(), expected);
    drop(journal);
    let journal = crate::sample::open(dir.path()).unwrap();
    assert_eq!(journal.read(expected.id).unwrap(), expected);
    assert_eq!(journal.summaries().unwrap(), [expected.summary()]);
    let sequences: Vec<_> = expected.events.iter().map(|event| event.sequence).collect();
    // The first is the log's own entry about the beginning.
    let all: Vec<u64> = (2..2 + sequences.len() as u64).collect();
    assert_eq!(sequences, all);
}

/// Beyond the size at which sled keeps a value in a file of its own, whose loss it does not notice.
#[test]
fn a_large_definition_comes_back_and_makes_no_blob() {
    let dir = private_dir();
    let mut draft = sample::draft();
    let noise: String = (0..2_000_000u32)
        .map(|n| char::from(b' ' + (n.wrapping_mul(2_654_435_761) >> 25) as u8 % 90))
        .collect();
    draft.definition.xml = SecretXml::new(noise);
    let begun = crate::sample::open(dir.path())
        .unwrap()
        .begin(draft)
        .unwrap();
    let journal = crate::sample::open(dir.path()).unwrap();
    assert_eq!(journal.read(begun.id).unwrap(), begun);
    assert_modes(dir.path());
    let blobs = dir.path().join("journal/blobs");
    assert_eq!(fs::read_dir(blobs).unwrap().count(), 0);
}

/// A summary that shrinks leaves nothing of its longer self.
#[test]
fn a_long_reason_is_kept_whole() {
    let dir = private_dir();
    let mut journal = crate::sample::open(dir.path()).unwrap();
    let mut draft = sample::draft();
    draft.evidence.reason = Some("because ".repeat(511));
    let id = journal.begin(draft).unwrap().id;
    for state in [State::Committed, State::RollingBack, State::Committed] {
        journal.append(id, vec![entered(state)]).unwrap();
        drop(journal);
        journal = crate::sample::open(dir.path()).unwrap();
    }
    let expected = journal.read(id).unwrap().summary();
    assert_eq!(journal.summaries().unwrap(), [expected]);
}

#[test]
fn numbers_count_up_and_claims_follow_the_state() {
    let dir = private_dir();
    for id in 1..=4 {
        let mut journal = crate::sample::open(dir.path()).unwrap();
        assert_eq!(journal.next_id().unwrap(), TransactionId(id));
        assert_eq!(journal.begin(sample::draft()).unwrap().id.0, id);
    }
    let mut journal = crate::sample::open(dir.path()).unwrap();
    let claiming = |journal: &SledJournal| -> Vec<u64> {
        journal.claiming().unwrap().iter().map(|id| id.0).collect()
    };
    assert_eq!(claiming(&journal), [1, 2, 3, 4]);
    journal
        .append(TransactionId(2), vec![entered(State::Committed)])
        .unwrap();
    journal
        .append(TransactionId(3), vec![entered(State::Prepared)])
        .unwrap();
    assert_eq!(claiming(&journal), [1, 3, 4]);
    journal
        .append(TransactionId(2), vec![entered(State::RollingBack)])
        .unwrap();
    assert_eq!(claiming(&journal), [1, 2, 3, 4]);
    assert!(matches!(
        journal.append(TransactionId(5), vec![entered(State::Committed)]),
        Err(JournalError::NoSuchTransaction(TransactionId(5)))
    ));
    assert!(matches!(
        journal.read(TransactionId(0)),
        Err(JournalError::NoSuchTransaction(_))
    ));
}

fn files_below(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![path.to_owned()];
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            found.extend(files_below(&entry.unwrap().path()));
        }
    }
    found
}

fn assert_modes(state_dir: &Path) {
    for path in files_below(state_dir) {
        let found = fs::symlink_metadata(&path).unwrap();
        let wanted = if found.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(found.mode() & 0o7777, wanted, "{}", path.display());
    }
}

#[test]
fn every_file_is_the_owners_alone() {
    let dir = private_dir();
    let state = dir.path().join("made").join("when needed");
    let mut journal = crate::sample::open(&state).unwrap();
    assert_modes(&state);
    let id = journal.begin(sample::draft()).unwrap().id;
    journal.append(id, sample::kinds()).unwrap();
    assert_modes(&state);
    drop(journal);
    assert_modes(&dir.path().join("made"));
}

#[test]
fn a_folder_that_others_may_enter_is_refused_with_what_to_type() {
    let dir = private_dir();
    for mode in [0o755, 0o710, 0o701, 0o720] {
        fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
        let error = crate::sample::open(dir.path()).err().unwrap();
        assert!(matches!(error, JournalError::Folder { .. }));
        assert!(error.to_string().contains("chmod 700"), "{error}");
        let view = ViewReader::open(dir.path()).err().unwrap();
        assert!(matches!(view, JournalError::Folder { .. }));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_file_or_a_foreign_folder_is_refused() {
    let dir = private_dir();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = crate::sample::open(&file).err().unwrap();
    assert!(matches!(error, JournalError::Folder { .. }), "{error}");

    let foreign = dir.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::set_permissions(&foreign, Permissions::from_mode(0o700)).unwrap();
    // Only root can give a folder away.
    if std::os::unix::fs::chown(&foreign, Some(65534), None).is_ok() {
        let error = crate::sample::open(&foreign).err().unwrap();
        assert!(error.to_string().contains("65534"), "{error}");
    }

    let private = dir.path().join("private");
    fs::create_dir(&private).unwrap();
    fs::set_permissions(&private, Permissions::from_mode(0o700)).unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&private, &link).unwrap();
    crate::sample::open(&link).unwrap();
}

/// One durable write for many: all of it, in order, and each transaction's own summary follows.
#[test]
fn an_append_takes_several_transactions() {
    let dir = private_dir();
    let mut journal = crate::sample::open(dir.path()).unwrap();
    let first = journal.begin(sample::draft()).unwrap().id;
    let second = journal.begin(sample::draft()).unwrap().id;
    let events = journal
        .append_all(vec![
            (first, vec![entered(State::Executing)]),
            (second, vec![entered(State::Executing)]),
            (first, Vec::new()),
            (first, vec![entered(State::Prepared), sample::held()]),
        ])
        .unwrap();
    let counts: Vec<usize> = events.iter().map(Vec::len).collect();
    assert_eq!(counts, [1, 1, 0, 2]);
    let nobody = journal.append_all(vec![
        (first, vec![entered(State::Committed)]),
        (TransactionId(9), vec![entered(State::Committed)]),
    ]);
    assert!(matches!(
        nobody,
        Err(JournalError::NoSuchTransaction(TransactionId(9)))
    ));
    let shown = ViewReader::open(dir.path()).unwrap().unwrap();
    for id in [first, second] {
        assert_eq!(shown.read(id).unwrap().unwrap(), journal.read(id).unwrap());
    }
    drop(journal);
    let journal = crate::sample::open(dir.path()).unwrap();
    let states: Vec<State> = journal
        .summaries()
        .unwrap()
        .iter()
        .map(|it| it.state)
        .collect();
    assert_eq!(states, [State::Prepared, State::Executing]);
    assert_eq!(journal.read(first).unwrap().events.len(), 3);
}

#[test]
fn others_look_on_while_one_writes() {
    let dir = private_dir();
    let mut journal = crate::sample::open(dir.path()).unwrap();
    let reader = || open_reader(dir.path(), Duration::from_millis(300), "show", &mut |_| {});
    // Nothing is published by who only looks: the reader waits, and is told so.
    assert!(matches!(reader(), Err(JournalError::Held { .. })));
    let first = journal.begin(sample::draft()).unwrap();
    drop(journal);
    let mut journal = crate::sample::open(dir.path()).unwrap();
    // Not yet published by this holder; the view of the one before goes as far as the journal.
    assert_eq!(
        reader().unwrap().summaries().unwrap(),
        journal.summaries().unwrap()
    );
    let second = journal.begin(sample::draft()).unwrap();
    for kind in sample::kinds() {
        journal.append(second.id, vec![kind]).unwrap();
        let view = reader().unwrap();
        assert!(view.is_view());
        assert_eq!(view.summaries().unwrap(), journal.summaries().unwrap());
        for id in [first.id, second.id] {
            assert_eq!(view.read(id).unwrap(), journal.read(id).unwrap());
        }
    }
    assert!(matches!(
        reader().unwrap().read(TransactionId(3)),
        Err(JournalError::NoSuchTransaction(_))
    ));
    // A view that lost its end is no view.
    let list = dir.path().join("view/list");
    let length = fs::metadata(&list).unwrap().len();
    fs::OpenOptions::new()
        .write(true)
        .open(&list)
        .unwrap()
        .set_len(length - 1)
        .unwrap();
    assert!(matches!(reader(), Err(JournalError::Held { .. })));
    drop(journal);
    let free = reader().unwrap();
    assert!(!free.is_view());
    assert_eq!(free.summaries().unwrap().len(), 2);
}

/// What one durable append costs, for the record: `cargo test --release -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn measure_an_append() {
    let dir = private_dir();
    let mut journal = crate::sample::open(dir.path()).unwrap();
    let id = journal.begin(sample::draft()).unwrap().id;
    let intent = EventKind::Intent {
        step: 3,
        direction: Direction::Forward,
    };
    for (name, kind) in [("intent", intent), ("state", entered(State::Executing))] {
        let before = Instant::now();
        for _ in 0..500 {
            journal.append(id, vec![kind.clone()]).unwrap();
        }
        println!("{name}: {:?} an append", before.elapsed() / 500);
    }
    drop(journal);
    let before = Instant::now();
    crate::sample::open(dir.path()).unwrap();
    println!("open with 1001 entries: {:?}", before.elapsed());
}
