//! A second hard link, for a file that somebody else (libvirt) will delete by its first name.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::AtFlags;
use rustix::io::{Errno, retry_on_intr};

use super::durable::Unsynced;
use super::relocate::{is_two_names, link_entry, look};
use super::sys::{self, Entry};
use crate::model::Identity;
use crate::ports::{Moved, StorageError};

pub fn link(
    from: &Path,
    to: &Path,
    expected: &Identity,
    unsynced: &Unsynced,
) -> Result<Moved, StorageError> {
    let target = Entry::open(to)?;
    let moved = match look(&target)? {
        Some((_, stat)) if sys::is(&stat, expected) => Moved::Already,
        Some(_) => return Err(StorageError::Occupied(to.to_owned())),
        None => {
            make(from, &target, expected)?;
            Moved::Now
        }
    };
    let Some((fd, stat)) = look(&target)? else {
        return Err(StorageError::Gone(to.to_owned()));
    };
    unsynced.file(fd.as_fd(), &stat, &target.folder, to)?;
    unsynced.folder(&target.folder, &target.folder_path)?;
    Ok(moved)
}

fn make(from: &Path, target: &Entry<'_>, expected: &Identity) -> Result<(), StorageError> {
    let Some(source) = Entry::open_if_there(from)? else {
        return Err(StorageError::Gone(from.to_owned()));
    };
    match look(&source)? {
        None => return Err(StorageError::Gone(from.to_owned())),
        Some((_, stat)) if !sys::is(&stat, expected) => {
            return Err(StorageError::Swapped(from.to_owned()));
        }
        Some(_) => {}
    }
    link_entry(&source, target).map_err(|errno| match errno {
        Errno::EXIST => StorageError::Occupied(target.path.to_owned()),
        Errno::NOENT => StorageError::Gone(from.to_owned()),
        other => StorageError::io("give a second name to", from, other),
    })?;
    match look(target)? {
        Some((_, stat)) if sys::is(&stat, expected) => Ok(()),
        // The first name was given to another file since it was looked at.
        _ => {
            remove(target)?;
            Err(StorageError::Swapped(from.to_owned()))
        }
    }
}

pub fn unlink_spare(spare: &Path, kept: &Path, unsynced: &Unsynced) -> Result<Moved, StorageError> {
    let Some(second) = Entry::open_if_there(spare)? else {
        return Ok(Moved::Already);
    };
    let Some((_, stat)) = look(&second)? else {
        unsynced.folder(&second.folder, &second.folder_path)?;
        return Ok(Moved::Already);
    };
    let first = Entry::open_if_there(kept)?;
    let Some((first, kept_stat)) = first
        .map(|first| Ok(look(&first)?.map(|(_, stat)| (first, stat))))
        .transpose()?
        .flatten()
    else {
        return Err(StorageError::Gone(kept.to_owned()));
    };
    if !is_two_names(&stat, &kept_stat, &second, &first)? {
        return Err(StorageError::Swapped(spare.to_owned()));
    }
    remove(&second)?;
    unsynced.folder(&second.folder, &second.folder_path)?;
    Ok(Moved::Now)
}

fn remove(entry: &Entry<'_>) -> Result<(), StorageError> {
    retry_on_intr(|| rustix::fs::unlinkat(&entry.folder, entry.name, AtFlags::empty()))
        .map_err(|errno| StorageError::io("remove", entry.path, errno))
}

#[cfg(test)]
#[path = "second_name_tests.rs"]
mod tests;
