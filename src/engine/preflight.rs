//! What stands in the way of a rollback, looked for before anything is moved (law 4).

use crate::model::{Progress, Refusal, RefusalCode, Transaction};

use super::World;
use super::error::EngineError;

pub(super) fn rollback(
    world: &World,
    transaction: &Transaction,
) -> Result<Vec<Refusal>, EngineError> {
    let mut refusals = Vec::new();
    let progress = transaction.progress();
    let to_undo = |index: &usize| !matches!(progress[*index], Progress::Pending | Progress::Undone);
    for (index, moved, stored) in transaction.files().filter(|(index, ..)| to_undo(index)) {
        let waiting = world.storage.facts(&stored)?;
        let there = world.storage.facts(&moved.path)?;
        let is_it =
            |facts: &crate::model::FileFacts| facts.identity.is_same_file(&moved.facts.identity);
        match (waiting, there) {
            (_, Some(there)) if !is_it(&there) => refusals.push(Refusal {
                code: RefusalCode::PathOccupied,
                subject: moved.path.display().to_string(),
                message: format!(
                    "{} is occupied by another file, and rollback never overwrites",
                    moved.path.display()
                ),
                hint: format!(
                    "move that file away, then: virt-retire rollback {}",
                    transaction.id
                ),
            }),
            (Some(waiting), None) if !is_it(&waiting) => refusals.push(lost(
                transaction,
                moved.path.display(),
                format!("{} is another file than was put there", stored.display()),
            )),
            (None, None) => refusals.push(lost(
                transaction,
                moved.path.display(),
                format!("it is not at {} any more", stored.display()),
            )),
            _ => refusals.extend(missing_folder(world, transaction, index)?),
        }
    }
    if transaction.undefines() {
        refusals.extend(name_taken(world, transaction)?);
    }
    Ok(refusals)
}

fn lost(transaction: &Transaction, original: impl std::fmt::Display, how: String) -> Refusal {
    Refusal {
        code: RefusalCode::ChangedSincePlan,
        subject: original.to_string(),
        message: format!("the quarantined {original} cannot be brought back: {how}"),
        hint: format!(
            "put the file back where the manifest in {} says, then roll back again",
            transaction.home.display()
        ),
    }
}

fn missing_folder(
    world: &World,
    transaction: &Transaction,
    index: usize,
) -> Result<Option<Refusal>, EngineError> {
    let Some(folder) = transaction.plan.steps[index]
        .file()
        .and_then(|moved| moved.path.parent())
    else {
        return Ok(None);
    };
    Ok(match world.storage.facts(folder)? {
        Some(_) => None,
        None => Some(Refusal {
            code: RefusalCode::ChangedSincePlan,
            subject: folder.display().to_string(),
            message: format!("the folder {} is gone", folder.display()),
            hint: format!(
                "make it again (is a file system not mounted?), then: virt-retire rollback {}",
                transaction.id
            ),
        }),
    })
}

fn name_taken(world: &World, transaction: &Transaction) -> Result<Option<Refusal>, EngineError> {
    let domain = transaction.domain();
    let taken = |message: String, hint: String| {
        Some(Refusal {
            code: RefusalCode::NameTaken,
            subject: domain.name.clone(),
            message,
            hint,
        })
    };
    // Kept running by `--keep-storage`, the domain is still there, transient: that is no other.
    if let Some(same) = world.hypervisor.status(domain.uuid)?
        && same.persistent
    {
        return Ok(taken(
            format!(
                "the UUID {} belongs to the domain '{}' now",
                domain.uuid, same.domain.name
            ),
            format!(
                "undefine that domain first, then: virt-retire rollback {}",
                transaction.id
            ),
        ));
    }
    if let Some(other) = world.hypervisor.status_by_name(&domain.name)?
        && other.domain.uuid != domain.uuid
    {
        return Ok(taken(
            format!("another domain is called '{}' now", domain.name),
            format!(
                "rename it (virsh domrename) or undefine it, then: virt-retire rollback {}",
                transaction.id
            ),
        ));
    }
    Ok(None)
}
