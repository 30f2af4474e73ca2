//! Law 5 at the moment of truth: who has taken up the files of a retirement since its plan was
//! made.
//!
//! A plan's survey is old the moment it is made. The engine itself looks again, so that no caller
//! can leave it out: at each move who has the file open (`steps::files`), and here, before files
//! are moved without a survey and after the last move, which domains and images name them.

use std::path::PathBuf;

use uuid::Uuid;

use crate::model::{
    EventKind, Fate, FileRole, Progress, Refusal, RefusalCode, Step, Taken, Transaction, User,
};
use crate::ports::Presence;
use crate::survey::{As, Leaving, SurveyError, newcomers};

use super::World;
use super::error::{EngineError, Failure};
use super::keepers::finder;

/// A file that somebody else uses by now.
pub(super) struct Claimed {
    pub step: usize,
    pub path: PathBuf,
    pub users: Vec<User>,
}

impl Claimed {
    /// As a note and a refusal have it.
    pub(super) fn phrase(&self) -> String {
        in_use(&self.path, &self.users)
    }

    fn refusal(&self, hint: &str) -> Refusal {
        Refusal {
            code: RefusalCode::InUse,
            subject: self.path.display().to_string(),
            message: format!("{} since the plan was made", self.phrase()),
            hint: hint.to_owned(),
        }
    }
}

/// `/path is in use: disk vda of domain web`.
pub(super) fn in_use(path: &std::path::Path, users: &[User]) -> String {
    /// Beyond this a list tells nobody anything.
    const MOST: usize = 8;
    let mut named: Vec<String> = users.iter().take(MOST).map(User::phrase).collect();
    if users.len() > MOST {
        named.push(format!("and {} more", users.len() - MOST));
    }
    format!("{} is in use: {}", path.display(), named.join(", "))
}

/// Every file of these retirements that a domain or an image names by now, as if all of them were
/// still where they came from.
pub(super) fn claimed(
    world: &World,
    transactions: &[&Transaction],
) -> Result<Vec<Claimed>, Failure> {
    find(world, transactions, As::BeforeTheMoves)
}

/// The same as a refusal of all of them.
pub(super) fn refuse_claimed(
    world: &World,
    transactions: &[&Transaction],
    hint: &str,
) -> Result<(), EngineError> {
    let claimed = claimed(world, transactions)?;
    let refusals: Vec<Refusal> = claimed.iter().map(|one| one.refusal(hint)).collect();
    match refusals.is_empty() {
        true => Ok(()),
        false => Err(EngineError::Refused { refusals }),
    }
}

/// Files of each of these that somebody uses where they wait in quarantine: to bring them back
/// would take them away.
pub(super) fn used_in_quarantine(
    world: &World,
    transactions: &[&Transaction],
) -> Result<Vec<Vec<Claimed>>, Failure> {
    let found = find_each(world, transactions, As::TheyAre)?;
    let mut all = Vec::new();
    for (transaction, found) in transactions.iter().zip(found) {
        let mut waiting = Vec::new();
        for one in found {
            // At home it is what the way back leaves alone.
            if let Some(stored) = transaction.stored(one.step)
                && world.storage.glance(&stored)?.is_some()
            {
                waiting.push(one);
            }
        }
        all.push(waiting);
    }
    Ok(all)
}

/// The same, and who has such a file open, as refusals of the rollback of each.
pub(super) fn refuse_used(
    world: &World,
    transactions: &[Transaction],
) -> Result<Vec<Vec<Refusal>>, EngineError> {
    let all: Vec<&Transaction> = transactions.iter().collect();
    let mut refusals = Vec::new();
    for (transaction, mut used) in all.iter().zip(used_in_quarantine(world, &all)?) {
        for (step, taken, stored) in transaction.taken() {
            if used.iter().any(|one| one.step == step) {
                continue;
            }
            let users = world.holders(taken, &stored).map_err(Failure::from)?;
            if !users.is_empty() {
                used.push(Claimed {
                    step,
                    path: taken.path().to_owned(),
                    users,
                });
            }
        }
        let hint = format!(
            "end that use of the file in quarantine, then: virt-retire rollback {}",
            transaction.id
        );
        refusals.push(used.iter().map(|one| one.refusal(&hint)).collect());
    }
    Ok(refusals)
}

