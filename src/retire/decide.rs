//! `commit` and `rollback` of several transactions in one command: all are looked at before the
//! first is changed, so that what can be refused is refused while nothing has been changed.

use std::path::Path;

use crate::engine::{
    self, Engine, EngineError, NotAgain, RollbackRequest, RolledBack, wrong_state,
};
use crate::model::{DomainRef, State, Transaction, TransactionId};
use crate::ports::JournalReader;

use super::Error;
use super::site::{Connected, Site, journal_of};

/// What is decided of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Commit,
    Rollback,
    Purge,
}

impl Decision {
    pub fn verb(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Rollback => "rollback",
            Self::Purge => "purge",
        }
    }

    pub fn participle(self) -> &'static str {
        match self {
            Self::Commit => "committed",
            Self::Rollback => "rolled back",
            Self::Purge => "purged",
        }
    }

    /// Whether it is for a transaction in this state. Of a stuck one it also depends on what is
    /// asked for, which [`Engine::may_roll_back`] looks at.
    fn fits(self, state: State) -> bool {
        match self {
            Self::Commit => state == State::Prepared,
            Self::Purge => matches!(state, State::Committed | State::Purging),
            Self::Rollback => {
                matches!(state, State::Prepared | State::Committed | State::Stuck)
            }
        }
    }

    /// # Errors
    /// One of them is in a state that the decision is not for.
    pub fn refuse_wrong(self, transactions: &[Transaction]) -> Result<(), Error> {
        let mut wrong = transactions.iter().filter(|one| !self.fits(one.state()));
        match wrong.next() {
            Some(wrong) => Err(wrong_state(wrong, self.participle()).into()),
            None => Ok(()),
        }
    }

    /// What another process is told that it waits for.
    pub(super) fn purpose(self, ids: &[TransactionId]) -> String {
        format!("{} {}", self.verb(), listed(ids))
    }
}

/// What became of the transactions that one command decided.
pub struct Decided {
    pub decision: Decision,
    /// Those of which it is done, in the operator's order.
    pub done: Vec<Transaction>,
    /// Why that is not all of them: each that failed. After a failure no more were begun.
    pub failed: Vec<EngineError>,
    /// The guests of those that are back, where they were to be started.
    pub started: Vec<(DomainRef, Result<(), NotAgain>)>,
}

/// Ids as a sentence lists them.
pub fn listed(ids: &[TransactionId]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ids.join(", ")
}

/// That these prepared transactions stand. Each is named once.
///
/// # Errors
/// One of them cannot be committed; nothing was changed.
pub fn commit(site: &dyn Site, ids: &[TransactionId]) -> Result<Decided, Error> {
    let decision = Decision::Commit;
    let purpose = decision.purpose(ids);
    let mut journal = journal_of(site, ids, &purpose)?;
    let wanted = read(&*journal, ids)?;
    decision.refuse_wrong(&wanted)?;
    let host = site.connect_to(made_at(&wanted)?)?;
    let world = host.world();
    let _locks = site.lock(&world, &domains(&wanted), &purpose)?;
    let mut engine = Engine::new(world, &mut *journal);
    for id in ids {
        engine.may_commit(*id)?;
    }
    site.begin()?;
    Ok(each(decision, ids, |id| {
        engine.commit(id, site.evidence(world.hypervisor.uri(), None, Vec::new()))
    }))
}

/// Everything of these transactions back where it was, in whatever order they are named: the newest
/// first, as a stack is undone, and before it what its domain stands on. `start`: and their guests
/// running, if they ran. Each is named once.
///
/// # Errors
/// One of them cannot be rolled back; nothing was changed.
pub fn rollback(
    site: &dyn Site,
    ids: &[TransactionId],
    request: &RollbackRequest,
    start: bool,
) -> Result<Decided, Error> {
    let decision = Decision::Rollback;
    let purpose = decision.purpose(ids);
    let mut journal = journal_of(site, ids, &purpose)?;
    let wanted = read(&*journal, ids)?;
    refuse_imported_among_others(&wanted)?;
    let host = host_of(site, &wanted)?;
    let world = host.world();
    let _locks = site.lock(&world, &domains(&wanted), &purpose)?;
    let mut engine = Engine::new(world, &mut *journal);
    let order = engine::order_back(&wanted);
    engine.may_roll_back(&order, request)?;
    refuse_rivals(&wanted)?;
    let by = site.evidence(world.hypervisor.uri(), None, Vec::new());
    let RolledBack { mut done, failed } = engine.rollback_all(&order, request, &by);
    // Told of in the operator's order.
    done.sort_by_key(|one| ids.iter().position(|id| *id == one.id));
    let mut decided = Decided {
        decision,
        done,
        failed,
        started: Vec::new(),
    };
    if start && decided.failed.is_empty() {
        let again = |one: &Transaction| (one.domain_now().clone(), engine.start_again(one));
        decided.started = decided.done.iter().map(again).collect();
    }
    Ok(decided)
}

