//! NVRAM and TPM state that a domain which comes back under another identity would share with
//! somebody (law 4: nothing of another's is touched).

use std::path::Path;

use crate::model::{FileRole, Refusal, RefusalCode, SecretXml, Transaction};
use crate::xml::DomainXml;

use super::World;
use super::error::EngineError;
use super::places::occupied;
use super::restoration::Restoration;
use super::steps::{Kept, kept_nvram};

/// Whoever has taken the name may have taken the NVRAM or the TPM state as well. Under its own
/// identity a domain comes back to what it shared before; under another one it would be a second
/// guest on what is one guest's.
pub(super) fn refusals(
    world: &World,
    transaction: &Transaction,
    home: &Restoration<'_>,
) -> Result<Vec<Refusal>, EngineError> {
    let mut refusals = Vec::new();
    if let Some((file, copy)) = home.nvram_copy().map_err(EngineError::Xml)? {
        // A symlink too: whoever put it there chose what it leads to.
        if world.storage.facts(&copy)?.is_some() {
            refusals.push(occupied(transaction, &copy));
        }
        if let Kept::Other { path, why } =
            kept_nvram(world.storage, &transaction.plan, &file, &copy)?
        {
            refusals.push(not_kept(transaction, &path, &why));
        }
    }
    let definition = home.definition().map_err(EngineError::Xml)?;
    let mut ours = state_places(world, &definition.xml)?;
    // What a symlink will lead to when it is back.
    let is_state = |role: &FileRole| matches!(role, FileRole::Nvram | FileRole::TpmState);
    let moved = transaction
        .files()
        .filter(|(_, moved, _)| is_state(&moved.role));
    ours.extend(moved.map(|(_, moved, _)| home.place(moved).display().to_string()));
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
                        "{place} is the NVRAM or TPM state of domain {name} now, and two domains \
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

fn not_kept(transaction: &Transaction, path: &Path, why: &str) -> Refusal {
    let (path, id) = (path.display(), transaction.id);
    Refusal {
        code: RefusalCode::ChangedSincePlan,
        subject: path.to_string(),
        message: format!("the NVRAM that was kept cannot be copied from {path}: {why}"),
        hint: format!(
            "put the kept file back in its place, or move away what is there (the guest then \
             starts with new NVRAM), then: virt-retire rollback {id}"
        ),
    }
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
