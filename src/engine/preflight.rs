//! What stands in the way of a rollback, looked for before anything is moved (law 4).

use std::path::Path;

use crate::model::{FileRole, Progress, Refusal, RefusalCode, Rename, Step, Transaction};

use super::World;
use super::error::EngineError;
use super::homecoming::Homecoming;
use super::shared_state;
use super::steps::copy_obstacle;

pub(super) fn rollback(
    world: &World,
    transaction: &Transaction,
    rename: Option<&Rename>,
) -> Result<Vec<Refusal>, EngineError> {
    let home = Homecoming::under(transaction, rename);
    let mut refusals = Vec::new();
    let progress = transaction.progress();
    let to_undo = |index: &usize| !matches!(progress[*index], Progress::Pending | Progress::Undone);
    for (index, moved, stored) in transaction.files().filter(|(index, ..)| to_undo(index)) {
        let waiting = world.storage.facts(&stored)?;
        let place = home.place(moved);
        // Under another name the managed save does not go back to its old one.
        let there = match moved.role {
            FileRole::ManagedSave if home.has_other_name() => None,
            _ => world.storage.facts(&place)?,
        };
        let is_it =
            |facts: &crate::model::FileFacts| facts.identity.is_same_file(&moved.facts.identity);
        match (waiting, there) {
            (_, Some(there)) if !is_it(&there) => refusals.push(occupied(transaction, &place)),
            (Some(waiting), None) if !is_it(&waiting) => refusals.push(lost(
                transaction,
                moved.path.display(),
                format!("{} is another file than was put there", stored.display()),
            )),
            (None, None) => refusals.push(lost(
                transaction,
                moved.path.display(),
                format!(
                    "it is not at {} (is a file system not mounted?)",
                    stored.display()
                ),
            )),
            _ => refusals.extend(missing_folder(world, transaction, index)?),
        }
    }
    for (index, step) in transaction.plan.steps.iter().enumerate() {
        let (Step::CopyState(file), Some(copy)) = (step, transaction.copy(index)) else {
            continue;
        };
        let place = home.place(file);
        if to_undo(&index)
            && let Some(other) = copy_obstacle(world.storage, &copy, &place, file)?
        {
            refusals.push(occupied(transaction, &other));
        }
    }
    if transaction.undefines() {
        refusals.extend(name_taken(world, transaction, &home)?);
        if rename.is_some() {
            refusals.extend(shared_state::refusals(world, transaction, &home)?);
        }
    }
    Ok(refusals)
}

pub(super) fn occupied(transaction: &Transaction, place: &Path) -> Refusal {
    let path = place.display();
    Refusal {
        code: RefusalCode::PathOccupied,
        subject: path.to_string(),
        message: format!("{path} is occupied by another file, and rollback never overwrites"),
        hint: format!(
            "move that file away, then: virt-retire rollback {}",
            transaction.id
        ),
    }
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

fn name_taken(
    world: &World,
    transaction: &Transaction,
    home: &Homecoming<'_>,
) -> Result<Option<Refusal>, EngineError> {
    let domain = home.domain();
    let id = transaction.id;
    let taken = |message: String, hint: String| {
        Some(Refusal {
            code: RefusalCode::NameTaken,
            subject: domain.name.clone(),
            message,
            hint,
        })
    };
    if let Some(same) = world.hypervisor.status(transaction.domain().uuid)? {
        let (name, uuid) = (&same.domain.name, same.domain.uuid);
        // Kept running by `--keep-storage`, the domain is still there, transient: that is no other.
        // But under another identity it would be a second guest on the same disks.
        if !same.persistent && (home.has_other_name() || home.has_other_uuid()) {
            return Ok(taken(
                format!("domain '{name}' still runs with the disks that it was retired with"),
                format!("end it first, or bring it back as itself: virt-retire rollback {id}"),
            ));
        }
        if same.persistent && !home.has_other_uuid() {
            let beside = if *name == domain.name {
                "--as-name NAME --new-uuid"
            } else {
                "--new-uuid"
            };
            return Ok(taken(
                format!("the UUID {uuid} belongs to the domain '{name}' now"),
                format!(
                    "undefine that domain first, then: virt-retire rollback {id}; or bring this one \
                     back beside it: virt-retire rollback {id} {beside}"
                ),
            ));
        }
    }
    if let Some(other) = world.hypervisor.status_by_name(&domain.name)?
        && other.domain.uuid != domain.uuid
    {
        return Ok(taken(
            format!("another domain is called '{}' now", domain.name),
            format!(
                "rename it (virsh domrename) or undefine it, or choose another name: virt-retire \
                 rollback {id} --as-name NAME"
            ),
        ));
    }
    Ok(None)
}
