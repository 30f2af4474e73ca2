//! What waits in quarantine against what the journal says of it. Changes nothing.

mod beside;
mod log;

pub use log::{lacks_checkpoint, log_is_damaged};

use crate::model::{DigestKind, FileKind, Progress, State, Transaction, TransactionId};
use crate::ports::{JournalError, JournalReader, Presence, Quarantine, StorageError, StorageView};

use super::keepers::{finder, is_changed};

/// Something that is not as it was left, and what that means for an undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `missing`, `replaced`, `changed`, `unreadable`, `manifest`, `foreign`; of the log itself
    /// `log` and `checkpoint`.
    pub code: &'static str,
    pub subject: String,
    pub message: String,
    pub hint: String,
}

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Looked {
    pub files: u64,
    /// Allocated, of the files that are there.
    pub bytes: u64,
    /// Files that were read whole and are what their digest says.
    pub proved: u64,
    /// Files that were read whole, and of which no digest was taken: nobody can tell whether their
    /// bytes are the same.
    pub unproved: u64,
    pub differences: Vec<Difference>,
}

impl Looked {
    pub fn add(&mut self, other: Looked) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.proved += other.proved;
        self.unproved += other.unproved;
        self.differences.extend(other.differences);
    }
}

/// Looks at everything that these transactions have in quarantine; without any, at that of all that
/// can be restored, oldest first.
///
/// # Errors
/// One that was named cannot be read. What is wrong with another one's record is the log's finding.
pub fn verify_all(
    storage: &dyn StorageView,
    quarantine: &dyn Quarantine,
    journal: &dyn JournalReader,
    ids: &[TransactionId],
    mut read: Option<&mut dyn FnMut(u64)>,
) -> Result<Looked, JournalError> {
    let mut wanted = ids.to_vec();
    if ids.is_empty() {
        journal.newest(&mut |summary| {
            wanted.extend(summary.state.is_restorable().then_some(summary.id));
            Ok(true)
        })?;
        wanted.reverse();
    }
    let mut looked = Looked::default();
    for id in wanted {
        match journal.read(id) {
            Ok(transaction) => {
                // Reborrowed for each.
                let read: Option<&mut dyn FnMut(u64)> = match &mut read {
                    Some(read) => Some(*read),
                    None => None,
                };
                looked.add(verify(storage, quarantine, &transaction, read));
            }
            Err(error) if ids.contains(&id) => return Err(error),
            Err(_) => {}
        }
    }
    Ok(looked)
}

/// Looks at everything that one transaction has in quarantine. One that is open is `recover`'s to
/// look at, and one that is closed has nothing there. With `read` every file is read whole, and it
/// is told how many bytes that were.
pub fn verify(
    storage: &dyn StorageView,
    quarantine: &dyn Quarantine,
    transaction: &Transaction,
    mut read: Option<&mut dyn FnMut(u64)>,
) -> Looked {
    let mut looked = Looked::default();
    if !matches!(transaction.state(), State::Prepared | State::Committed) {
        return looked;
    }
    let id = transaction.id;
    let progress = transaction.progress();
    for (index, taken, stored) in transaction.taken() {
        if progress.get(index) != Some(&Progress::Done) {
            continue;
        }
        looked.files += 1;
        let subject = stored.display().to_string();
        let original = taken.path().display();
        let say = |code, what: String, hint: String| Difference {
            code,
            subject: subject.clone(),
            message: format!("{what} (transaction {id}, of {original})"),
            hint,
        };
        let incomplete = format!("rollback {id} would not bring {original} back");
        let finder = finder(storage, taken, taken.path(), &stored);
        let found = finder.waiting();
        if let Ok(Presence::It(now) | Presence::Another(now)) = &found {
            looked.bytes += now.allocated;
        }
        if let (Some(read), Ok(Presence::It(_))) = (&mut read, &found) {
            let digest = transaction.digest(index).map(|digest| digest.kind);
            match finder.read(digest.unwrap_or(DigestKind::Blake3), *read) {
                Ok(now) => match (transaction.digest(index), now) {
                    (Some(then), Some(now)) if now == then.hex => looked.proved += 1,
                    (Some(then), Some(now)) => looked.differences.push(say(
                        "changed",
                        format!(
                            "{} does not hold the bytes that were put there: it was {then}, and is \
                             {}:{now}",
                            stored.display(),
                            then.kind.word()
                        ),
                        format!("rollback {id} would bring {original} back as it is now"),
                    )),
                    _ => looked.unproved += 1,
                },
                Err(error) => looked.differences.push(unreadable(&subject, &error)),
            }
        }
        match found {
            Ok(Presence::Another(_)) => looked.differences.push(say(
                "replaced",
                format!("{} is another file than was put there", stored.display()),
                format!("{incomplete}: it takes that inode and no other"),
            )),
            Ok(Presence::It(now)) if now.is_changed => {
                looked.differences.push(say(
                    "changed",
                    format!("{} was written to since", stored.display()),
                    format!("rollback {id} would bring {original} back as it is now"),
                ));
            }
            Ok(Presence::It(_)) => {}
            Ok(Presence::Nothing) => looked.differences.push(say(
                "missing",
                format!("{} is gone", stored.display()),
                incomplete,
            )),
            Err(error) => looked.differences.push(unreadable(&subject, &error)),
        }
    }
    let beside = beside::differences(storage, quarantine, transaction);
    looked.differences.extend(beside);
    looked
}

/// Files that come back otherwise than they went, in words: the guest would read other data, and
/// nobody would know from the files alone.
pub(super) fn written_to(
    storage: &dyn StorageView,
    transaction: &Transaction,
) -> Result<Vec<String>, StorageError> {
    let mut told = Vec::new();
    for (_, moved, stored) in transaction.files() {
        if let Presence::It(found) = Presence::at(storage, &stored, &moved.facts)?
            && found.kind == FileKind::Regular
            && is_changed(&found, &moved.facts)
        {
            told.push(format!(
                "{} was written to while it waited in quarantine, and comes back as it is now",
                moved.path.display()
            ));
        }
    }
    Ok(told)
}

fn unreadable(subject: &str, error: &StorageError) -> Difference {
    Difference {
        code: "unreadable",
        subject: subject.to_owned(),
        message: format!("it cannot be looked at: {error}"),
        hint: "fix that, and verify again".to_owned(),
    }
}
