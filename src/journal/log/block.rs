//! Transactions that are closed, by the block: neighbours in one record, for sled's opening costs
//! what its pages number.
//!
//! A leaf of sled 0.34.7 holds 17 items at most (`node.rs`, `should_split`), however small they
//! are, and every opening reads a table of all pages and makes an object of each: with a summary
//! and a sealed record for each of 100,000 transactions that was 31,000 pages, 430 MB and 15 ms.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use crate::journal::format::Block;
use crate::journal::{Fault, decode, encode};

/// Transactions that a block has at most. What one of them says is read with all of them, so not
/// too many.
const SIZE: u64 = 64;
/// Bytes that are packed into one record. What one transaction says costs as much to read; those
/// whose definitions are huge stay apart.
const LARGEST: usize = 4 << 20;
/// Of zlib's ten levels.
const LEVEL: u8 = 6;

/// What a block is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Summaries,
    /// The Begin record and the Event records, one after the other.
    Records,
}

impl Part {
    pub const BOTH: [Part; 2] = [Part::Summaries, Part::Records];
}

/// Bytes of each transaction in a block, by its number.
pub type Members = BTreeMap<u64, Vec<u8>>;

/// Which block a transaction belongs to. There is no transaction 0.
pub fn number_of(id: u64) -> u64 {
    id.saturating_sub(1) / SIZE
}

/// Whether a block's last transaction has this number.
pub(super) fn ends_with(id: u64) -> bool {
    id > 0 && id.is_multiple_of(SIZE)
}

/// The numbers that belong to a block.
pub(super) fn range(number: u64) -> RangeInclusive<u64> {
    let first = number.saturating_mul(SIZE).saturating_add(1);
    first..=first.saturating_add(SIZE - 1)
}

/// As it is stored under.
pub(super) fn key(number: u64, part: Part) -> Vec<u8> {
    let mut key = number.to_be_bytes().to_vec();
    key.push(part as u8);
    key
}

/// # Errors
/// [`Fault::Damaged`]: no block has this key.
pub(super) fn number_in(key: &[u8]) -> Result<u64, Fault> {
    match key {
        [number @ .., 0 | 1] if number.len() == 8 => super::read::number(number),
        _ => Fault::damaged("a key of the blocks has the wrong form"),
    }
}

/// `None` where it would be too large.
pub(super) fn pack(number: u64, part: Part, members: &Members) -> Result<Option<Vec<u8>>, Fault> {
    let size: usize = members.values().map(Vec::len).sum();
    if size > LARGEST {
        return Ok(None);
    }
    let mut whole = Vec::with_capacity(size);
    members.values().for_each(|own| whole.extend(own));
    let lengths = members.iter().map(|(id, bytes)| (*id, bytes.len() as u64));
    let block = Block {
        number,
        part: part as u8,
        members: lengths.collect(),
        packed: compress_to_vec(&whole, LEVEL),
    };
    Ok(Some(encode(&block)?))
}

/// # Errors
/// [`Fault::Damaged`]: it is not the record that was written there.
pub(super) fn unpack(number: u64, part: Part, record: &[u8]) -> Result<Members, Fault> {
    let name = || format!("block {number}");
    let block: Block = decode(record).map_err(|error| Fault::record(name(), error))?;
    if (block.number, block.part) != (number, part as u8) {
        return Fault::damaged(format!("{} is stored as another", name()));
    }
    let whole = decompress_to_vec_with_limit(&block.packed, LARGEST)
        .map_err(|error| Fault::Damaged(format!("{}: {error}", name())))?;
    let mut members = Members::new();
    let mut rest = whole.as_slice();
    for (id, length) in block.members {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some((own, after)) = rest.split_at_checked(length) else {
            return Fault::damaged(format!("{} ends before transaction {id}", name()));
        };
        let is_next = members.last_key_value().is_none_or(|(last, _)| *last < id);
        if !range(number).contains(&id) || !is_next {
            return Fault::damaged(format!("{} has no place for transaction {id}", name()));
        }
        members.insert(id, own.to_vec());
        rest = after;
    }
    match rest.is_empty() && !members.is_empty() {
        true => Ok(members),
        false => Fault::damaged(format!("{} has another size", name())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_its_block_and_in_no_other() {
        for id in [1, 2, SIZE - 1, SIZE, SIZE + 1, 10 * SIZE, u64::MAX - SIZE] {
            let number = number_of(id);
            assert!(range(number).contains(&id), "{id}");
            assert!(!range(number + 1).contains(&id), "{id}");
            assert!(number == 0 || !range(number - 1).contains(&id), "{id}");
        }
        assert_eq!(range(0), 1..=SIZE);
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let members: Members = (65..=128)
            .map(|id| (id, vec![id as u8; id as usize]))
            .collect();
        for part in Part::BOTH {
            let record = pack(1, part, &members).unwrap().unwrap();
            assert_eq!(unpack(1, part, &record).unwrap(), members);
            assert!(unpack(2, part, &record).is_err());
        }
        let record = pack(1, Part::Records, &members).unwrap().unwrap();
        assert!(unpack(1, Part::Summaries, &record).is_err());
    }

    /// A frame whose checksum holds proves that it was written, not that it makes sense.
    #[test]
    fn a_block_that_makes_no_sense_is_refused() {
        let good: Members = [(1, vec![1, 2]), (2, vec![3])].into();
        let strange = |members: Vec<(u64, u64)>| {
            let packed = compress_to_vec(&[1, 2, 3], LEVEL);
            let (number, part) = (0, 0);
            let block = Block {
                number,
                part,
                members,
                packed,
            };
            unpack(0, Part::Summaries, &encode(&block).unwrap())
        };
        assert_eq!(strange(vec![(1, 2), (2, 1)]).unwrap(), good);
        let bad = [
            vec![],
            vec![(1, 2)],
            vec![(1, 2), (2, 2)],
            vec![(1, u64::MAX)],
            vec![(2, 2), (1, 1)],
            vec![(1, 2), (1, 1)],
            vec![(1, 2), (SIZE + 1, 1)],
            vec![(0, 2), (1, 1)],
        ];
        for members in bad {
            assert!(strange(members.clone()).is_err(), "{members:?}");
        }
    }
}
