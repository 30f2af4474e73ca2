//! libvirt's own list of a pool's volumes, which a rename behind its back makes untrue.
//!
//! A list is cosmetic: the files are where they belong before this step begins, so what cannot be
//! done about it fails no transaction, and is a note.
//!
//! A few volumes that have gone are taken off the list one by one (`virStorageVolDelete`). For that
//! libvirt removes whatever has the name: `unlink` for a file, `rmdir` for a folder
//! (`virFileRemove`), and "not there" is success. So the name is held by an empty folder of ours
//! meanwhile (`Storage::reserve`): a file that somebody has put there before is left, and so is the
//! entry, which is true again; and none can come there while libvirt is at it. Nothing is struck
//! off where a user could put another folder under the pool's path in between: libvirt would take
//! that folder's file of the same name.
//!
//! A refresh makes any list true, for the price of opening every image of the pool. It is refused
//! while a job runs in the pool; and over one image that is cut off in its header libvirt stops the
//! whole pool, and every other guest with a volume in it fails to start, so the folder is looked at
//! first. It is for what has come back, for many at once, and for what could not be struck off.

use std::path::{Path, PathBuf};

use crate::model::{Direction, FileKind, FileMove, FileTime, Identity, Transaction, quoted};
use crate::ports::{HypervisorError, Moved, Refreshed, StorageView};

use super::super::World;
use super::super::error::Failure;
use super::super::restoration::Restoration;
use super::Effect;

/// So many are struck off one by one: two calls for each, against some 50 µs for every volume of a
/// pool.
const FEW: usize = 8;

/// One file of the transaction that lies, or lay, in the pool's folder.
struct Ours<'t> {
    moved: &'t FileMove,
    place: PathBuf,
    /// What the pool calls it.
    volume: String,
}

/// The folder of a pool.
struct Target {
    /// As the pool's XML has it: the path that libvirt goes by.
    spelled: PathBuf,
    /// Without symlinks.
    folder: PathBuf,
}

/// Makes the list say what lies in the folder.
///
/// # Errors
/// A name that was held could not be given back.
pub(super) fn tell(
    world: &World,
    transaction: &Transaction,
    pool: &str,
    direction: Direction,
    together: usize,
) -> Result<Effect, Failure> {
    let target = match target_of(world, pool) {
        Ok(Some(target)) => target,
        Ok(None) => return Ok(Moved::Already.into()),
        Err(error) => return Ok(noted(pool, None, &error.to_string())),
    };
    let ours = in_folder(world, transaction, &target.folder, direction);
    if direction == Direction::Forward
        && !ours.is_empty()
        && ours.len() * together <= FEW
        && forget(world, pool, &target, &ours)?
    {
        return Ok(Moved::Now.into());
    }
    // The list was made anew for another transaction of the same batch, when all files of this one
    // had been moved, too.
    if !ours.is_empty() && is_true(world, pool, &ours, direction) {
        return Ok(Moved::Already.into());
    }
    refresh(world, pool, &target, &ours, direction)
}

fn refresh(
    world: &World,
    pool: &str,
    target: &Target,
    ours: &[Ours],
    direction: Direction,
) -> Result<Effect, Failure> {
    let folder = &target.folder;
    let (cause, blocker) = match stopper(world.storage, folder) {
        Some(file) => (
            format!(
                "{} is an image that is cut off in its header, and libvirt would stop the pool \
                 over it",
                file.display()
            ),
            Some(file),
        ),
        None => match world.hypervisor.refresh_pool(pool) {
            Ok(Refreshed::Done) => return Ok(Moved::Now.into()),
            Ok(Refreshed::NoList) => return Ok(Moved::Already.into()),
            Ok(Refreshed::Restarted { cause }) => {
                return Ok(Effect::noted(
                    Moved::Now,
                    format!(
                        "libvirt stopped pool {pool} when its list of volumes was made anew \
                         ({cause}); it has been started again"
                    ),
                ));
            }
            Ok(Refreshed::Stopped { cause }) => {
                return Ok(Effect::noted(
                    Moved::Now,
                    format!(
                        "POOL {pool} IS STOPPED, and guests with volumes in it cannot start: \
                         libvirt could not read all of {} when its list of volumes was made anew \
                         ({cause}). Look there for an image that is cut off and move it away, \
                         then: virsh pool-start {}",
                        folder.display(),
                        quoted(pool)
                    ),
                ));
            }
            Err(error) => (error.to_string(), None),
        },
    };
    if direction == Direction::Forward {
        forget(world, pool, target, ours)?;
    }
    Ok(match is_true(world, pool, ours, direction) {
        true => Moved::Now.into(),
        false => noted(pool, blocker.as_deref(), &cause),
    })
}

fn noted(pool: &str, blocker: Option<&Path>, cause: &str) -> Effect {
    let first = blocker.map_or(String::new(), |file| {
        format!("move {} away or repair it, then: ", file.display())
    });
    let text = format!(
        "libvirt's list of volumes of pool {pool} is out of date ({cause}); to fix it: \
         {first}virsh pool-refresh {}",
        quoted(pool)
    );
    Effect::noted(Moved::Now, text)
}

