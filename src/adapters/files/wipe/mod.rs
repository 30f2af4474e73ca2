//! Overwriting a quarantined file where it lies, before it is destroyed.
//!
//! What is overwritten are its allocated extents, as FIEMAP tells them (`linux/fiemap.h`): a sparse
//! file's holes hold nothing. Extents that other files share are skipped: to write there makes a
//! copy (xfs, btrfs), and what they hold is others'. That the writing went to the same place is
//! seen by asking for the extents again afterwards; a file system that writes elsewhere (btrfs, xfs
//! with always_cow) is so found out, and the certificate says it.
//!
//! Every so many bytes what was written is synced, judged and marked beside the file ([`mark`]), so
//! that a run that was cut off is carried on from there.

mod mark;
mod medium;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Dir, FallocateFlags, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::destroy::open_ours;
use super::extents::{self, Extent};
use super::relocate::is_same;
use super::{attributes, facts, sys};
use crate::model::{FileFacts, FileKind, WipeMethod, Wiped};
use crate::ports::StorageError;
use mark::Mark;
use serde::{Deserialize, Serialize};

pub use mark::remove as remove_mark;

/// Bytes that are written at once.
const CHUNK: usize = 1 << 20;
/// Bytes after which a run that is cut off need not begin anew: some seconds of a slow disk.
const STRIDE: u64 = 256 << 20;

/// Bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    overwritten: u64,
    shared: u64,
    elsewhere: u64,
    discarded: u64,
    /// Some file's extents are told by nobody.
    is_blind: bool,
    /// The file system's own journal has the data of some file, too.
    is_journaled: bool,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.overwritten += other.overwritten;
        self.shared += other.shared;
        self.elsewhere += other.elsewhere;
        self.discarded += other.discarded;
        self.is_blind |= other.is_blind;
        self.is_journaled |= other.is_journaled;
    }
}

/// `progress` hears of bytes done and of all of them, and says whether to go on.
pub fn wipe(
    path: &Path,
    expected: &FileFacts,
    method: WipeMethod,
    progress: &mut Progress<'_>,
) -> Result<Option<Wiped>, StorageError> {
    in_strides(path, expected, method, progress, STRIDE)
}

pub type Progress<'a> = dyn FnMut(u64, u64) -> bool + 'a;

fn in_strides(
    path: &Path,
    expected: &FileFacts,
    method: WipeMethod,
    progress: &mut Progress<'_>,
    stride: u64,
) -> Result<Option<Wiped>, StorageError> {
    let Some(folder) = open_ours(path.parent().unwrap_or(Path::new("/")))? else {
        return Ok(None);
    };
    let failed = |errno: Errno| StorageError::io("overwrite", path, errno);
    let (_, name) = sys::split(path)?;
    let found = match sys::open_at(&folder, name, OFlags::PATH | OFlags::NOFOLLOW) {
        Ok(found) => found,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed(errno)),
    };
    let stat = sys::stat(&found).map_err(failed)?;
    if !is_same(&stat, expected) {
        return Err(StorageError::Swapped(path.to_owned()));
    }
    let mut sum = Sum::default();
    match expected.kind {
        FileKind::Regular => {
            let mut mark = Mark::found(&folder, name, expected, method);
            one(&found, path, &mut mark, method, stride, progress, true)?;
            sum = mark.sum;
        }
        FileKind::Directory => below(&found, path, expected, method, progress, &mut sum)?,
        // A symlink, a device: nothing that is overwritten.
        _ => return Ok(None),
    }
    let medium = medium::of(&folder).map_err(failed)?;
    Ok(Some(Wiped {
        method,
        overwritten: sum.overwritten,
        shared: sum.shared,
        elsewhere: sum.elsewhere,
        discarded: sum.discarded,
        claim: claim(&sum, method, &medium),
        file_system: medium.file_system,
        medium: medium.device,
    }))
}

