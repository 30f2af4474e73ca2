//! The failure story: one byte of the journal is not the one that was written, and `verify` says
//! that all is well while `list`, `show`, `log` or an export tells another story than before.
//! Either it is found, or no answer changes.
//!
//! Every so many bytes here; `make sweep` tries each one.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::sample::{self, BeginOne};
use virt_retire::adapters::sled_journal::{SledJournal, ViewReader};
use virt_retire::journal::lines::Part;
use virt_retire::model::*;
use virt_retire::ports::{Journal, JournalError, JournalReader, Log};

/// Of each file, unless every byte is asked for.
const POSITIONS: usize = 90;
/// Long beyond what this small journal needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// All that anybody can ask.
#[derive(Debug, PartialEq)]
struct Answers {
    list: Vec<Summary>,
    show: Vec<Transaction>,
    log: Vec<LogEntry>,
    newest_first: Vec<LogEntry>,
    export: Vec<Part>,
    checkpoint: String,
    next: TransactionId,
    claiming: Vec<TransactionId>,
}

fn ask(journal: &SledJournal) -> Result<Answers, JournalError> {
    let log = |order| {
        let mut log = Vec::new();
        journal.log(order, &mut |entry| {
            log.push(entry);
            Ok(true)
        })?;
        Ok(log)
    };
    let mut export = Vec::new();
    journal.export(&mut |part| {
        export.push(part);
        Ok(())
    })?;
    let list = journal.summaries()?;
    Ok(Answers {
        show: read_all(journal, &list)?,
        list,
        log: log(Order::OldestFirst)?,
        newest_first: log(Order::NewestFirst)?,
        export,
        checkpoint: journal.checkpoint().text(),
        next: journal.next_id()?,
        claiming: journal.claiming()?,
    })
}

fn read_all(journal: &SledJournal, list: &[Summary]) -> Result<Vec<Transaction>, JournalError> {
    list.iter().map(|line| journal.read(line.id)).collect()
}

fn private(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
}

/// In memory, where the machine has that: what is asked here is nothing that a disk answers.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir());
    let made = made.unwrap();
    private(made.path());
    made
}

/// A journal with one transaction of each kind of record: folded, folded and held again since,
/// waiting in quarantine, open, and with pieces; and an event of none of them.
fn journal() -> tempfile::TempDir {
    let state = folder();
    let mut journal = sample::open(state.path()).unwrap();
    let entered = |state| EventKind::Entered { state, cause: None };
    let lives: [&[State]; 5] = [
        &[State::Executing, State::RolledBack],
        &[State::Executing, State::Committed, State::Purged],
        &[State::Executing, State::Prepared, State::Committed],
        &[State::Executing, State::Prepared],
        &[State::Executing],
    ];
    for (life, number) in lives.into_iter().zip(1..) {
        let mut draft = sample::draft();
        draft.uuid = sample::uuid(number);
        if life == [State::Executing] {
            draft.definition.xml = SecretXml::new("<!-- long -->".repeat(1000));
        }
        let id = journal.begin(draft).unwrap().id;
        for state in life {
            journal.append(id, vec![entered(*state)]).unwrap();
        }
    }
    journal
        .append(TransactionId(2), vec![sample::held()])
        .unwrap();
    journal
        .notice(Notice {
            topic: Topic::Policy,
            text: "vda: keep".into(),
            domain: None,
            by: sample::evidence(),
        })
        .unwrap();
    drop(journal);
    state
}

/// A journal whose transactions are all closed, and in one block but for the last.
fn blocked() -> tempfile::TempDir {
    let state = folder();
    let mut journal = sample::open(state.path()).unwrap();
    let entered = |state| EventKind::Entered { state, cause: None };
    let drafts = (1..=65).map(|number| {
        let mut draft = sample::draft();
        draft.uuid = sample::uuid(number);
        (
            draft,
            vec![entered(State::Executing), entered(State::RolledBack)],
        )
    });
    journal.begin_all(drafts.collect()).unwrap();
    drop(journal);
    state
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// Below `folder` of the state folder; the lock has nothing in it that anybody reads.
fn files(state: &Path, folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(state.join(folder)).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() && entry.file_name() != "lock" {
            found.push(Path::new(folder).join(entry.file_name()));
        }
    }
    found.sort();
    found
}

/// Where in a file to flip: evenly over what is written there, not over sled's wide empty spaces.
fn positions(path: &Path) -> Vec<u64> {
    let bytes = fs::read(path).unwrap();
    let written: Vec<u64> = (0..bytes.len() as u64)
        .filter(|at| bytes[*at as usize] != 0)
        .collect();
    let is_full = std::env::var("VIRT_RETIRE_SWEEP").is_ok_and(|how| how == "full");
    let step = match is_full {
        true => 1,
        false => (written.len() / POSITIONS).max(1),
    };
    written.into_iter().step_by(step).collect()
}

