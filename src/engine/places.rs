//! Whether what waits in quarantine can go back to where it came from: looked at before anything
//! moves, because a move that fails half way is a rollback that has to be undone.

use std::path::Path;

use crate::model::{FileKind, Refusal, RefusalCode, Transaction, quoted};
use crate::ports::StorageError;

use super::World;
use super::comparison::{of_renamed, rename_back};

/// Another file is where one of the transaction's would come back to.
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

/// What keeps `place`, which is free, from taking the file that waits at `stored`.
pub(super) fn fault(
    world: &World,
    transaction: &Transaction,
    place: &Path,
    stored: Option<&Path>,
) -> Option<Refusal> {
    let folder = place.parent()?;
    let why = match unfit(world, folder) {
        Ok(Some(why)) => why,
        Ok(None) => refused_by_kernel(world, folder, stored?)?,
        Err(error) => error.to_string(),
    };
    Some(Refusal {
        code: RefusalCode::PlaceChanged,
        subject: folder.display().to_string(),
        message: format!("nothing can go back to {}: {why}", folder.display()),
        hint: format!(
            "{}, or say where its files should go: virt-retire rollback {} --path {}=NEW",
            match is_read_only(world, folder) {
                true => "let the file system be written to (mount -o remount,rw)",
                false => "make the folder again as it was",
            },
            transaction.id,
            quoted(&folder.to_string_lossy())
        ),
    })
}

pub(super) fn is_read_only(world: &World, folder: &Path) -> bool {
    matches!(world.storage.room(folder), Ok(Some(room)) if room.read_only)
}

/// Whether files of the quarantine can be renamed into the folder, by trying it.
fn refused_by_kernel(world: &World, folder: &Path, stored: &Path) -> Option<String> {
    // In the quarantine itself: what a kill leaves of the trial must not lie in a folder that the
    // rollback has to remove.
    let waiting = stored.parent()?.parent()?;
    let error = world.storage.may_return(waiting, folder).err()?;
    let crosses = |source: &std::io::Error| source.kind() == std::io::ErrorKind::CrossesDevices;
    Some(match error {
        StorageError::Io { source, .. } if crosses(&source) => format!(
            "it is on another file system now than the quarantine, {}, and a file is moved by \
             rename alone",
            waiting.display()
        ),
        StorageError::NoPlace { cause, .. } => cause,
        other => other.to_string(),
    })
}

/// Why the folder is not the one that the file came from.
fn unfit(world: &World, folder: &Path) -> Result<Option<String>, StorageError> {
    let Some(there) = world.storage.glance(folder)? else {
        return Ok(Some(absence(world, folder)?));
    };
    Ok(match there.kind {
        FileKind::Directory => {
            let real = world.storage.resolve(folder)?.real;
            (real != folder).then(|| format!("a symlink leads it to {} now", real.display()))
        }
        FileKind::Symlink => {
            let to = world.storage.resolve(folder)?.real;
            Some(format!("it is a symlink to {} now", to.display()))
        }
        _ => Some("it is not a folder any more".into()),
    })
}

/// Where the way to something that is not there ends. Only of a folder that is missing can it be
/// that a file system is not mounted.
pub(super) fn absence(world: &World, path: &Path) -> Result<String, StorageError> {
    let mut missing = path;
    for folder in path.ancestors().skip(1) {
        match world.storage.glance(folder)? {
            None => missing = folder,
            Some(facts) if facts.kind == FileKind::Directory => break,
            Some(facts) if facts.kind == FileKind::Symlink => {
                let real = world.storage.resolve(folder)?.real;
                return Ok(format!(
                    "{} is a symlink to {}, and it is not there",
                    folder.display(),
                    real.display()
                ));
            }
            Some(_) => return Ok(format!("{} is not a folder", folder.display())),
        }
    }
    Ok(match missing == path {
        true => format!("{} is not there", path.display()),
        false => format!(
            "the folder {} is not there (is a file system not mounted?)",
            missing.display()
        ),
    })
}

/// What to do about a folder of the quarantine that is not where it is looked for; `None` where it
/// is.
pub(super) fn way_to(world: &World, transaction: &Transaction, folder: &Path) -> Option<String> {
    if matches!(world.storage.glance(folder), Ok(Some(_))) {
        return None;
    }
    let own = world.quarantine.own().unwrap_or_default();
    let renamed = own.renamed.iter().find_map(|it| {
        let (found, back) = of_renamed(world.quarantine, it)?;
        (found.uuid == transaction.uuid && back == folder).then(|| rename_back(it, folder))
    });
    Some(renamed.unwrap_or_else(|| {
        format!(
            "mount the file system that it is on, or put {} back where it was",
            folder.display()
        )
    }))
}
