//! The log's tree: RFC 6962, section 2.1, with SHA-256.
//!
//! The kept crates for it hold all leaves in memory or on tiles; a command that appends has none of
//! them, only the complete subtrees on the right edge. That is the few lines of [`Frontier`].

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::primitive::Hash;

mod gathering;

pub use gathering::{Gathering, Wanted};

/// Of an entry: the bytes of its record, frame included.
pub fn leaf(record: &[u8]) -> Hash {
    hash(&[&[0], record])
}

pub fn node(left: &Hash, right: &Hash) -> Hash {
    hash(&[&[1], &left.0, &right.0])
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

/// A tree as far as appending to it goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Frontier {
    size: u64,
    /// The complete subtrees, the largest first: one for each bit of `size`.
    peaks: Vec<Hash>,
}

impl Frontier {
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether it can be the edge of a tree at all: what is read from a disk may not be.
    pub fn is_sound(&self) -> bool {
        self.peaks.len() == self.size.count_ones() as usize
    }

    pub fn push(&mut self, leaf: Hash) {
        let mut right = leaf;
        let mut size = self.size;
        while size & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            right = node(&left, &right);
            size >>= 1;
        }
        self.peaks.push(right);
        self.size += 1;
    }

    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return hash(&[]);
        };
        peaks.fold(*last, |right, left| node(left, &right))
    }
}

/// The root that follows from a leaf and its proof (RFC 9162, section 2.1.3.2); `None` where the
/// proof is of another length than a tree of this size has.
pub fn root_from(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut number, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if number & 1 == 1 || number == last {
            hash = node(sibling, &hash);
            while number & 1 == 0 && number != 0 {
                number >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, sibling);
        }
        number >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, word for word.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => hash(&[]),
            [one] => *one,
            many => {
                let k = many.len().next_power_of_two() / 2;
                node(&by_definition(&many[..k]), &by_definition(&many[k..]))
            }
        }
    }

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|it| leaf(&[it as u8])).collect()
    }

    fn gathered(leaves: &[Hash], wanted: &[Wanted]) -> Gathering {
        let mut gathering = Gathering::new(leaves.len() as u64, wanted);
        // Neither from the left nor from the right.
        let odd = leaves.iter().enumerate().skip(1).step_by(2);
        let even = leaves.iter().enumerate().step_by(2).rev();
        for (index, leaf) in odd.chain(even) {
            assert!(gathering.add(index as u64, *leaf));
            assert!(!gathering.add(index as u64, *leaf), "there twice");
        }
        gathering
    }

    #[test]
    fn the_frontier_is_the_tree_of_the_definition() {
        let mut frontier = Frontier::default();
        assert_eq!(
            format!("{:?}", frontier.root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for leaf in leaves(70) {
            frontier.push(leaf);
            let before = leaves(frontier.size() as usize);
            assert_eq!(frontier.root(), by_definition(&before), "{}", before.len());
        }
    }

    #[test]
    fn the_order_in_which_leaves_come_makes_no_difference() {
        for count in 0..70 {
            let leaves = leaves(count);
            let sizes: Vec<u64> = (0..=count as u64).collect();
            let wanted: Vec<Wanted> = sizes.iter().map(|size| Wanted::Root(*size)).collect();
            let gathering = gathered(&leaves, &wanted);
            assert_eq!(gathering.unbroken(), count as u64);
            assert!(!gathering.has_gap());
            for size in sizes {
                let root = by_definition(&leaves[..size as usize]);
                assert_eq!(gathering.root(size), Some(root), "{size} of {count}");
            }
        }
    }

    #[test]
    fn a_leaf_that_is_missing_is_named() {
        for missing in 0..20 {
            let mut gathering = Gathering::new(20, &[]);
            for (index, leaf) in leaves(20).into_iter().enumerate() {
                if index != missing {
                    gathering.add(index as u64, leaf);
                }
            }
            assert_eq!(gathering.unbroken(), missing as u64);
            assert_eq!(gathering.has_gap(), missing < 19);
            assert_eq!(gathering.root(20), None);
        }
    }

    #[test]
    fn each_leaf_is_proved_and_no_other() {
        for count in 1..40 {
            let leaves = leaves(count);
            let root = by_definition(&leaves);
            let size = count as u64;
            for index in 0..size {
                let gathering = gathered(&leaves, &[Wanted::Inclusion(index)]);
                let path = gathering.inclusion(index).unwrap();
                let leaf_there = leaves[index as usize];
                let found = root_from(leaf_there, index, size, &path);
                assert_eq!(found, Some(root), "{index} of {count}");
                let other = root_from(leaf(b"other"), index, size, &path);
                assert_ne!(other, Some(root));
                if let [_, shorter @ ..] = &path[..] {
                    assert_ne!(root_from(leaf_there, index, size, shorter), Some(root));
                }
            }
        }
    }
}