fn find(world: &World, transactions: &[&Transaction], how: As) -> Result<Vec<Claimed>, Failure> {
    let found = find_each(world, transactions, how)?;
    Ok(found.into_iter().flatten().collect())
}

/// For each transaction its own.
fn find_each(
    world: &World,
    transactions: &[&Transaction],
    how: As,
) -> Result<Vec<Vec<Claimed>>, Failure> {
    let leaving: Vec<Leaving> = transactions
        .iter()
        .map(|transaction| Leaving {
            owner: transaction.domain().uuid,
            taken: taken(transaction)
                .map(|(_, taken, stored)| (taken, stored))
                .collect(),
            stays: stays(transaction),
        })
        .collect();
    let found = newcomers(world.hypervisor, world.storage, &leaving, how)?;
    let found = transactions.iter().zip(found);
    Ok(found
        .map(|(transaction, users)| {
            let used = taken(transaction).zip(users);
            let used = used.filter(|(_, users)| !users.is_empty());
            let claimed =
                |((step, taken, _), users): ((usize, Taken, PathBuf), Vec<User>)| Claimed {
                    step,
                    path: taken.path().to_owned(),
                    users,
                };
            used.map(claimed).collect()
        })
        .collect())
}

/// A managed save is the domain's alone: libvirt would take it for that of whoever is called so
/// now, and resume this guest's memory in another one.
fn taken(transaction: &Transaction) -> impl Iterator<Item = (usize, Taken<'_>, PathBuf)> {
    let is_anybodys = |taken: &Taken| *taken.role() != FileRole::ManagedSave;
    transaction
        .taken()
        .filter(move |(_, taken, _)| is_anybodys(taken))
}

/// The domain's own images that its plan leaves where they are.
fn stays(transaction: &Transaction) -> Vec<&std::path::Path> {
    let disks = transaction.plan.disks.iter();
    disks
        .filter(|disk| disk.fate != Fate::Quarantine)
        .flat_map(|disk| {
            let chain = disk.chain.iter().map(|link| link.path.as_path());
            disk.path.as_deref().into_iter().chain(chain)
        })
        .filter(|path| path.is_absolute())
        .collect()
}

/// These steps, and those of the same disks: an image that stays needs what is below it, and the
/// symlinks by which it is named.
pub(super) fn with_their_disks(transaction: &Transaction, steps: &[usize]) -> Vec<usize> {
    let plan = &transaction.plan.steps;
    let target = |index: usize| plan.get(index).and_then(Step::taken).and_then(target_of);
    let targets: Vec<&str> = steps.iter().filter_map(|index| target(*index)).collect();
    (0..plan.len())
        .filter(|index| {
            steps.contains(index) || target(*index).is_some_and(|its| targets.contains(&its))
        })
        .collect()
}

fn target_of(taken: Taken<'_>) -> Option<&str> {
    match taken.role() {
        FileRole::Disk { target }
        | FileRole::Backing { target }
        | FileRole::DataFile { target }
        | FileRole::Link { target } => Some(target),
        FileRole::ManagedSave
        | FileRole::Nvram
        | FileRole::TpmState
        | FileRole::SnapshotMemory { .. } => None,
    }
}

/// Whether the domain is there though its retirement has taken it away: somebody else has defined
/// it since, or started it as a transient one.
pub(super) fn defined_again(
    world: &World,
    transaction: &Transaction,
) -> Result<Option<String>, Failure> {
    let domain = transaction.domain();
    let Some(status) = world.hypervisor.status(domain.uuid)? else {
        return Ok(None);
    };
    let how = match status.persistent {
        true if !transaction.undefines() => return Ok(None),
        true => "defined",
        false if is_left_running(transaction) => return Ok(None),
        false => "started",
    };
    let also = match status.domain.name == domain.name {
        true => String::new(),
        false => format!(" under the name {}", status.domain.name),
    };
    Ok(Some(format!(
        "domain {} has been {how}{also} by somebody else since it was retired",
        domain.name
    )))
}

/// Whether the retirement lets its guest run on without a definition. Any other one has ended it,
/// or found it ended.
pub(super) fn is_left_running(transaction: &Transaction) -> bool {
    transaction.plan.active && !transaction.stops()
}

