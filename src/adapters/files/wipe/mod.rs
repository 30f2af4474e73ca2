//! Overwriting a quarantined file where it lies, before it is destroyed.
//!
//! What is overwritten are its allocated extents, as FIEMAP tells them (`linux/fiemap.h`): a sparse
//! file's holes hold nothing. Extents that other files share are skipped: to write there makes a copy
//! (xfs, btrfs), and what they hold is others'. That the writing went to the same place is seen by
//! asking for the extents again afterwards; a file system that writes elsewhere (btrfs, xfs with
//! always_cow) is so found out, and the certificate says it.

mod medium;

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

/// Bytes that are written at once.
const CHUNK: usize = 1 << 20;

/// Bytes.
#[derive(Default)]
struct Sum {
    overwritten: u64,
    shared: u64,
    elsewhere: u64,
    discarded: u64,
    /// Some file's extents are told by nobody.
    is_blind: bool,
}

pub fn wipe(
    path: &Path,
    expected: &FileFacts,
    method: WipeMethod,
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
        FileKind::Regular => one(&found, path, method, &mut sum)?,
        FileKind::Directory => below(&found, path, method, &mut sum)?,
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
    method: WipeMethod,
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
            FileKind::Regular => one(&inner, &path.join(name), method, sum)?,
            FileKind::Directory => below(&inner, &path.join(name), method, sum)?,
            _ => {}
        }
    }
    Ok(())
}

fn one(
    found: &OwnedFd,
    path: &Path,
    method: WipeMethod,
    sum: &mut Sum,
) -> Result<(), StorageError> {
    let failed = |errno: Errno| StorageError::io("overwrite", path, errno);
    let stat = sys::stat(found).map_err(failed)?;
    // Another name is another's file.
    if stat.stx_nlink > 1 {
        sum.shared += stat.stx_blocks.saturating_mul(512);
        return Ok(());
    }
    if attributes::forbidding(found.as_fd(), &stat) != 0 {
        attributes::unlock(found.as_fd(), path)?;
    }
    let file = sys::reopen_to_write(found.as_fd()).map_err(failed)?;
    let before = match extents::of(&file) {
        Ok(before) => before,
        // No FIEMAP: the data alone can be found, and where it lies is told by nobody.
        Err(Errno::OPNOTSUPP | Errno::NOTTY) => {
            sum.is_blind = true;
            extents::data(&file).map_err(failed)?
        }
        Err(errno) => return Err(failed(errno)),
    };
    let (shared, own): (Vec<Extent>, Vec<Extent>) = before.iter().partition(|it| it.is_shared());
    sum.shared += shared.iter().map(|it| it.length).sum::<u64>();
    if method == WipeMethod::Discard {
        for extent in &own {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            retry_on_intr(|| rustix::fs::fallocate(&file, flags, extent.logical, extent.length))
                .map_err(failed)?;
            sum.discarded += extent.length;
        }
        return retry_on_intr(|| rustix::fs::fdatasync(&file)).map_err(failed);
    }
    for extent in &own {
        fill(&file, extent, method).map_err(failed)?;
    }
    retry_on_intr(|| rustix::fs::fdatasync(&file)).map_err(failed)?;
    let all: u64 = own.iter().map(|it| it.length).sum();
    let same = match sum.is_blind {
        true => 0,
        false => extents::overlap(&own, &extents::of(&file).map_err(failed)?),
    };
    sum.overwritten += same;
    sum.elsewhere += all.saturating_sub(same);
    Ok(())
}

fn fill(file: &OwnedFd, extent: &Extent, method: WipeMethod) -> rustix::io::Result<()> {
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
    }
    Ok(())
}

fn random(mut part: &mut [u8]) -> rustix::io::Result<()> {
    while !part.is_empty() {
        let flags = rustix::rand::GetRandomFlags::empty();
        let length = retry_on_intr(|| rustix::rand::getrandom(&mut *part, flags))?;
        part = &mut part[length..];
    }
    Ok(())
}

/// Of a file overwritten through its file system no more than "clear" can be said, and of nothing but
/// the blocks that were written where they were.
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
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_never_more_than_what_was_seen() {
        let medium = medium::Medium::default();
        let told = |sum: Sum, method| claim(&sum, method, &medium);
        let sum = || Sum {
            overwritten: 4096,
            ..Sum::default()
        };
        assert!(told(sum(), WipeMethod::Zero).starts_with("clear"));
        assert!(told(sum(), WipeMethod::Discard).starts_with("none"));
        for less in [
            Sum { shared: 1, ..sum() },
            Sum {
                elsewhere: 1,
                ..sum()
            },
            Sum {
                is_blind: true,
                ..sum()
            },
        ] {
            assert!(told(less, WipeMethod::Random).starts_with("none"));
        }
    }
}
