//! One file or symlink, and what it wears: read from one descriptor, set on another.

use std::ffi::OsStr;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Statx, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::{Errno, retry_on_intr};

use super::super::{facts, sys};
use super::{Made, made};
use crate::model::FileKind;

/// ACLs that a new file has from its folder, and its model has not.
const INHERITED: &[u8] = b"system.posix_acl_";

/// Gives an empty file of ours the contents of `source` (an `O_PATH` descriptor), its holes, and
/// all that it wears, durably.
pub fn fill(source: &OwnedFd, stat: &Statx, target: &OwnedFd) -> io::Result<()> {
    let source = sys::reopen(source.as_fd())?;
    contents(source.try_clone()?.into(), target.try_clone()?.into())?;
    dress(&source, stat, target)
}

fn contents(mut source: std::fs::File, mut target: std::fs::File) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    let mut length = 0_u64;
    loop {
        let count = source.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        let part = &buffer[..count];
        if part.iter().all(|byte| *byte == 0) {
            target.seek_relative(count as i64)?;
        } else {
            target.write_all(part)?;
        }
        length += count as u64;
    }
    target.set_len(length)
}

/// Owner before mode (a change of owner drops set-id bits), times last, then the sync. Both are
/// open for more than their path.
pub fn dress(source: &OwnedFd, stat: &Statx, target: &OwnedFd) -> io::Result<()> {
    rustix::fs::fchown(target, Some(uid(stat)), Some(gid(stat)))?;
    rustix::fs::fchmod(
        target,
        Mode::from_raw_mode(u32::from(stat.stx_mode) & 0o7777),
    )?;
    let wanted = attributes(source)?;
    for name in attributes(target)? {
        if name.starts_with(INHERITED) && !wanted.contains(&name) {
            rustix::fs::fremovexattr(target, &name[..])?;
        }
    }
    for name in wanted {
        let mut value = vec![0; 64 << 10];
        let length = rustix::fs::fgetxattr(source, &name[..], &mut value[..])?;
        rustix::fs::fsetxattr(target, &name[..], &value[..length], XattrFlags::empty())?;
    }
    let time = |time: rustix::fs::StatxTimestamp| Timespec {
        tv_sec: time.tv_sec,
        tv_nsec: time.tv_nsec.into(),
    };
    rustix::fs::futimens(
        target,
        &Timestamps {
            last_access: time(stat.stx_atime),
            last_modification: time(stat.stx_mtime),
        },
    )?;
    retry_on_intr(|| rustix::fs::fsync(target))?;
    Ok(())
}

fn attributes(file: &OwnedFd) -> io::Result<Vec<Vec<u8>>> {
    let mut names = vec![0; 64 << 10];
    let length = match rustix::fs::flistxattr(file, &mut names[..]) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => 0,
        Err(errno) => return Err(errno.into()),
    };
    Ok(names[..length]
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(<[u8]>::to_vec)
        .collect())
}

/// The same symlink under another name. Its owner is set on the link that was made, whatever has
/// its name by then.
pub fn symlink(source: &OwnedFd, stat: &Statx, folder: &OwnedFd, name: &OsStr) -> io::Result<Made> {
    let text = facts::link_target(source.as_fd())?;
    retry_on_intr(|| rustix::fs::symlinkat(&text, folder, name))?;
    let link = sys::open_at(folder, name, OFlags::PATH | OFlags::NOFOLLOW)?;
    let there = sys::stat(&link)?;
    let is_ours = facts::kind(&there) == FileKind::Symlink
        && there.stx_uid == rustix::process::geteuid().as_raw()
        && facts::link_target(link.as_fd())? == text;
    if !is_ours {
        return Err(Errno::EXIST.into());
    }
    let (uid, gid) = (Some(uid(stat)), Some(gid(stat)));
    rustix::fs::chownat(&link, "", uid, gid, AtFlags::EMPTY_PATH)?;
    made(&link)
}

fn uid(stat: &Statx) -> Uid {
    Uid::from_raw(stat.stx_uid)
}

fn gid(stat: &Statx) -> Gid {
    Gid::from_raw(stat.stx_gid)
}
