//! NVRAM that was kept in place, for a domain that comes back under another name: it gets a copy, as
//! part of being defined. See [`Homecoming::nvram_copy`].

use std::path::PathBuf;

use crate::ports::StorageError;

use super::super::World;
use super::super::error::Failure;
use super::super::homecoming::Homecoming;

/// Before the definition that names the copy. A file that was not there when the domain was retired
/// is made by libvirt when the guest starts.
pub(super) fn copy(world: &World, home: &Homecoming) -> Result<(), Failure> {
    let Some((kept, copy)) = places(world, home)? else {
        return Ok(());
    };
    if world.storage.facts(&copy)?.is_some() && !world.storage.is_equal(&kept, &copy)? {
        return Err(StorageError::Occupied(copy).into());
    }
    world.storage.copy(&kept, &copy)?;
    Ok(())
}

/// After the definition has gone again because the rollback failed. A copy that has changed since
/// is not ours alone any more, and stays.
pub(super) fn drop(world: &World, home: &Homecoming) -> Result<(), Failure> {
    let Some((kept, copy)) = places(world, home)? else {
        return Ok(());
    };
    if world.storage.facts(&copy)?.is_none() || world.storage.is_equal(&kept, &copy)? {
        world.storage.remove_copy(&copy)?;
    }
    Ok(())
}

/// Under their real names; `None` where there is nothing to copy.
fn places(world: &World, home: &Homecoming) -> Result<Option<(PathBuf, PathBuf)>, Failure> {
    let Some((kept, copy)) = home.nvram_copy()? else {
        return Ok(None);
    };
    let kept = world.storage.resolve(&kept)?.real;
    let copy = world.storage.resolve(&copy)?.real;
    let is_there = world.storage.facts(&kept)?.is_some();
    Ok(is_there.then_some((kept, copy)))
}
