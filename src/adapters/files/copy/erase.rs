//! What a run that was cut off has left, and copies that are not needed any more.
//!
//! Whoever owns a folder may give any name in it to any folder in it, the quarantine included. So a
//! folder is emptied only where nobody else may write, or if all in it is what a copy would have
//! made; a file's name he could take away himself.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, Dir, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, retry_on_intr};

use super::super::{facts, sys};
use crate::model::FileKind;

/// Takes a name away, with all that is below it. In a folder that is not ours alone, a folder goes
/// only if nothing is in it but what `model` has (an `O_PATH` descriptor of the one that is
/// copied).
pub fn erase(folder: &OwnedFd, name: &OsStr, model: Option<&OwnedFd>) -> io::Result<()> {
    match unlink(folder, name, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => {}
        other => return Ok(other?),
    }
    let found = open_below(folder, name)?;
    match model {
        Some(model) if !is_ours_alone(folder)? => fits(&found, &sys::reopen(model.as_fd())?)?,
        _ => refuse_shared(folder)?,
    }
    empty(&found)?;
    Ok(unlink(folder, name, AtFlags::REMOVEDIR)?)
}

/// # Errors
/// Others may write to this folder.
pub fn refuse_shared(folder: &OwnedFd) -> io::Result<()> {
    match is_ours_alone(folder)? {
        true => Ok(()),
        false => Err(sys::said(
            Errno::NOTEMPTY,
            "it is a folder, in one that others may write to",
        )),
    }
}

fn is_ours_alone(folder: &OwnedFd) -> io::Result<bool> {
    let stat = sys::stat(folder)?;
    let me = rustix::process::geteuid().as_raw();
    Ok(stat.stx_uid == me && stat.stx_mode & 0o022 == 0)
}

/// Gone is gone.
fn unlink(folder: &OwnedFd, name: &OsStr, flags: AtFlags) -> rustix::io::Result<()> {
    match retry_on_intr(|| rustix::fs::unlinkat(folder, name, flags)) {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// Never into what is mounted there.
pub fn open_below(folder: &OwnedFd, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    retry_on_intr(|| {
        rustix::fs::openat2(
            folder,
            name,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV,
        )
    })
}

fn fits(found: &OwnedFd, like: &OwnedFd) -> io::Result<()> {
    for (name, kind) in names(found)? {
        let model = sys::stat_at(like, &name, AtFlags::empty());
        if !model.is_ok_and(|model| facts::kind(&model) == kind) {
            return Err(sys::said(
                Errno::NOTEMPTY,
                "something that is no part of a copy is in its temporary folder",
            ));
        }
        if kind == FileKind::Directory {
            fits(&open_below(found, &name)?, &open_below(like, &name)?)?;
        }
    }
    Ok(())
}

pub fn empty(folder: &OwnedFd) -> io::Result<()> {
    for (name, kind) in names(folder)? {
        let flags = match kind {
            FileKind::Directory => {
                empty(&open_below(folder, &name)?)?;
                AtFlags::REMOVEDIR
            }
            _ => AtFlags::empty(),
        };
        unlink(folder, &name, flags)?;
    }
    Ok(())
}

fn names(folder: &OwnedFd) -> io::Result<Vec<(OsString, FileKind)>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name != "." && name != ".." {
            let stat = sys::stat_at(folder, name, AtFlags::empty())?;
            found.push((name.to_owned(), facts::kind(&stat)));
        }
    }
    Ok(found)
}