/// Calls `look` for each flip of `names`, on a thread of its own so that a hang shows, with a copy
/// that has it; counts what it found.
fn flipped(
    state: &Path,
    names: &[PathBuf],
    look: impl Fn(&Path) -> Result<bool, String> + Send + Sync + Clone + 'static,
) -> (usize, usize) {
    let flips: Vec<(&PathBuf, u64)> = (names.iter())
        .flat_map(|name| {
            positions(&state.join(name))
                .into_iter()
                .map(move |at| (name, at))
        })
        .collect();
    let (next, found) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while let Some((name, at)) = flips.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let scratch = folder();
                    copy(state, scratch.path());
                    flip(&scratch.path().join(name), *at);
                    let (send, receive) = mpsc::channel();
                    let (look, path) = (look.clone(), scratch.path().to_owned());
                    std::thread::spawn(move || send.send(look(&path)));
                    let what = format!("{} bit {} of byte {at}", name.display(), at % 8);
                    match receive.recv_timeout(PATIENCE) {
                        Ok(Ok(is_found)) => {
                            found.fetch_add(usize::from(is_found), Ordering::Relaxed)
                        }
                        Ok(Err(cause)) => panic!("{what}: {cause}"),
                        Err(error) => panic!("{what}: {error}"),
                    };
                }
            });
        }
    });
    (flips.len(), found.into_inner())
}

fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = file.unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << (at % 8))], at).unwrap();
}

#[test]
fn every_flipped_byte_is_found_or_changes_no_answer() {
    flips_are_found_or_change_nothing(journal().path(), [5, 2]);
}

#[test]
fn so_is_every_flipped_byte_of_a_block() {
    flips_are_found_or_change_nothing(blocked().path(), [65, 0]);
}

/// `kinds`: how many transactions there are, and how many of them claim something.
fn flips_are_found_or_change_nothing(state: &Path, wanted: [usize; 2]) {
    let original = {
        let whole = folder();
        copy(state, whole.path());
        std::sync::Arc::new(ask(&sample::open(whole.path()).unwrap()).unwrap())
    };
    let kinds: Vec<usize> = [&original.list.len(), &original.claiming.len()]
        .map(|it| *it)
        .into();
    assert_eq!(kinds, wanted, "the sample is not what it says");
    let mut names = files(state, "journal");
    names.extend(files(state, ""));
    assert!(names.iter().any(|name| name.ends_with("journal.head")));
    let (tried, found) = flipped(state, &names, move |state| {
        let journal = match sample::open(state) {
            Ok(journal) => journal,
            Err(JournalError::Damaged { .. } | JournalError::Newer { .. }) => return Ok(true),
            Err(error) => return Err(error.to_string()),
        };
        let findings = match journal.check(&[], &mut |_, _| {}) {
            Ok(checked) => checked.findings,
            Err(error) => return Err(error.to_string()),
        };
        match ask(&journal) {
            _ if !findings.is_empty() => Ok(true),
            Ok(answers) if answers == *original => Ok(false),
            Ok(answers) => Err(format!(
                "verify finds nothing, and the answers are {answers:#?}"
            )),
            Err(error) => Err(format!("verify finds nothing, and then: {error}")),
        }
    });
    assert!(
        found * 3 > tried,
        "only {found} of {tried}: this tests nothing"
    );
}

/// What those are shown who look on while another command holds the journal.
#[test]
fn a_flipped_byte_of_the_view_changes_no_answer() {
    let state = journal();
    let state = state.path();
    let transactions = |view: &ViewReader, list: &[Summary]| {
        let read = list.iter().map(|line| view.read(line.id));
        read.collect::<Result<Vec<_>, _>>()
            .map_err(|it| it.to_string())
    };
    let view = ViewReader::open(state).unwrap().unwrap();
    let list = view.summaries().unwrap();
    let show = transactions(&view, &list).unwrap();
    assert!(list.len() == 5 && show.iter().all(Option::is_some));
    let (tried, found) = flipped(state, &files(state, "view"), move |state| {
        let Some(view) = ViewReader::open(state).map_err(|it| it.to_string())? else {
            return Ok(true);
        };
        if view.summaries().is_some_and(|it| it != list) {
            return Err("the list has changed".into());
        }
        // What the view does not have is asked of the journal.
        let shown = transactions(&view, &list)?;
        let has_changed = |(now, then): (&Option<Transaction>, &Option<Transaction>)| {
            now.is_some() && now != then
        };
        match shown.iter().zip(&show).any(has_changed) {
            true => Err(format!("a transaction has changed: {shown:#?}")),
            false => Ok(shown != show),
        }
    });
    assert!(
        found * 3 > tried,
        "only {found} of {tried}: this tests nothing"
    );
}
