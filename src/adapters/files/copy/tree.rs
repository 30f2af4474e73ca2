//! A folder with all that is in it. It is ours alone until it is whole: nobody else can put
//! anything in, or take anything out.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Dir, Mode, OFlags, Statx};
use rustix::io::{Errno, retry_on_intr};

use super::super::{facts, folders, sys};
use super::{Made, made, node};
use crate::model::FileKind;

/// Folders within folders, each of which costs three open files.
const DEEPEST: usize = 64;

/// `source` is an `O_PATH` descriptor of a folder, which is copied to the free name `name`.
pub fn tree(source: &OwnedFd, stat: &Statx, folder: &OwnedFd, name: &OsStr) -> io::Result<Made> {
    copy(source, stat, folder, name, DEEPEST)
}

fn copy(
    source: &OwnedFd,
    stat: &Statx,
    folder: &OwnedFd,
    name: &OsStr,
    depth: usize,
) -> io::Result<Made> {
    if depth == 0 {
        return Err(Errno::NAMETOOLONG.into());
    }
    let source = sys::reopen(source.as_fd())?;
    retry_on_intr(|| rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o700)))?;
    let target = open_made(folder, name)?;
    for entry in Dir::read_from(&source)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        match child(&source, name, &target, depth) {
            // swtpm replaces its files by rename: a name of a moment ago is no loss.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    node::dress(&source, stat, &target)?;
    made(&target)
}

fn child(source: &OwnedFd, name: &OsStr, target: &OwnedFd, depth: usize) -> io::Result<()> {
    let from = sys::open_at(source, name, OFlags::PATH | OFlags::NOFOLLOW)?;
    let stat = sys::stat(&from)?;
    match facts::kind(&stat) {
        FileKind::Regular => node::fill(&from, &stat, &folders::create(target, name)?),
        FileKind::Symlink => node::symlink(&from, &stat, target, name).map(drop),
        FileKind::Directory => copy(&from, &stat, target, name, depth - 1).map(drop),
        // A socket or a pipe of the running guest holds nothing.
        FileKind::BlockDevice | FileKind::Other => Ok(()),
    }
}

/// The folder that was just made: in a folder of somebody else's its name may have been given to
/// another one, but to none that is empty, ours and closed to others, and yet not as good.
fn open_made(folder: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let made = sys::open_at(folder, name, flags)?;
    let stat = sys::stat(&made)?;
    let mut names = Dir::read_from(&made)?
        .map(|entry| entry.map(|entry| entry.file_name().to_bytes().to_vec()));
    let is_empty = names.try_fold(true, |empty, name| {
        name.map(|name| empty && (name == b"." || name == b".."))
    })?;
    let is_private =
        stat.stx_uid == rustix::process::geteuid().as_raw() && stat.stx_mode & 0o077 == 0;
    if is_empty && is_private {
        Ok(made)
    } else {
        Err(Errno::EXIST.into())
    }
}
