//! What stands in the way of a rollback, looked for before anything is moved (law 4).

use std::path::{Path, PathBuf};

use crate::model::{FileRole, Progress, Refusal, RefusalCode, Step, Transaction, TransactionId};
use crate::ports::Presence;

use super::World;
use super::error::EngineError;
use super::keepers::finder;
use super::restoration::Restoration;
use super::steps::copy_obstacle;
use super::terms::Terms;
use super::{links, look, named, places, shared_state};

pub(super) fn rollback(
    world: &World,
    transaction: &Transaction,
    terms: &Terms,
) -> Result<Vec<Refusal>, EngineError> {
    let home = Restoration::under(transaction, terms);
    let mut refusals = Vec::new();
    // Said once of each.
    let mut faulty: Vec<PathBuf> = Vec::new();
    let progress = transaction.progress();
    let to_undo = |index: &usize| !matches!(progress[*index], Progress::Pending | Progress::Undone);
    for (_, taken, stored) in transaction.taken().filter(|(index, ..)| to_undo(index)) {
        let place = home.place_of(taken);
        let mut found = finder(world.storage, taken, &place, &stored).whereabouts()?;
        // Under another name the managed save does not go back to its old one.
        if *taken.role() == FileRole::ManagedSave && home.has_other_name() {
            found.home = Presence::Nothing;
        }
        match (found.home, found.waiting) {
            (Presence::Another(_), _) => refusals.push(places::occupied(transaction, &place)),
            (Presence::Nothing, Presence::Another(_)) => refusals.push(lost(
                transaction,
                taken.path().display(),
                format!("{} is another file than was put there", stored.display()),
            )),
            (Presence::Nothing, Presence::Nothing) => {
                let why = places::absence(world, &stored)?;
                let refusal = lost(transaction, taken.path().display(), why);
                let folder = folder_of(&stored);
                let hint = places::way_to(world, transaction, &folder)
                    .map(|way| format!("{way}, then: virt-retire rollback {}", transaction.id));
                refusals.push(Refusal {
                    hint: hint.unwrap_or_else(|| refusal.hint.clone()),
                    ..refusal
                });
            }
            // A managed save image that does not fit goes beside its old place.
            (Presence::Nothing, Presence::It(_)) if !faulty.contains(&folder_of(&place)) => {
                let fault = places::fault(world, transaction, &place, Some(&stored));
                faulty.extend(fault.is_some().then(|| folder_of(&place)));
                refusals.extend(fault);
            }
            (Presence::Nothing, Presence::It(_)) | (Presence::It(_), _) => {}
        }
    }
    for (index, step) in transaction.plan.steps.iter().enumerate() {
        let (Step::CopyState(file), Some(copy)) = (step, transaction.copy(index)) else {
            continue;
        };
        let place = home.place(file);
        if !to_undo(&index) {
            continue;
        }
        if let Some(other) = copy_obstacle(world.storage, &copy, &place, file)? {
            refusals.push(places::occupied(transaction, &other));
        }
        let is_needed =
            world.storage.facts(&place)?.is_none() && world.storage.facts(&copy)?.is_some();
        if is_needed && !faulty.contains(&folder_of(&place)) {
            let fault = places::fault(world, transaction, &place, None);
            faulty.extend(fault.is_some().then(|| folder_of(&place)));
            refusals.extend(fault);
        }
    }
    refusals.extend(links::refusals(world, transaction, &home)?);
    refusals.extend(named::refusals(world, transaction, &home)?);
    // What a rollback that got stuck has defined already is no other.
    let defines = (transaction.plan.steps.iter().enumerate())
        .any(|(index, step)| matches!(step, Step::Undefine(_)) && to_undo(&index));
    if defines && !home.files_only() {
        let taken = name_taken(world, transaction, &home)?;
        if taken.is_none() {
            refusals.extend(not_redefinable(world, transaction, &home)?);
        }
        refusals.extend(taken);
        if terms.rename.is_some() {
            refusals.extend(shared_state::refusals(world, transaction, &home)?);
        }
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

fn folder_of(place: &Path) -> PathBuf {
    place.parent().unwrap_or(Path::new("/")).to_owned()
}

/// libvirt is asked before a file is moved: whatever it would say to the definition later, when the
/// files are back already, it says now.
fn not_redefinable(
    world: &World,
    transaction: &Transaction,
    home: &Restoration<'_>,
) -> Result<Option<Refusal>, EngineError> {
    let definition = home.definition().map_err(EngineError::Xml)?;
    let name = &transaction.domain().name;
    let id = transaction.id;
    let Some(cause) = world.hypervisor.refusal_to_define(&definition.xml)? else {
        return Ok(None);
    };
    let which = match home.has_repaired_xml() {
        true => "under this definition",
        false => "as it was",
    };
    Ok(Some(Refusal {
        code: RefusalCode::NotRedefinable,
        subject: name.clone(),
        message: format!("libvirt does not define domain {name} {which}: {cause}"),
        hint: ways_out(id),
    }))
}

/// What there is to do about a domain that libvirt does not take back.
pub(super) fn ways_out(id: TransactionId) -> String {
    format!(
        "fix the cause, or repair the definition (virt-retire show {id} --security-info shows it) \
         and bring the domain back with it: virt-retire rollback {id} --xml FILE; or bring back \
         the files alone: virt-retire rollback {id} --files"
    )
}

fn name_taken(
    world: &World,
    transaction: &Transaction,
    home: &Restoration<'_>,
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
        let is_own = look::is_left_running(transaction);
        if !same.persistent && !is_own && !home.has_other_uuid() {
            return Ok(taken(
                format!("a guest of the UUID {uuid} has been started since, as {name}"),
                format!(
                    "end it first (virsh destroy {}), then: virt-retire rollback {id}; or bring \
                     this one back beside it: virt-retire rollback {id} --as-name NAME --new-uuid",
                    crate::model::quoted(name)
                ),
            ));
        }
        if !same.persistent && is_own && (home.has_other_name() || home.has_other_uuid()) {
            return Ok(taken(
                format!("domain {name} still runs with the disks that it was retired with"),
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
                format!("the UUID {uuid} belongs to the domain {name} now"),
                format!(
                    "undefine that domain first, then: virt-retire rollback {id}; or bring this \
                     one back beside it: virt-retire rollback {id} {beside}"
                ),
            ));
        }
    }
    if let Some(other) = world.hypervisor.status_by_name(&domain.name)?
        && other.domain.uuid != domain.uuid
    {
        return Ok(taken(
            format!("another domain is called {} now", domain.name),
            format!(
                "rename it (virsh domrename) or undefine it, or choose another name: virt-retire \
                 rollback {id} --as-name NAME"
            ),
        ));
    }
    Ok(None)
}
