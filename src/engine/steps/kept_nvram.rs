//! NVRAM that was kept in place, for a domain that comes back under another name: it gets a copy,
//! as part of being defined. See [`Restoration::nvram_copy`].
//!
//! The folder may be a user's, who may put anything under both names: copied is the inode that the
//! plan recorded, into the folder that it was in, and to a name that is free.

use std::path::{Path, PathBuf};

use crate::model::{FileFacts, FileKind, Plan};
use crate::ports::{Presence, StorageError, StorageView};

use super::super::World;
use super::super::error::Failure;
use super::super::restoration::Restoration;

/// What has become of NVRAM that was kept.
pub(in crate::engine) enum Kept {
    /// There was none, or it is gone: libvirt makes it anew when the guest starts.
    Nothing,
    /// Both under their real names.
    There {
        file: PathBuf,
        copy: PathBuf,
        facts: FileFacts,
    },
    /// Not what was kept.
    Other { path: PathBuf, why: String },
}

/// `file` and `copy` are as the XML spells them.
pub(in crate::engine) fn look(
    storage: &dyn StorageView,
    plan: &Plan,
    file: &Path,
    copy: &Path,
) -> Result<Kept, StorageError> {
    let (Some(folder), Some(name)) = (copy.parent(), copy.file_name()) else {
        return Ok(Kept::Nothing);
    };
    let there = storage.resolve(folder)?;
    let copy = there.real.join(name);
    let Some(recorded) = plan.kept_nvram() else {
        return unrecorded(storage, file, copy, there.planted);
    };
    let recorded: Vec<_> = recorded.collect();
    let (Some(first), Some(last)) = (recorded.first(), recorded.last()) else {
        return Ok(Kept::Nothing);
    };
    if first.path.parent() != Some(&there.real) {
        return Ok(Kept::Other {
            path: folder.to_owned(),
            why: format!(
                "it leads to {}, and led elsewhere when the domain was retired",
                there.real.display()
            ),
        });
    }
    Ok(match Presence::at(storage, &last.path, &last.facts)? {
        Presence::Nothing => Kept::Nothing,
        Presence::It(now) if now.kind == FileKind::Regular => Kept::There {
            file: last.path.clone(),
            copy,
            facts: last.facts.clone(),
        },
        Presence::It(_) | Presence::Another(_) => Kept::Other {
            path: last.path.clone(),
            why: "it is another file than the one that was kept".into(),
        },
    })
}

/// A record of before the kept file was written down: it must at least be nobody else's.
fn unrecorded(
    storage: &dyn StorageView,
    file: &Path,
    copy: PathBuf,
    planted: Option<String>,
) -> Result<Kept, StorageError> {
    let there = storage.resolve(file)?;
    let path = there.real;
    Ok(match (planted.or(there.planted), storage.facts(&path)?) {
        (_, None) => Kept::Nothing,
        (Some(why), _) => Kept::Other { path, why },
        (None, Some(facts)) if facts.kind == FileKind::Regular && facts.links == 1 => Kept::There {
            file: path,
            copy,
            facts,
        },
        (None, Some(_)) => Kept::Other {
            path,
            why: "it is not a file of this name alone".into(),
        },
    })
}

/// Before the definition that names the copy.
pub(super) fn copy(world: &World, plan: &Plan, home: &Restoration) -> Result<(), Failure> {
    let Some((file, copy)) = home.nvram_copy()? else {
        return Ok(());
    };
    match look(world.storage, plan, &file, &copy)? {
        Kept::Nothing => Ok(()),
        Kept::Other { path, why } => Err(Failure::Unfit(format!("{}: {why}", path.display()))),
        Kept::There { file, copy, facts } => {
            let is_equal = || world.storage.is_equal(&file, &copy);
            if world.storage.facts(&copy)?.is_some() && !is_equal()? {
                return Err(StorageError::Occupied(copy).into());
            }
            world.storage.copy(&file, &copy, &facts)?;
            // Whoever may write to that folder may have been quicker.
            match is_equal()? {
                true => Ok(()),
                false => Err(StorageError::Occupied(copy).into()),
            }
        }
    }
}

/// After the definition has gone again because the rollback failed. A copy that has changed since
/// is not ours alone any more, and stays.
pub(super) fn drop(world: &World, plan: &Plan, home: &Restoration) -> Result<(), Failure> {
    let Some((file, copy)) = home.nvram_copy()? else {
        return Ok(());
    };
    if let Kept::There { file, copy, .. } = look(world.storage, plan, &file, &copy)?
        && (world.storage.facts(&copy)?.is_none() || world.storage.is_equal(&file, &copy)?)
    {
        world.storage.remove_copy(&copy)?;
    }
    Ok(())
}
