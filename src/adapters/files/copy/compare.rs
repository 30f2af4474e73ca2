//! Whether a copy and what it was copied to (or from) still hold the same.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, OFlags, Statx};

use super::super::facts;
use super::super::relocate::look;
use super::super::sys::{self, Entry};
use crate::model::FileKind;
use crate::ports::StorageError;

pub fn is_equal(one: &Path, other: &Path) -> Result<bool, StorageError> {
    let opened =
        |path: &Path| look(&Entry::open(path)?)?.ok_or_else(|| StorageError::Gone(path.to_owned()));
    let (here, there) = (opened(one)?, opened(other)?);
    same(&here, &there).map_err(|error| StorageError::io("compare", one, error))
}

/// An `O_PATH` descriptor and what it stands for.
type Opened = (OwnedFd, Statx);

fn same((one, here): &Opened, (other, there): &Opened) -> io::Result<bool> {
    let kind = facts::kind(here);
    if kind != facts::kind(there) {
        return Ok(false);
    }
    match kind {
        FileKind::Symlink => {
            Ok(facts::link_target(one.as_fd())? == facts::link_target(other.as_fd())?)
        }
        FileKind::Directory => folders(&sys::reopen(one.as_fd())?, &sys::reopen(other.as_fd())?),
        FileKind::Regular if here.stx_size != there.stx_size => Ok(false),
        FileKind::Regular => {
            let files = (sys::reopen(one.as_fd())?, sys::reopen(other.as_fd())?);
            bytes(files.0.into(), files.1.into(), here.stx_size)
        }
        FileKind::BlockDevice | FileKind::Other => Ok(false),
    }
}

fn folders(one: &OwnedFd, other: &OwnedFd) -> io::Result<bool> {
    let names = names(one)?;
    if names != self::names(other)? {
        return Ok(false);
    }
    let open = |folder: &OwnedFd, name: &OsStr| {
        let fd = sys::open_at(folder, name, OFlags::PATH | OFlags::NOFOLLOW)?;
        let stat = sys::stat(&fd)?;
        io::Result::Ok((fd, stat))
    };
    for name in names {
        if !same(&open(one, &name)?, &open(other, &name)?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn bytes(mut one: File, mut other: File, mut left: u64) -> io::Result<bool> {
    let mut buffers = (vec![0; 64 << 10], vec![0; 64 << 10]);
    while left > 0 {
        let count = left.min(64 << 10) as usize;
        one.read_exact(&mut buffers.0[..count])?;
        other.read_exact(&mut buffers.1[..count])?;
        if buffers.0[..count] != buffers.1[..count] {
            return Ok(false);
        }
        left -= count as u64;
    }
    Ok(true)
}

/// What a folder holds, but for sockets and pipes, which are not copied.
fn names(folder: &OwnedFd) -> io::Result<BTreeSet<OsString>> {
    let mut names = BTreeSet::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        match facts::kind(&sys::stat_at(folder, name, AtFlags::empty())?) {
            FileKind::Regular | FileKind::Directory | FileKind::Symlink => {
                names.insert(name.to_owned());
            }
            FileKind::BlockDevice | FileKind::Other => {}
        }
    }
    Ok(names)
}