/// What [`commit`] would be refused for, before anybody is asked. Nothing is held afterwards.
///
/// # Errors
/// As [`commit`]; nothing was changed.
pub fn may_commit(site: &dyn Site, ids: &[TransactionId]) -> Result<(), Error> {
    let decision = Decision::Commit;
    let mut journal = journal_of(site, ids, &decision.purpose(ids))?;
    let wanted = read(&*journal, ids)?;
    decision.refuse_wrong(&wanted)?;
    let host = site.connect_to(made_at(&wanted)?)?;
    let engine = Engine::new(host.world(), &mut *journal);
    for id in ids {
        engine.may_commit(*id)?;
    }
    Ok(())
}

/// The same of [`rollback`].
///
/// # Errors
/// As [`rollback`]; nothing was changed.
pub fn may_roll_back(
    site: &dyn Site,
    ids: &[TransactionId],
    request: &RollbackRequest,
) -> Result<(), Error> {
    let decision = Decision::Rollback;
    let mut journal = journal_of(site, ids, &decision.purpose(ids))?;
    let wanted = read(&*journal, ids)?;
    decision.refuse_wrong(&wanted)?;
    refuse_imported_among_others(&wanted)?;
    let host = host_of(site, &wanted)?;
    let engine = Engine::new(host.world(), &mut *journal);
    engine.may_roll_back(&engine::order_back(&wanted), request)?;
    refuse_rivals(&wanted)
}

fn host_of(site: &dyn Site, wanted: &[Transaction]) -> Result<Box<dyn Connected>, Error> {
    let made_at = made_at(wanted)?;
    match wanted.iter().any(Transaction::is_imported) {
        true => site.connect_if_at(made_at),
        false => site.connect_to(made_at),
    }
}

/// One after the other, until one fails.
fn each(
    decision: Decision,
    ids: &[TransactionId],
    mut decide: impl FnMut(TransactionId) -> Result<Transaction, EngineError>,
) -> Decided {
    let mut decided = Decided {
        decision,
        done: Vec::new(),
        failed: Vec::new(),
        started: Vec::new(),
    };
    for id in ids {
        match decide(*id) {
            Ok(transaction) => decided.done.push(transaction),
            Err(error) => {
                decided.failed.push(error);
                break;
            }
        }
    }
    decided
}

pub(super) fn read(
    journal: &(impl JournalReader + ?Sized),
    ids: &[TransactionId],
) -> Result<Vec<Transaction>, Error> {
    let read = ids.iter().map(|id| journal.read(*id));
    Ok(read.collect::<Result<_, _>>()?)
}

fn domains(transactions: &[Transaction]) -> Vec<DomainRef> {
    let domains = transactions.iter().map(|one| one.domain().clone());
    domains.collect()
}

/// The connection they were all made at.
fn made_at(transactions: &[Transaction]) -> Result<&str, Error> {
    let uri = |transaction| -> &str {
        let transaction: &Transaction = transaction;
        &transaction.evidence.uri
    };
    let first = transactions.first().map_or("", |first| &first.evidence.uri);
    match transactions.iter().find(|other| uri(other) != first) {
        None => Ok(first),
        Some(other) => Err(Error::Scattered {
            id: other.id,
            made_at: uri(other).to_owned(),
            others: first.to_owned(),
        }),
    }
}

fn refuse_imported_among_others(wanted: &[Transaction]) -> Result<(), Error> {
    let imported = wanted.iter().find(|transaction| transaction.is_imported());
    match imported {
        Some(transaction) if wanted.len() > 1 => Err(Error::ImportedAmongOthers(transaction.id)),
        _ => Ok(()),
    }
}

/// Two of one command that want the same name or path back would collide half way.
fn refuse_rivals(transactions: &[Transaction]) -> Result<(), Error> {
    for (index, later) in transactions.iter().enumerate() {
        for earlier in &transactions[..index] {
            let (one, other) = (earlier.domain(), later.domain());
            let what = if one.uuid == other.uuid || one.name == other.name {
                format!("domain {}", other.name)
            } else if let Some(path) = shared_path(earlier, later) {
                path.display().to_string()
            } else {
                continue;
            };
            return Err(Error::Rivals {
                earlier: earlier.id,
                later: later.id,
                what,
            });
        }
    }
    Ok(())
}

fn shared_path<'a>(one: &Transaction, other: &'a Transaction) -> Option<&'a Path> {
    other
        .taken()
        .map(|(_, taken, _)| taken.path())
        .find(|path| one.taken().any(|(_, taken, _)| taken.path() == *path))
}
