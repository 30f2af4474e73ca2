//! The entries of all transactions in the log's one order, a few transactions in memory at a time.
//!
//! Entries lie by transaction, and one transaction's entries may be years apart: its begin and its
//! purge. So of each only the place of its next entry is known, and it is read when the walk comes
//! there; what comes much later is let go of and read again then.

use std::collections::BTreeMap;

use crate::journal::Fault;
use crate::model::Order;

/// How many entries of the log a transaction is kept over.
const NEAR: u64 = 4096;

/// A transaction's entries with their sequences, in their order.
pub(super) type EntriesOf<'a, T> = dyn FnMut(u64) -> Result<Vec<(u64, T)>, Fault> + 'a;

pub(super) struct InOrder<T> {
    order: Order,
    /// By the sequence of the next entry, and the transaction.
    next: BTreeMap<(u64, u64), Waiting<T>>,
}

enum Waiting<T> {
    Unread,
    /// The next one last.
    Read(Vec<(u64, T)>),
}

impl<T> InOrder<T> {
    pub(super) fn new(order: Order) -> Self {
        Self {
            order,
            next: BTreeMap::new(),
        }
    }

    /// The first entry of transaction `id` that the walk will come to is at `sequence`.
    pub(super) fn expect(&mut self, sequence: u64, id: u64) {
        self.next.insert((sequence, id), Waiting::Unread);
    }

    /// What is at `sequence`, of whatever transaction; `None` where no transaction has it. To be
    /// asked of each sequence in turn, and again until there is none.
    ///
    /// # Errors
    /// Those of `load`.
    pub(super) fn take(
        &mut self,
        sequence: u64,
        load: &mut EntriesOf<'_, T>,
    ) -> Result<Option<T>, Fault> {
        loop {
            let mut here = self.next.range((sequence, 0)..=(sequence, u64::MAX));
            let Some(key) = here.next().map(|(key, _)| *key) else {
                return Ok(None);
            };
            let mut left = match self.next.remove(&key) {
                Some(Waiting::Read(left)) => left,
                Some(Waiting::Unread) => self.left(load(key.1)?, sequence),
                None => Vec::new(),
            };
            let is_here = left.last().is_some_and(|(it, _)| *it == sequence);
            let entry = if is_here { left.pop() } else { None };
            self.put_back(key.1, sequence, left);
            if let Some((_, entry)) = entry {
                return Ok(Some(entry));
            }
        }
    }

    /// Those that the walk has not passed yet, the next one last.
    fn left(&self, entries: Vec<(u64, T)>, sequence: u64) -> Vec<(u64, T)> {
        let is_left = |it: u64| match self.order {
            Order::OldestFirst => it >= sequence,
            Order::NewestFirst => it <= sequence,
        };
        let mut left: Vec<_> = entries.into_iter().filter(|(it, _)| is_left(*it)).collect();
        if self.order == Order::OldestFirst {
            left.reverse();
        }
        left
    }

    fn put_back(&mut self, id: u64, sequence: u64, left: Vec<(u64, T)>) {
        let Some(next) = left.last().map(|(next, _)| *next) else {
            return;
        };
        let waiting = match next.abs_diff(sequence) <= NEAR {
            true => Waiting::Read(left),
            false => Waiting::Unread,
        };
        self.next.insert((next, id), waiting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Transaction 1 has entries at both ends of a long log, and is not held meanwhile.
    #[test]
    fn what_comes_much_later_is_read_again() {
        let far = 3 * NEAR;
        let entries = |id: u64| -> Vec<(u64, u64)> {
            match id {
                1 => vec![(1, 1), (3, 1), (far, 1)],
                _ => vec![(2, 2), (4, 2)],
            }
        };
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let mut walk = InOrder::new(order);
            let first = match order {
                Order::OldestFirst => [(1, 1), (2, 2)],
                Order::NewestFirst => [(far, 1), (4, 2)],
            };
            for (at, id) in first {
                walk.expect(at, id);
            }
            let mut reads = Vec::new();
            let mut found = Vec::new();
            let mut sequences: Vec<u64> = (1..=far).collect();
            if order == Order::NewestFirst {
                sequences.reverse();
            }
            for sequence in sequences {
                let taken = walk.take(sequence, &mut |id| {
                    reads.push(id);
                    Ok(entries(id))
                });
                found.extend(taken.unwrap().map(|id| (sequence, id)));
            }
            found.sort_unstable();
            assert_eq!(found, [(1, 1), (2, 2), (3, 1), (4, 2), (far, 1)]);
            assert_eq!(reads.iter().filter(|id| **id == 1).count(), 2);
            assert_eq!(reads.len(), 3);
            assert!(walk.next.is_empty());
        }
    }
}
