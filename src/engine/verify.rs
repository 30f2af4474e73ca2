//! The files in quarantine against what the journal says of them. Changes nothing.

use crate::model::{FileFacts, FileKind, Progress, State, Transaction};
use crate::ports::{Presence, Quarantine, StorageError, StorageView};

/// Something that is not as it was left, and what that means for an undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `missing`, `replaced`, `changed`, `unreadable`, `manifest`.
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
    pub differences: Vec<Difference>,
}

impl Looked {
    pub fn add(&mut self, other: Looked) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.differences.extend(other.differences);
    }
}

/// Looks at everything that one transaction has in quarantine. One that is open is `recover`'s to
/// look at, and one that is closed has nothing there.
pub fn verify(
    storage: &dyn StorageView,
    quarantine: &dyn Quarantine,
    transaction: &Transaction,
    deep: bool,
) -> Looked {
    let mut looked = Looked::default();
    if !matches!(transaction.state(), State::Prepared | State::Committed) {
        return looked;
    }
    let id = transaction.id;
    let progress = transaction.progress();
    for (index, moved, stored) in transaction.files() {
        if progress.get(index) != Some(&Progress::Done) {
            continue;
        }
        looked.files += 1;
        let subject = stored.display().to_string();
        let original = moved.path.display();
        let say = |code, what: String, hint: String| Difference {
            code,
            subject: subject.clone(),
            message: format!("{what} (transaction {id}, of {original})"),
            hint,
        };
        let incomplete = format!("rollback {id} would not bring {original} back");
        let found = Presence::at(storage, &stored, &moved.facts);
        if let Ok(Presence::It(now) | Presence::Another(now)) = &found {
            looked.bytes += now.allocated;
            if deep && let Err(error) = storage.is_equal(&stored, &stored) {
                looked.differences.push(unreadable(&subject, &error));
            }
        }
        match found {
            Ok(Presence::Another(_)) => looked.differences.push(say(
                "replaced",
                format!("{} is another file than was put there", stored.display()),
                format!("{incomplete}: it takes that inode and no other"),
            )),
            Ok(Presence::It(now)) if is_changed(&now, &moved.facts) => {
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
    looked.differences.extend(manifest(quarantine, transaction));
    looked
}

/// Files that come back otherwise than they went, in words: the guest would read other data, and nobody
/// would know from the files alone.
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

/// Size and time; a folder's time changes with a look into it.
fn is_changed(found: &FileFacts, left: &FileFacts) -> bool {
    found.size != left.size
        || (found.modified != left.modified
            && found.kind == left.kind
            && found.kind == FileKind::Regular)
}

fn unreadable(subject: &str, error: &StorageError) -> Difference {
    Difference {
        code: "unreadable",
        subject: subject.to_owned(),
        message: format!("it cannot be looked at: {error}"),
        hint: "fix that, and verify again".to_owned(),
    }
}

/// The record beside the files says what the journal says.
fn manifest(quarantine: &dyn Quarantine, transaction: &Transaction) -> Option<Difference> {
    let home = &transaction.home;
    let say = |what: String| Difference {
        code: "manifest",
        subject: home.display().to_string(),
        message: format!("{what} (transaction {})", transaction.id),
        hint: "the journal has it; only a `rebuild` without the journal would miss it".to_owned(),
    };
    let record = match quarantine.record(home) {
        Ok(record) => record,
        Err(cause) => return Some(say(format!("the record beside the files: {cause}"))),
    };
    match crate::journal::manifest::read_record(&record.bytes) {
        Ok(read) if read.uuid == transaction.uuid && read.domain() == transaction.domain() => None,
        Ok(_) => Some(say(
            "the record beside the files is another transaction's".into()
        )),
        Err(error) => Some(say(format!("the record beside the files: {error}"))),
    }
}