/// The target of an active pool that has one.
fn target_of(world: &World, pool: &str) -> Result<Option<Target>, HypervisorError> {
    let pools = world.hypervisor.pools()?;
    let found = pools.into_iter().find(|one| one.name == pool && one.active);
    let spelled = found.and_then(|found| found.target);
    Ok(spelled.map(|spelled| Target {
        folder: match world.storage.resolve(&spelled) {
            Ok(resolved) => resolved.real,
            Err(_) => spelled.clone(),
        },
        spelled,
    }))
}

fn in_folder<'t>(
    world: &World,
    transaction: &'t Transaction,
    folder: &Path,
    direction: Direction,
) -> Vec<Ours<'t>> {
    let key = |path: &Path| {
        let facts = world.storage.glance(path).ok()??;
        Some(facts.identity.key())
    };
    let Some(target) = key(folder) else {
        return Vec::new();
    };
    let home = Restoration::of(transaction);
    let found = transaction.files().filter_map(|(_, moved, _)| {
        let place = match direction {
            Direction::Forward => moved.path.clone(),
            Direction::Back => home.place(moved).into_owned(),
        };
        let volume = place.file_name()?.to_str()?.to_owned();
        (key(place.parent()?) == Some(target)).then_some(Ours {
            moved,
            place,
            volume,
        })
    });
    found.collect()
}

/// The first file in the folder over which libvirt would stop the pool. What may not be read here
/// libvirt passes over, or reads with more rights: neither is told by a look.
fn stopper(storage: &dyn StorageView, folder: &Path) -> Option<PathBuf> {
    let mut entries = storage.list(folder).ok()?;
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let files = entries
        .into_iter()
        .filter(|entry| matches!(entry.kind, FileKind::Regular | FileKind::Symlink));
    files
        .map(|entry| entry.path)
        .find(|path| storage.stops_a_pool(path).unwrap_or(false))
}

/// Takes off the list what has gone. Whether all of it is off.
///
/// # Errors
/// A name that was held could not be given back.
fn forget(world: &World, pool: &str, target: &Target, ours: &[Ours]) -> Result<bool, Failure> {
    let mut are_off = true;
    for one in ours {
        let is_held = hold(world, target, one).unwrap_or_else(|cause| {
            tracing::debug!(cause, volume = %one.volume, "left on its pool's list");
            false
        });
        if !is_held {
            are_off = false;
            continue;
        }
        let forgotten = world.hypervisor.forget_volume(pool, &one.volume);
        // libvirt has taken it away, unless it knows of no such volume, or will not.
        world.storage.release(&one.place)?;
        if let Err(error) = forgotten {
            tracing::debug!(%error, volume = %one.volume, "still on its pool's list");
            are_off = false;
        }
    }
    Ok(are_off)
}

/// Whether libvirt may be told to remove what has the name. Not where that is somebody's file by
/// now.
fn hold(world: &World, target: &Target, one: &Ours) -> Result<bool, String> {
    if !matches!(one.moved.facts.kind, FileKind::Regular | FileKind::Symlink) {
        return Err("it is no plain file".into());
    }
    (world.quarantine).out_of_reach(&target.spelled.join(&one.volume))?;
    let held = world.storage.reserve(&one.place);
    held.map_err(|error| error.to_string())
}

/// A run that was cut off while libvirt was at it may have left a folder where the file is to come
/// back.
pub(super) fn release(world: &World, place: &Path) -> Result<(), Failure> {
    match world.storage.glance(place)? {
        Some(there) if there.is_reservation() => Ok(world.storage.release(place)?),
        _ => Ok(()),
    }
}

/// Whether the list tells of the transaction's own files what is so.
fn is_true(world: &World, pool: &str, ours: &[Ours], direction: Direction) -> bool {
    ours.iter().all(|one| {
        // Only what libvirt would list: it passes over what is neither a file nor a folder.
        let expected = match world.storage.glance(&one.place) {
            Ok(there) => there.is_some(),
            Err(_) => return false,
        };
        if direction == Direction::Back && one.moved.pooled.is_none() {
            return true;
        }
        let listed = world.hypervisor.has_volume(pool, &one.volume);
        listed.is_ok_and(|listed| listed == expected || direction == Direction::Forward && !listed)
    })
}

/// The access times that files brought along from the quarantine, where nobody reads them: libvirt
/// reads every file of a pool when it makes its list.
pub(in crate::engine) struct LastRead(Vec<(PathBuf, Identity, FileTime)>);

impl LastRead {
    pub(in crate::engine) fn of<'t>(
        world: &World,
        transactions: impl Iterator<Item = &'t Transaction>,
    ) -> Self {
        let found = transactions.flat_map(|transaction| {
            let home = Restoration::of(transaction);
            let files = transaction.files();
            let files = files.filter(|(_, moved, _)| moved.facts.kind == FileKind::Regular);
            files
                .filter_map(|(_, moved, _)| {
                    let place = home.place(moved).into_owned();
                    let time = world.storage.accessed(&place).ok()??;
                    Some((place, moved.facts.identity, time))
                })
                .collect::<Vec<_>>()
        });
        Self(found.collect())
    }

    /// Every byte is back; who does not own the file may not set its times.
    pub(in crate::engine) fn restore(self, world: &World) {
        for (place, identity, time) in self.0 {
            if let Err(error) = world.storage.set_accessed(&place, &identity, time) {
                tracing::debug!(%error, "access time not kept");
            }
        }
    }
}
