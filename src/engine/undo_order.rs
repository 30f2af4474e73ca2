//! In which order several transactions are undone: a matter of what they took, never of how they
//! were typed.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use super::bases::left_behind;
use crate::model::{Transaction, TransactionId};

/// The newest first: a later one may have taken what an earlier one's domain stands on. Where it is
/// the other way round (a base that left with the first of a batch), the base comes back first.
pub fn order_back(wanted: &[Transaction]) -> Vec<TransactionId> {
    let mut taken_by: HashMap<PathBuf, Vec<TransactionId>> = HashMap::new();
    for one in wanted {
        for (_, taken, _) in one.taken() {
            let by = taken_by.entry(taken.path().to_owned()).or_default();
            by.push(one.id);
        }
    }
    let stands_on = |one: &Transaction| -> BTreeSet<TransactionId> {
        let bases = left_behind(&one.plan);
        let others = bases.filter_map(|path| taken_by.get(&path)).flatten();
        others.copied().filter(|id| *id != one.id).collect()
    };
    let mut left: Vec<(TransactionId, BTreeSet<TransactionId>)> =
        wanted.iter().map(|one| (one.id, stands_on(one))).collect();
    left.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    let mut order = Vec::new();
    while !left.is_empty() {
        let is_ready = |bases: &BTreeSet<TransactionId>| bases.iter().all(|id| order.contains(id));
        // A circle is for the looks to refuse.
        let next = left.iter().position(|(_, bases)| is_ready(bases));
        order.push(left.remove(next.unwrap_or(0)).0);
    }
    order
}
