//! The failure story: a disk returns other bytes than were written, a restore brings back half a
//! folder, an intruder edits the log. sled answers some of that with panics and some with silence.
//! The journal must say "damaged", or still have every record; never panic, never hang, and never
//! quietly go on with less.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use crate::sample::{self, BeginOne};
use virt_retire::journal::envelope;
use virt_retire::model::{EventKind, State, Transaction, TransactionId};
use virt_retire::ports::{Journal, JournalError, JournalReader};

/// Positions tried in each file, unless the environment asks for more.
fn tries() -> usize {
    let asked = std::env::var("VIRT_RETIRE_TEST_POSITIONS").ok();
    asked.and_then(|number| number.parse().ok()).unwrap_or(60)
}

/// Long beyond what any of the small journals here needs.
const PATIENCE: Duration = Duration::from_secs(120);

struct Sample {
    dir: tempfile::TempDir,
    transactions: Vec<Transaction>,
}

fn entered(state: State) -> EventKind {
    EventKind::Entered { state, cause: None }
}

impl Sample {
    /// A closed journal of three transactions, one of them long.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        for round in 0..3 {
            let mut journal = crate::sample::open(dir.path()).unwrap();
            let mut draft = sample::draft();
            if round == 1 {
                let long = "<!-- long -->".repeat(40_000);
                draft.definition.xml = virt_retire::model::SecretXml::new(long);
            }
            let id = journal.begin(draft).unwrap().id;
            journal.append(id, sample::kinds()).unwrap();
            journal.append(id, vec![entered(State::Committed)]).unwrap();
        }
        let journal = crate::sample::open(dir.path()).unwrap();
        let transactions = (1..=3)
            .map(|id| journal.read(TransactionId(id)).unwrap())
            .collect();
        drop(journal);
        Self { dir, transactions }
    }

    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        fs::set_permissions(copy.path(), Permissions::from_mode(0o700)).unwrap();
        copy_below(self.dir.path(), copy.path());
        copy
    }

    /// The files whose loss or change must be noticed: not the lock, not the view.
    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![PathBuf::from("journal"), PathBuf::from("journal/blobs")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(self.dir.path().join(&folder)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    found.push(folder.join(entry.file_name()));
                }
            }
        }
        found.push("journal.head".into());
        found
    }

    /// Opens what is at `state` and reads all of it, on a thread of its own so that a hang shows.
    fn look(&self, state: &Path, what: &str) -> Option<JournalError> {
        let (send, receive) = mpsc::channel();
        let state = state.to_owned();
        std::thread::spawn(move || {
            let found = crate::sample::open(&state).and_then(|journal| {
                let summaries = journal.summaries()?;
                summaries
                    .iter()
                    .map(|summary| journal.read(summary.id))
                    .collect::<Result<Vec<_>, _>>()
            });
            let _ = send.send(found);
        });
        let found = receive
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        match found {
            Ok(transactions) => {
                assert_eq!(transactions, self.transactions, "{what}: quietly changed");
                None
            }
            Err(error @ (JournalError::Damaged { .. } | JournalError::Newer { .. })) => Some(error),
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

fn copy_below(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy_below(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// Where in a file to try: evenly over what is written there, not over sled's wide empty spaces.
fn positions(path: &Path) -> Vec<u64> {
    let bytes = fs::read(path).unwrap();
    let written: Vec<u64> = (0..bytes.len() as u64)
        .filter(|at| bytes[*at as usize] != 0)
        .collect();
    let step = (written.len() / tries()).max(1);
    written.into_iter().step_by(step).collect()
}

#[test]
fn every_cut_is_noticed_or_harmless() {
    let sample = Sample::new();
    let mut noticed = 0;
    for name in sample.files() {
        let path = sample.dir.path().join(&name);
        let length = fs::metadata(&path).unwrap().len();
        for at in positions(&path) {
            let copy = sample.copy();
            let file = OpenOptions::new().write(true).open(copy.path().join(&name));
            file.unwrap().set_len(at).unwrap();
            let what = format!("{} cut to {at} of {length}", name.display());
            noticed += usize::from(sample.look(copy.path(), &what).is_some());
        }
    }
    assert!(noticed > 20, "only {noticed}: the loop tests nothing");
}

#[test]
fn every_missing_or_zeroed_file_is_noticed_or_harmless() {
    let sample = Sample::new();
    for name in sample.files() {
        let copy = sample.copy();
        let path = copy.path().join(&name);
        let length = fs::metadata(&path).unwrap().len() as usize;
        fs::remove_file(&path).unwrap();
        sample.look(copy.path(), &format!("{} missing", name.display()));

        let copy = sample.copy();
        fs::write(copy.path().join(&name), vec![0; length]).unwrap();
        sample.look(copy.path(), &format!("{} zeroed", name.display()));
    }
    let copy = sample.copy();
    fs::remove_dir_all(copy.path().join("journal")).unwrap();
    let error = sample.look(copy.path(), "no journal").unwrap();
    assert!(error.to_string().contains("3 transactions"), "{error}");
    // It says so again, and has not begun an empty one meanwhile.
    assert!(sample.look(copy.path(), "still no journal").is_some());

    let copy = sample.copy();
    fs::remove_file(copy.path().join("journal.head")).unwrap();
    assert!(sample.look(copy.path(), "no watermark").is_some());
}

/// A journal restored from an older backup is whole from inside; only the watermark knows.
#[test]
fn an_older_journal_under_a_newer_watermark_is_noticed() {
    let sample = Sample::new();
    let older = sample.copy();
    let mut journal = crate::sample::open(sample.dir.path()).unwrap();
    journal
        .append(TransactionId(3), vec![sample::held()])
        .unwrap();
    drop(journal);
    fs::copy(
        sample.dir.path().join("journal.head"),
        older.path().join("journal.head"),
    )
    .unwrap();
    let error = sample.look(older.path(), "older").unwrap();
    assert!(error.to_string().contains("records are missing"), "{error}");
}

/// A crash between the journal's barrier and the watermark.
#[test]
fn a_watermark_behind_the_journal_is_fine_and_catches_up() {
    let mut sample = Sample::new();
    let behind = fs::read(sample.dir.path().join("journal.head")).unwrap();
    let mut journal = crate::sample::open(sample.dir.path()).unwrap();
    let id = journal.begin(sample::draft()).unwrap().id;
    sample.transactions.push(journal.read(id).unwrap());
    drop(journal);
    let path = sample.dir.path().join("journal.head");
    fs::write(&path, behind).unwrap();
    assert!(sample.look(sample.dir.path(), "behind").is_none());
    // A torn slot: the other one answers.
    for slot in [0, 4096] {
        let copy = sample.copy();
        let file = OpenOptions::new()
            .write(true)
            .open(copy.path().join("journal.head"));
        file.unwrap().write_all_at(b"torn", slot + 20).unwrap();
        let what = format!("slot at {slot} torn");
        assert!(sample.look(copy.path(), &what).is_none());
    }
}

/// sled was killed while it wrote its snapshot: a file that it later takes for damage.
#[test]
fn an_unfinished_snapshot_is_no_damage() {
    let sample = Sample::new();
    let mut snapshots = sample.files().into_iter().filter(|name| {
        let name = name.file_name().unwrap().to_string_lossy();
        name.starts_with("snap.")
    });
    let snapshot = snapshots.next().unwrap();
    let whole = fs::read(sample.dir.path().join(&snapshot)).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len() - 1, whole.len()] {
        for name in ["snap.0000000000000001", "snap.7000000000000000"] {
            let copy = sample.copy();
            let unfinished = format!("journal/{name}.generating");
            fs::write(copy.path().join(unfinished), &whole[..length]).unwrap();
            let what = format!("{name} cut to {length}");
            assert!(sample.look(copy.path(), &what).is_none(), "{what}");
        }
    }
}

/// Whoever edits a record and seals it again still breaks the chain. sled is opened from outside
/// the adapter here, as an intruder would.
#[test]
fn an_edited_log_shows() {
    let sample = Sample::new();
    let edit = |tree: &str, change: &dyn Fn(&sled::Tree)| {
        let copy = sample.copy();
        let db = sled::open(copy.path().join("journal")).unwrap();
        change(&db.open_tree(tree).unwrap());
        db.flush().unwrap();
        drop(db);
        copy
    };
    // The key without the number of the piece, and the pieces' keys.
    let nth = |tree: &sled::Tree, at: usize| {
        let mut keys: Vec<_> = tree.iter().keys().map(|key| key.unwrap()).collect();
        keys.retain(|key| key.ends_with(&[0; 4]));
        let prefix = keys[at][..keys[at].len() - 4].to_vec();
        let pieces = tree.scan_prefix(&prefix).map(|item| item.unwrap());
        pieces.collect::<Vec<_>>()
    };
    let reseal = |tree: &sled::Tree, at: usize| {
        let pieces = nth(tree, at);
        let value: Vec<u8> = pieces
            .iter()
            .flat_map(|(_, piece)| piece.to_vec())
            .collect();
        let sealed = envelope::open(&value).unwrap();
        let mut payload = sealed.payload.to_vec();
        // Within a word, where the record still decodes.
        let last = payload.len() - 1;
        payload[last] ^= 1;
        let value = envelope::seal(sealed.kind, sealed.version, &payload);
        let mut rest = value.as_slice();
        for (key, piece) in pieces {
            let (this, after) = rest.split_at(piece.len());
            tree.insert(key, this).unwrap();
            rest = after;
        }
    };
    let remove = |tree: &sled::Tree, at: usize| {
        for (key, _) in nth(tree, at) {
            tree.remove(key).unwrap();
        }
    };
    // All three were purged once, which folded them; what came after stands apart.
    for tree in ["sealed", "events", "summaries"] {
        for at in 0..3 {
            let copy = edit(tree, &|tree| reseal(tree, at));
            let what = format!("{tree} {at} edited");
            assert!(sample.look(copy.path(), &what).is_some(), "{what}");
            let copy = edit(tree, &|tree| remove(tree, at));
            let what = format!("{tree} {at} removed");
            assert!(sample.look(copy.path(), &what).is_some(), "{what}");
        }
    }
    let copy = edit("claims", &|tree| {
        tree.insert(1u64.to_be_bytes(), &[]).unwrap();
    });
    assert!(sample.look(copy.path(), "a claim made up").is_some());

    // A newer program was here: that is no damage.
    let copy = edit("meta", &|tree| {
        let newer = envelope::seal(envelope::Kind::Format as u16, 3, b"who knows");
        tree.insert("format", newer).unwrap();
    });
    let error = sample.look(copy.path(), "newer").unwrap();
    assert!(
        matches!(
            error,
            JournalError::Newer {
                found: 3,
                known: 2,
                ..
            }
        ),
        "{error}"
    );
}