fn below(
    folder: &OwnedFd,
    path: &Path,
    facts_of_all: &FileFacts,
    method: WipeMethod,
    progress: &mut Progress<'_>,
    sum: &mut Sum,
) -> Result<(), StorageError> {
    let failed = |errno: Errno| StorageError::io("overwrite below", path, errno);
    let opened = sys::open_at(folder, ".", OFlags::RDONLY | OFlags::DIRECTORY).map_err(failed)?;
    let names: Vec<OsString> = Dir::read_from(&opened)
        .map_err(failed)?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = std::ffi::OsStr::from_bytes(entry.file_name().to_bytes());
            (name != "." && name != "..").then(|| name.to_owned())
        })
        .collect();
    for name in names {
        let inner =
            sys::open_at(&opened, &name, OFlags::PATH | OFlags::NOFOLLOW).map_err(failed)?;
        let stat = sys::stat(&inner).map_err(failed)?;
        match facts::kind(&stat) {
            FileKind::Regular => {
                // Small ones: they are begun anew.
                let mut mark = Mark::new(facts_of_all, method);
                let path = path.join(name);
                one(&inner, &path, &mut mark, method, STRIDE, progress, false)?;
                sum.add(&mark.sum);
            }
            FileKind::Directory => {
                below(
                    &inner,
                    &path.join(name),
                    facts_of_all,
                    method,
                    progress,
                    sum,
                )?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// From where `mark` says on. `keeps_mark`: it is written down, beside the file.
fn one(
    found: &OwnedFd,
    path: &Path,
    mark: &mut Mark,
    method: WipeMethod,
    stride: u64,
    progress: &mut Progress<'_>,
    keeps_mark: bool,
) -> Result<(), StorageError> {
    let failed = |errno: Errno| StorageError::io("overwrite", path, errno);
    let stat = sys::stat(found).map_err(failed)?;
    // Another name is another's file.
    if stat.stx_nlink > 1 {
        mark.sum.shared += stat.stx_blocks.saturating_mul(512);
        return Ok(());
    }
    if attributes::forbidding(found.as_fd(), &stat) != 0 {
        attributes::unlock(found.as_fd(), path)?;
    }
    let file = sys::reopen_to_write(found.as_fd()).map_err(failed)?;
    mark.sum.is_journaled |= attributes::is_data_journaled(&file);
    let before = match extents::of(&file) {
        Ok(before) => before,
        // No FIEMAP: the data alone can be found, and where it lies is told by nobody.
        Err(Errno::OPNOTSUPP | Errno::NOTTY) => {
            mark.sum.is_blind = true;
            extents::data(&file).map_err(failed)?
        }
        Err(errno) => return Err(failed(errno)),
    };
    let all: u64 = before.iter().map(|it| it.length).sum();
    let mut done: u64 = extents::before(&before, mark.to)
        .iter()
        .map(|it| it.length)
        .sum();
    let mut stretch: Vec<Extent> = Vec::new();
    let mut left: VecDeque<Extent> = extents::from(&before, mark.to).into();
    // The last turn, of nothing, syncs and judges what is left of a stride.
    while let Some(extent) = left.pop_front() {
        let so_far: u64 = stretch.iter().map(|it| it.length).sum();
        let room = stride.saturating_sub(so_far).max(1);
        let (part, rest) = extent.split(room);
        if let Some(rest) = rest {
            left.push_front(rest);
        }
        if !part.is_shared() {
            let mut told = |bytes: u64| progress(done + bytes, all);
            match method {
                WipeMethod::Discard => punch(&file, &part).map_err(failed)?,
                WipeMethod::Zero | WipeMethod::Random => {
                    if !fill(&file, &part, method, &mut told).map_err(failed)? {
                        return Err(StorageError::Stopped(path.to_owned()));
                    }
                }
            }
        }
        done += part.length;
        stretch.push(part);
        if left.is_empty() || so_far + part.length >= stride {
            retry_on_intr(|| rustix::fs::fdatasync(&file)).map_err(failed)?;
            judge(&file, &stretch, method, &mut mark.sum).map_err(failed)?;
            mark.to = part.logical + part.length;
            stretch.clear();
            // A single stride is as quickly done again.
            if keeps_mark && all > stride {
                mark.write(path)?;
            }
            if !progress(done, all) {
                return Err(StorageError::Stopped(path.to_owned()));
            }
        }
    }
    Ok(())
}

/// Adds up what became of a stretch that has been written to and synced.
fn judge(
    file: &OwnedFd,
    stretch: &[Extent],
    method: WipeMethod,
    sum: &mut Sum,
) -> rustix::io::Result<()> {
    let (shared, own): (Vec<Extent>, Vec<Extent>) = stretch.iter().partition(|it| it.is_shared());
    sum.shared += shared.iter().map(|it| it.length).sum::<u64>();
    let all: u64 = own.iter().map(|it| it.length).sum();
    if method == WipeMethod::Discard {
        sum.discarded += all;
        return Ok(());
    }
    let same = match sum.is_blind {
        true => 0,
        false => extents::overlap(&own, &extents::of(file)?),
    };
    sum.overwritten += same;
    sum.elsewhere += all.saturating_sub(same);
    Ok(())
}

fn punch(file: &OwnedFd, extent: &Extent) -> rustix::io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    retry_on_intr(|| rustix::fs::fallocate(file, flags, extent.logical, extent.length))
}

/// False where `told`, which hears of the bytes written, wants it to stop.
fn fill(
    file: &OwnedFd,
    extent: &Extent,
    method: WipeMethod,
    told: &mut dyn FnMut(u64) -> bool,
) -> rustix::io::Result<bool> {
    let mut chunk = vec![0; CHUNK];
    let (mut at, mut left) = (extent.logical, extent.length);
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let part = &mut chunk[..length];
        if method == WipeMethod::Random {
            random(part)?;
        }
        let written = retry_on_intr(|| rustix::io::pwrite(file, &*part, at))?;
        if written == 0 {
            return Err(Errno::IO);
        }
        at += written as u64;
        left -= written as u64;
        if !told(extent.length - left) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn random(mut part: &mut [u8]) -> rustix::io::Result<()> {
    while !part.is_empty() {
        let flags = rustix::rand::GetRandomFlags::empty();
        let length = retry_on_intr(|| rustix::rand::getrandom(&mut *part, flags))?;
        part = &mut part[length..];
    }
    Ok(())
}

/// Of a file overwritten through its file system no more than "clear" can be said, and of nothing
/// but the blocks that were written where they were.
fn claim(sum: &Sum, method: WipeMethod, medium: &medium::Medium) -> String {
    if method == WipeMethod::Discard {
        return "none: discarding is a hint to the medium, and nothing was overwritten".into();
    }
    let mut but = Vec::new();
    if sum.is_blind {
        but.push("the file system does not tell where its data lies".to_owned());
    } else if sum.elsewhere > 0 {
        but.push(format!(
            "{} bytes were written elsewhere by the file system, and the old ones are still there",
            sum.elsewhere
        ));
    }
    if sum.shared > 0 {
        but.push(format!(
            "{} bytes were not overwritten: other files share them",
            sum.shared
        ));
    }
    if sum.is_journaled {
        but.push("the file system's journal had the data too (chattr +j)".to_owned());
    }
    if let Some(doubt) = &medium.doubt {
        but.push(doubt.clone());
    }
    let whole = sum.elsewhere == 0 && sum.shared == 0 && !sum.is_blind;
    match (whole, but.is_empty()) {
        (true, true) => "clear (NIST SP 800-88r2), of this file's blocks alone".into(),
        (true, false) => format!(
            "clear (NIST SP 800-88r2) at most, of this file's blocks alone: {}",
            but.join("; ")
        ),
        (false, _) => format!("none for the whole file: {}", but.join("; ")),
    }
}

#[cfg(test)]
#[path = "../wipe_tests.rs"]
mod tests;
