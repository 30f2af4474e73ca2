//! Holds: while a transaction has one, nothing purges it. They change records alone, so that
//! neither libvirt nor a file is asked.

use crate::model::{EventKind, Evidence, State, Transaction, TransactionId, Verb};
use crate::ports::Journal;

use super::decide::{decided, wrong_state};
use super::error::EngineError;

/// What a hold is called whose operator gave it no name.
const UNNAMED: &str = "hold";

/// Holds these transactions back from purge: all of them, or none.
///
/// # Errors
/// One of them has nothing in quarantine ([`EngineError::WrongState`]), or a hold of that name
/// already. Nothing was changed.
pub fn hold(
    journal: &mut dyn Journal,
    ids: &[TransactionId],
    name: Option<&str>,
    by: &Evidence,
) -> Result<Vec<Transaction>, EngineError> {
    let mut additions = Vec::new();
    for id in ids {
        let transaction = journal.read(*id)?;
        if !can_be_held(transaction.state()) {
            return Err(wrong_state(&transaction, "held"));
        }
        let holds = transaction.holds();
        let is_taken = |name: &str| holds.iter().any(|hold| hold.name == name);
        let name = match name {
            Some(name) if is_taken(name) => {
                return Err(EngineError::HoldTaken {
                    id: *id,
                    name: name.to_owned(),
                });
            }
            Some(name) => name.to_owned(),
            None => {
                let mut number = 1;
                let mut free = UNNAMED.to_owned();
                while is_taken(&free) {
                    number += 1;
                    free = format!("{UNNAMED}-{number}");
                }
                free
            }
        };
        let held = EventKind::Held {
            name,
            reason: by.reason.clone().unwrap_or_default(),
            user: by.name().to_owned(),
        };
        additions.push((*id, vec![decided(Verb::Hold, by.clone()), held]));
    }
    append(journal, ids, additions)
}

/// Takes one hold away from each of these transactions. Without a name it is the only one that
/// there is, or the one that was given no name.
///
/// # Errors
/// One of them has no such hold, or several of which none is meant. Nothing was changed.
pub fn release(
    journal: &mut dyn Journal,
    ids: &[TransactionId],
    name: Option<&str>,
    by: &Evidence,
) -> Result<Vec<Transaction>, EngineError> {
    let mut additions = Vec::new();
    for id in ids {
        let transaction = journal.read(*id)?;
        let names: Vec<String> = transaction.holds().into_iter().map(|it| it.name).collect();
        let meant = match (name, &names[..]) {
            (None, [only]) => Some(only),
            (None, _) => names.iter().find(|it| *it == UNNAMED),
            (Some(name), _) => names.iter().find(|it| *it == name),
        };
        let Some(meant) = meant.cloned() else {
            return Err(EngineError::NoSuchHold {
                id: *id,
                name: name.map(str::to_owned),
                names,
            });
        };
        let released = EventKind::Released {
            name: meant,
            user: by.name().to_owned(),
        };
        additions.push((*id, vec![decided(Verb::Release, by.clone()), released]));
    }
    append(journal, ids, additions)
}

/// Whether there is something, or may be, that a purge could take.
fn can_be_held(state: State) -> bool {
    !matches!(state, State::RolledBack | State::Purging | State::Purged)
}

fn append(
    journal: &mut dyn Journal,
    ids: &[TransactionId],
    additions: Vec<(TransactionId, Vec<EventKind>)>,
) -> Result<Vec<Transaction>, EngineError> {
    journal.append_all(additions)?;
    ids.iter().map(|id| Ok(journal.read(*id)?)).collect()
}
