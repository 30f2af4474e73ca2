//! What stands in the way of a rollback, looked for before anything is moved (law 4).

use std::path::Path;

use crate::model::{
    FileRole, Progress, Refusal, RefusalCode, Rename, SecretXml, Step, Transaction,
};
use crate::xml::DomainXml;

use super::World;
use super::error::EngineError;
use super::homecoming::Homecoming;
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
            refusals.extend(shared_state(world, transaction, &home)?);
        }
    }
    Ok(refusals)
}

/// Whoever has taken the name may have taken the NVRAM or the TPM state as well. Under its own
/// identity a domain comes back to what it shared before; under another one it would be a second
/// guest on what is one guest's.
fn shared_state(
    world: &World,
    transaction: &Transaction,
    home: &Homecoming<'_>,
) -> Result<Vec<Refusal>, EngineError> {
    let mut refusals = Vec::new();
    if let Some((_, copy)) = home.nvram_copy().map_err(EngineError::Xml)? {
        let copy = world.storage.resolve(&copy)?.real;
        if world.storage.facts(&copy)?.is_some() {
            refusals.push(occupied(transaction, &copy));
        }
    }
    let definition = home.definition().map_err(EngineError::Xml)?;
    let ours = state_places(world, &definition.xml)?;
    if ours.is_empty() {
        return Ok(refusals);
    }
    for other in world.hypervisor.domains()? {
        let (uuid, name) = (other.status.domain.uuid, other.status.domain.name);
        if uuid == home.domain().uuid || uuid == transaction.domain().uuid {
            continue;
        }
        for xml in [Some(&other.xml), other.live_xml.as_ref()]
            .into_iter()
            .flatten()
        {
            let theirs = state_places(world, xml)?;
            if let Some(place) = ours.iter().find(|place| theirs.contains(place)) {
                refusals.push(Refusal {
                    code: RefusalCode::PathOccupied,
                    subject: place.clone(),
                    message: format!(
                        "{place} is the NVRAM or TPM state of domain '{name}' now, and two domains \
                         must not write to one"
                    ),
                    hint: format!(
                        "give that domain another one (virsh edit), or undefine it, then: \
                         virt-retire rollback {}",
                        transaction.id
                    ),
                });
                break;
            }
        }
    }
    Ok(refusals)
}

/// Where a domain's XML says that its NVRAM and TPM state are, by real path or in words. libvirt's
/// own folder of a TPM has the UUID for its name, and is nobody else's.
fn state_places(world: &World, xml: &SecretXml) -> Result<Vec<String>, EngineError> {
    // What is not understood here is refused by every plan.
    let Ok(xml) = DomainXml::read(xml.reveal()) else {
        return Ok(Vec::new());
    };
    let tpms = xml.tpms.iter().filter_map(|tpm| tpm.state.as_ref());
    let mut places: Vec<String> = xml.firmware.nvram_elsewhere.into_iter().collect();
    for path in xml.firmware.nvram.iter().chain(tpms) {
        let real = world.storage.resolve(path)?.real;
        places.push(real.display().to_string());
    }
    Ok(places)
}

fn occupied(transaction: &Transaction, place: &Path) -> Refusal {
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
