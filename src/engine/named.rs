//! A definition that the operator has changed, or whose paths have, still names the disks that come
//! back: a guest without one of its disks did not come back.

use std::path::Path;

use crate::model::{DiskPlan, Fate, FileMove, FileRole, Refusal, RefusalCode, Transaction};
use crate::xml::{DomainXml, Source};

use super::World;
use super::error::EngineError;
use super::restoration::Restoration;

pub(super) fn refusals(
    world: &World,
    transaction: &Transaction,
    home: &Restoration<'_>,
) -> Result<Vec<Refusal>, EngineError> {
    let mut refusals = Vec::new();
    if home.files_only() || !(home.has_repaired_xml() || home.has_other_paths()) {
        return Ok(refusals);
    }
    let definition = home.definition().map_err(EngineError::Xml)?;
    let xml = DomainXml::read(definition.xml.reveal()).map_err(EngineError::Xml)?;
    // The definition never had what only the running guest had.
    let comes_back = |disk: &&DiskPlan| disk.fate == Fate::Quarantine && !disk.is_live_only();
    for disk in transaction.plan.disks.iter().filter(comes_back) {
        let Some(first) = named(transaction, &disk.target) else {
            continue;
        };
        let place = home.place(first);
        let mut is_named = false;
        for source in xml.disks.iter().map(|disk| &disk.source) {
            is_named = is_named || leads_to(world, source, &place)?;
        }
        if is_named {
            continue;
        }
        refusals.push(Refusal {
            code: RefusalCode::NoSuchDisk,
            subject: disk.target.clone(),
            message: format!(
                "the definition under which the domain would come back does not name {}, its disk \
                 {}",
                place.display(),
                disk.target
            ),
            hint: format!(
                "name it there (virt-retire show {0} --security-info shows the saved definition), \
                 or say with --path OLD=NEW how its folder is called in it",
                transaction.id
            ),
        });
    }
    Ok(refusals)
}

/// The file, or the symlink, by which the XML names the disk: it is moved before what it leads to.
fn named<'t>(transaction: &'t Transaction, target: &str) -> Option<&'t FileMove> {
    let is_its = |role: &FileRole| match role {
        FileRole::Disk { target: its } | FileRole::Link { target: its } => its == target,
        _ => false,
    };
    let mut files = transaction.files().map(|(_, moved, _)| moved);
    files.find(|moved| is_its(&moved.role))
}

fn leads_to(world: &World, source: &Source, place: &Path) -> Result<bool, EngineError> {
    if let Source::Volume { pool, volume } = source {
        let pools = world.hypervisor.pools()?;
        let target = pools.into_iter().find(|one| one.name == *pool);
        return match target.and_then(|pool| pool.target) {
            Some(folder) => Ok(world.storage.resolve(&folder)?.real.join(volume) == place),
            None => Ok(false),
        };
    }
    let Some(path) = source.path() else {
        return Ok(false);
    };
    if path == place {
        return Ok(true);
    }
    // A symlink that comes back itself is named by its folder.
    let folder = path.parent().map(|folder| world.storage.resolve(folder));
    let by_folder = folder.transpose()?.zip(path.file_name());
    Ok(world.storage.resolve(path)?.real == place
        || by_folder.is_some_and(|(folder, name)| folder.real.join(name) == place))
}
