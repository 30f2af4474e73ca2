//! The tree over leaves that come in any order, as whoever reads one transaction after the other
//! comes by them.
//!
//! In memory are the complete subtrees that no greater one has taken in yet, and the few nodes that
//! were asked for beforehand: a log of millions of entries is checked without holding their leaves.

use std::collections::HashMap;

use super::{Hash, hash, node};

/// Level and number of a node: it is over the leaves `number << level` and the `1 << level` from
/// there.
type Place = (u32, u64);

/// What will be asked of a tree, besides its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The root over so many of the first leaves.
    Root(u64),
    /// The proof that this leaf, counted from 0, is in the tree.
    Inclusion(u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathering {
    /// Of the whole tree.
    size: u64,
    added: u64,
    parts: HashMap<Place, Hash>,
    /// What was asked for; `None` until it is complete.
    kept: HashMap<Place, Option<Hash>>,
}

impl Gathering {
    /// For a tree over `size` leaves.
    pub fn new(size: u64, wanted: &[Wanted]) -> Self {
        let places = wanted.iter().flat_map(|wanted| match *wanted {
            Wanted::Root(size) => peaks(size).collect(),
            Wanted::Inclusion(index) => siblings(index, size),
        });
        Self {
            size,
            added: 0,
            parts: HashMap::new(),
            kept: places.map(|place| (place, None)).collect(),
        }
    }

    /// Whether it is new: a leaf that is there already is not taken in again.
    pub fn add(&mut self, index: u64, leaf: Hash) -> bool {
        let levels = 0..=(u64::BITS - self.size.max(index).leading_zeros()).min(63);
        if self.is_in_one_of(levels, index) {
            return false;
        }
        self.added += 1;
        let (mut place, mut hash) = ((0, index), leaf);
        loop {
            if let Some(kept) = self.kept.get_mut(&place) {
                *kept = Some(hash);
            }
            let (level, number) = place;
            let Some(other) = self.parts.remove(&(level, number ^ 1)) else {
                break;
            };
            hash = match number & 1 {
                0 => node(&hash, &other),
                _ => node(&other, &hash),
            };
            place = (level + 1, number >> 1);
        }
        self.parts.insert(place, hash);
        true
    }

    fn is_in_one_of(&self, mut levels: impl Iterator<Item = u32>, index: u64) -> bool {
        levels.any(|level| self.parts.contains_key(&(level, index >> level)))
    }

    /// How many there are before the first one that is missing.
    pub fn unbroken(&self) -> u64 {
        let mut at = 0_u64;
        let starts = |at: u64| {
            let levels = 0..=at.trailing_zeros().min(63);
            levels
                .rev()
                .find(|level| self.parts.contains_key(&(*level, at >> level)))
        };
        while let Some(level) = starts(at) {
            at += 1 << level;
        }
        at
    }

    /// Whether there are some beyond that.
    pub fn has_gap(&self) -> bool {
        self.added > self.unbroken()
    }

    /// The root over the first `size` leaves: all of them, or as many as were wanted. `None` where
    /// one is missing.
    pub fn root(&self, size: u64) -> Option<Hash> {
        if size == 0 {
            return Some(hash(&[]));
        }
        self.over(peaks(size))
    }

    /// The proof that a leaf is in the tree, from its sibling upwards; `None` where it was not
    /// wanted, or something is missing.
    pub fn inclusion(&self, index: u64) -> Option<Vec<Hash>> {
        let levels = levels_above(index, self.size);
        let path = levels.map(|number_and_level| {
            let (level, sibling) = number_and_level;
            match is_complete((level, sibling), self.size) {
                true => self.node((level, sibling)),
                // On the right edge: what there is of it.
                false => self.over(peaks(self.size).filter(|it| start(*it) >= sibling << level)),
            }
        });
        path.collect()
    }

    fn over(&self, peaks: impl DoubleEndedIterator<Item = Place>) -> Option<Hash> {
        let mut peaks = peaks.rev().map(|place| self.node(place));
        let last = peaks.next()??;
        peaks.try_fold(last, |right, left| Some(node(&left?, &right)))
    }

    fn node(&self, place: Place) -> Option<Hash> {
        let kept = self.kept.get(&place).copied().flatten();
        kept.or_else(|| self.parts.get(&place).copied())
    }
}

fn start((level, number): Place) -> u64 {
    number << level
}

fn is_complete((level, number): Place, size: u64) -> bool {
    ((number + 1) << level) <= size
}

/// The complete subtrees that a tree over `size` leaves is made of, the largest first: one for each
/// bit of it.
fn peaks(size: u64) -> impl DoubleEndedIterator<Item = Place> {
    let levels = (0..u64::BITS)
        .rev()
        .filter(move |level| size >> level & 1 == 1);
    levels.map(move |level| (level, (size >> level) - 1))
}

/// Level and number of each sibling on the way up, in a tree over `size` leaves.
fn levels_above(index: u64, size: u64) -> impl Iterator<Item = Place> {
    let levels = (0..u64::BITS).take_while(move |level| index < size && (size - 1) >> level > 0);
    let siblings = levels.map(move |level| (level, index >> level ^ 1));
    // The last of an odd number is the same one level up.
    siblings.filter(move |place| start(*place) < size)
}

fn siblings(index: u64, size: u64) -> Vec<Place> {
    let complete = levels_above(index, size).filter(move |place| is_complete(*place, size));
    complete.collect()
}