/// Another domain that is called so by now, as a note: the retirement stands, and its way back has
/// to go by another name.
pub(super) fn name_reused(
    world: &World,
    transaction: &Transaction,
) -> Result<Option<String>, Failure> {
    let domain = transaction.domain();
    let other = world.hypervisor.status_by_name(&domain.name)?;
    let other = other.filter(|it| it.domain.uuid != domain.uuid);
    Ok(other.map(|_| {
        format!(
            "another domain is called {} by now; as long as it is, this one comes back by: \
             virt-retire rollback {} --as-name NAME",
            domain.name, transaction.id
        )
    }))
}

/// What was put where the files came from, as notes: the retirement stands, and its way back needs
/// those places. `next` is what is still to be recorded.
pub(super) fn occupied_notes(
    world: &World,
    transaction: &Transaction,
    next: &[EventKind],
) -> Vec<EventKind> {
    // Of a look that only tells.
    let occupied = occupied_after(world, transaction, next).unwrap_or_default();
    let text = |path: PathBuf| {
        format!(
            "{} is another file by now, which somebody has put there; before a rollback it has to \
             be moved away",
            path.display()
        )
    };
    occupied
        .into_iter()
        .map(|path| EventKind::Noted { text: text(path) })
        .collect()
}

/// Files that a retirement which was undone had begun to take, and that are not where they were.
/// Without those that libvirt itself removes and makes anew.
pub(super) fn missing_at_home(world: &World, transaction: &Transaction) -> Vec<PathBuf> {
    let all = transaction.taken();
    let is_libvirts = |taken: &Taken| {
        matches!(
            taken.role(),
            FileRole::Nvram | FileRole::TpmState | FileRole::ManagedSave
        )
    };
    let progress = transaction.progress();
    let missing = all.filter(|(index, taken, stored)| {
        if progress.get(*index) == Some(&Progress::Pending) {
            return false;
        }
        let finder = finder(world.storage, *taken, taken.path(), stored);
        !is_libvirts(taken) && matches!(finder.home(), Ok(Presence::Nothing))
    });
    missing
        .map(|(_, taken, _)| taken.path().to_owned())
        .collect()
}

/// The same of several, as a refusal.
pub(super) fn refuse_defined_again(
    world: &World,
    transactions: &[&Transaction],
    hint: &dyn Fn(&Transaction) -> String,
) -> Result<(), EngineError> {
    let domains: Vec<Uuid> = transactions.iter().map(|one| one.domain().uuid).collect();
    let there = world.hypervisor.which_are_there(&domains)?;
    let mut refusals = Vec::new();
    for transaction in transactions {
        if !there.contains(&transaction.domain().uuid) {
            continue;
        }
        if let Some(message) = defined_again(world, transaction)? {
            refusals.push(Refusal {
                code: RefusalCode::NameTaken,
                subject: transaction.domain().name.clone(),
                message,
                hint: hint(transaction),
            });
        }
    }
    match refusals.is_empty() {
        true => Ok(()),
        false => Err(EngineError::Refused { refusals }),
    }
}

/// Places that files have left, and where somebody has put another file since.
pub(super) fn occupied_places(
    world: &World,
    transaction: &Transaction,
) -> Result<Vec<PathBuf>, Failure> {
    occupied_after(world, transaction, &[])
}

fn occupied_after(
    world: &World,
    transaction: &Transaction,
    next: &[EventKind],
) -> Result<Vec<PathBuf>, Failure> {
    let progress = transaction.progress_with(next);
    let mut occupied = Vec::new();
    for (index, taken, stored) in transaction.taken() {
        if progress.get(index) != Some(&Progress::Done) {
            continue;
        }
        let finder = finder(world.storage, taken, taken.path(), &stored);
        if matches!(finder.home()?, Presence::Another(_)) {
            occupied.push(taken.path().to_owned());
        }
    }
    Ok(occupied)
}

impl From<SurveyError> for Failure {
    fn from(error: SurveyError) -> Self {
        match error {
            SurveyError::Hypervisor(error) => error.into(),
            SurveyError::Storage(error) => error.into(),
            SurveyError::Refused(refusal) => Failure::Unfit(refusal.message),
        }
    }
}

impl From<Failure> for EngineError {
    /// Of a look, which changes nothing.
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Hypervisor(error) => error.into(),
            Failure::Storage(error) => error.into(),
            Failure::Xml(error) => EngineError::Xml(error),
            Failure::InUse(_) | Failure::Unfit(_) => EngineError::Unlooked(failure.to_string()),
            Failure::Interrupted => EngineError::Interrupted,
        }
    }
}
