//! Where a file's data lies: FIEMAP (`linux/fiemap.h`, `Documentation/filesystems/fiemap.rst`).

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::SeekFrom;
use rustix::io::{Errno, retry_on_intr};

/// `_IOWR('f', 11, struct fiemap)`.
const FS_IOC_FIEMAP: libc::Ioctl = 0xc020_660b_u32 as libc::Ioctl;
/// Writes what waits in memory first.
const FLAG_SYNC: u32 = 1;
const LAST: u32 = 0x1;
/// Location unknown, not yet allocated, compressed, encrypted, within metadata, or packed with
/// others: the physical place means nothing, or writing does not go there.
const NOWHERE: u32 = 0x2 | 0x4 | 0x8 | 0x80 | 0x200 | 0x400;
const SHARED: u32 = 0x2000;
/// Extents that are asked for at once.
const COUNT: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Bytes from the beginning of the file.
    pub logical: u64,
    /// Bytes from the beginning of the device.
    pub physical: u64,
    pub length: u64,
    flags: u32,
}

impl Extent {
    pub fn is_shared(&self) -> bool {
        self.flags & SHARED != 0
    }

    /// The first `length` bytes, and the rest if there is one.
    pub fn split(self, length: u64) -> (Self, Option<Self>) {
        if length >= self.length {
            return (self, None);
        }
        let first = Self { length, ..self };
        let rest = Self {
            logical: self.logical + length,
            physical: self.physical + length,
            length: self.length - length,
            ..self
        };
        (first, Some(rest))
    }
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RawExtent {
    logical: u64,
    physical: u64,
    length: u64,
    reserved64: [u64; 2],
    flags: u32,
    reserved: [u32; 3],
}

#[repr(C)]
struct Fiemap {
    start: u64,
    length: u64,
    flags: u32,
    mapped: u32,
    count: u32,
    reserved: u32,
    extents: [RawExtent; COUNT],
}

/// All of a file's extents, those beyond its end and those not written yet included.
pub fn of(file: &OwnedFd) -> rustix::io::Result<Vec<Extent>> {
    let mut found: Vec<Extent> = Vec::new();
    let mut start = 0;
    loop {
        let mut map = Fiemap {
            start,
            length: u64::MAX - start,
            flags: FLAG_SYNC,
            mapped: 0,
            count: COUNT as u32,
            reserved: 0,
            extents: [RawExtent::default(); COUNT],
        };
        // SAFETY: the kernel writes at most `count` extents behind the header, for which there is
        // room, and the descriptor is open for as long as `file` lives.
        let result = unsafe { libc::ioctl(file.as_raw_fd(), FS_IOC_FIEMAP, &raw mut map) };
        if result < 0 {
            let error = std::io::Error::last_os_error();
            return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
        }
        let mapped = &map.extents[..(map.mapped as usize).min(COUNT)];
        found.extend(mapped.iter().map(|raw| Extent {
            logical: raw.logical,
            physical: raw.physical,
            length: raw.length,
            flags: raw.flags,
        }));
        match mapped.last() {
            Some(last) if last.flags & LAST == 0 => start = last.logical + last.length,
            _ => return Ok(found),
        }
    }
}

/// Without FIEMAP: what is data and no hole.
pub fn data(file: &OwnedFd) -> rustix::io::Result<Vec<Extent>> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let start = match retry_on_intr(|| rustix::fs::seek(file, SeekFrom::Data(at))) {
            Ok(start) => start,
            Err(Errno::NXIO) => return Ok(found),
            Err(errno) => return Err(errno),
        };
        at = retry_on_intr(|| rustix::fs::seek(file, SeekFrom::Hole(start)))?;
        found.push(Extent {
            logical: start,
            physical: 0,
            length: at - start,
            flags: 0,
        });
    }
}

/// The part before byte `at` of the file.
pub fn before(extents: &[Extent], at: u64) -> Vec<Extent> {
    let begun = extents.iter().filter(|it| it.logical < at);
    begun.map(|it| it.split(at - it.logical).0).collect()
}

/// The part from byte `at` of the file on.
pub fn from(extents: &[Extent], at: u64) -> Vec<Extent> {
    let whole = |it: &Extent| match it.logical >= at {
        true => Some(*it),
        false => it.split(at - it.logical).1,
    };
    extents.iter().filter_map(whole).collect()
}

/// How many bytes of `before` lie where they lay.
pub fn overlap(before: &[Extent], after: &[Extent]) -> u64 {
    let mut same = 0;
    for one in before.iter().filter(|it| it.flags & NOWHERE == 0) {
        for other in after.iter().filter(|it| it.flags & NOWHERE == 0) {
            let start = one.logical.max(other.logical);
            let end = (one.logical + one.length).min(other.logical + other.length);
            if start >= end {
                continue;
            }
            let place = |it: &Extent| it.physical + (start - it.logical);
            if place(one) == place(other) {
                same += end - start;
            }
        }
    }
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(logical: u64, physical: u64, length: u64) -> Extent {
        Extent {
            logical,
            physical,
            length,
            flags: 0,
        }
    }

    #[test]
    fn only_what_stayed_in_its_place_counts() {
        let before = [extent(0, 1_000, 100), extent(200, 5_000, 100)];
        assert_eq!(overlap(&before, &before), 200);
        // Split, and half of it moved.
        let after = [
            extent(0, 1_000, 50),
            extent(50, 9_000, 50),
            extent(200, 5_000, 100),
        ];
        assert_eq!(overlap(&before, &after), 150);
        assert_eq!(overlap(&before, &[]), 0);
        let told_nowhere = Extent {
            flags: 0x8,
            ..extent(0, 1_000, 100)
        };
        assert_eq!(overlap(&[told_nowhere], &[told_nowhere]), 0);
    }

    #[test]
    fn extents_are_cut_at_a_byte_of_the_file() {
        let all = [extent(0, 1_000, 100), extent(200, 5_000, 100)];
        assert_eq!(before(&all, 0), []);
        assert_eq!(from(&all, 0), all);
        assert_eq!(before(&all, 250), [all[0], extent(200, 5_000, 50)]);
        assert_eq!(from(&all, 250), [extent(250, 5_050, 50)]);
        assert_eq!(before(&all, 150), [all[0]]);
        assert_eq!(from(&all, 100), [all[1]]);
        assert_eq!(from(&all, 300), []);
    }
}
