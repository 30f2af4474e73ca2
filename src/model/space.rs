//! Space: what files hold of their file systems, and what would come back if they were destroyed.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::PathBuf;

use super::{Identity, TransactionId};

/// What one inode holds of its file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    pub identity: Identity,
    pub links: u64,
    /// Bytes, holes not counted.
    pub allocated: u64,
    /// Bytes from the beginning of the device that the file system says other files have, too
    /// (FIEMAP, `linux/fiemap.h`). Empty where it does not tell.
    pub shared: Vec<Range<u64>>,
}

/// Bytes that some files hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Allocated: each inode once, and each extent that several of the files share once.
    pub bytes: u64,
    /// Those of them that need not come back when these files are destroyed, because others have
    /// them too: extents that are shared, and inodes that have more names.
    pub shared: u64,
}

impl Held {
    /// Bytes that are free for certain once these files are destroyed.
    pub fn freed(self) -> u64 {
        self.bytes.saturating_sub(self.shared)
    }
}

impl std::iter::Sum for Held {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            bytes: sum.bytes.saturating_add(one.bytes),
            shared: sum.shared.saturating_add(one.shared),
        })
    }
}

/// Files counted together.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// By device and inode, with the names that were met.
    inodes: HashMap<(u64, u64), (Allocation, u64)>,
}

impl Tally {
    /// One name of an inode.
    pub fn add(&mut self, name: Allocation) {
        let entry = self.inodes.entry(name.identity.key());
        entry.or_insert((name, 0)).1 += 1;
    }

    /// By device number.
    pub fn by_device(&self) -> BTreeMap<u64, Held> {
        let mut held: BTreeMap<u64, Held> = BTreeMap::new();
        let mut ranges: BTreeMap<u64, Vec<Range<u64>>> = BTreeMap::new();
        for (inode, names) in self.inodes.values() {
            let device = inode.identity.device;
            let on = held.entry(device).or_default();
            if inode.links > *names {
                on.bytes = on.bytes.saturating_add(inode.allocated);
                on.shared = on.shared.saturating_add(inode.allocated);
                continue;
            }
            let shared = length(&inode.shared);
            // Extents may be longer than what is allocated: they are compressed, or packed.
            on.bytes = on
                .bytes
                .saturating_add(inode.allocated.saturating_sub(shared));
            ranges
                .entry(device)
                .or_default()
                .extend(inode.shared.iter().cloned());
        }
        for (device, ranges) in ranges {
            let shared = length(&merged(ranges));
            let on = held.entry(device).or_default();
            on.bytes = on.bytes.saturating_add(shared);
            on.shared = on.shared.saturating_add(shared);
        }
        held
    }

    pub fn held(&self) -> Held {
        self.by_device().into_values().sum()
    }
}

impl Extend<Allocation> for Tally {
    fn extend<I: IntoIterator<Item = Allocation>>(&mut self, names: I) {
        names.into_iter().for_each(|name| self.add(name));
    }
}

fn length(ranges: &[Range<u64>]) -> u64 {
    let each = ranges
        .iter()
        .map(|range| range.end.saturating_sub(range.start));
    each.fold(0, u64::saturating_add)
}

/// The same bytes, each once, in order.
pub fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// One file system on which something waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    pub device: u64,
    pub mount_point: PathBuf,
    pub held: Held,
    /// Bytes that are free, for whoever is not root.
    pub free: u64,
}

/// What quarantine holds, as it is on the disks now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Space {
    /// Each for itself: what two of them share is counted in both.
    pub transactions: Vec<(TransactionId, Held)>,
    /// All that is on each.
    pub file_systems: Vec<FileSystem>,
    /// All together.
    pub total: Held,
    /// Of these some files are not where they wait, or cannot be looked at.
    pub unseen: Vec<TransactionId>,
    /// Bytes of those files, as they were recorded. Not in the total.
    pub unseen_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vector of one range is taken for a mistake.
    fn at(from: u64, to: u64) -> std::ops::Range<u64> {
        from..to
    }

    fn inode(device: u64, inode: u64, allocated: u64) -> Allocation {
        Allocation {
            identity: Identity {
                device,
                inode,
                born: None,
            },
            links: 1,
            allocated,
            shared: Vec::new(),
        }
    }

    fn told(names: Vec<Allocation>) -> (u64, u64) {
        let mut tally = Tally::default();
        tally.extend(names);
        let held = tally.held();
        (held.bytes, held.freed())
    }

    #[test]
    fn an_inode_counts_once_and_is_freed_with_its_last_name() {
        let two = Allocation {
            links: 2,
            ..inode(1, 7, 100)
        };
        assert_eq!(told(vec![inode(1, 7, 100), inode(2, 7, 50)]), (150, 150));
        assert_eq!(told(vec![two.clone()]), (100, 0));
        assert_eq!(told(vec![two.clone(), two]), (100, 100));
    }

    #[test]
    fn an_extent_that_is_shared_counts_once_and_need_not_be_freed() {
        let of = |number, shared: Vec<Range<u64>>| Allocation {
            shared,
            ..inode(1, number, 100)
        };
        assert_eq!(told(vec![of(7, vec![at(1000, 1060)])]), (100, 40));
        // Sixty in both, and twenty more that the second shares with somebody.
        let both = vec![
            of(7, vec![at(1000, 1060)]),
            of(8, vec![1000..1060, 2000..2020]),
        ];
        assert_eq!(told(both), (40 + 20 + 80, 60));
        // The same place on another device is another place.
        let apart = vec![
            of(7, vec![at(1000, 1060)]),
            Allocation {
                shared: vec![at(1000, 1060)],
                ..inode(2, 7, 100)
            },
        ];
        assert_eq!(told(apart), (200, 80));
        // Compressed: the extents are longer than what they take.
        assert_eq!(told(vec![of(7, vec![at(0, 500)])]).1, 0);
    }

    #[test]
    fn ranges_that_touch_are_one() {
        assert_eq!(merged(vec![5..9, 0..5, 20..21, 7..8]), vec![0..9, 20..21]);
    }
}
