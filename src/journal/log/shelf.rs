//! Where records lie: bytes under keys, in trees (`migrations/`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::block::{self, Members, Part};
use crate::journal::Fault;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tree {
    /// `format`, `head`.
    Meta,
    /// Begin records of transactions that are not sealed, by number.
    Begins,
    /// Event records of transactions that are not sealed, and those of none, by number and
    /// sequence.
    Events,
    /// By number.
    Summaries,
    /// The numbers of transactions that claim something; nothing under them.
    Claims,
    /// Closed transactions, by number.
    Sealed,
    /// Closed transactions, many in a record, by the block's number and part.
    Blocks,
}

impl Tree {
    pub const ALL: [Tree; 7] = [
        Tree::Meta,
        Tree::Begins,
        Tree::Events,
        Tree::Summaries,
        Tree::Claims,
        Tree::Sealed,
        Tree::Blocks,
    ];

    /// Its name on the disk.
    pub fn name(self) -> &'static str {
        match self {
            Tree::Meta => "meta",
            Tree::Begins => "transactions",
            Tree::Events => "events",
            Tree::Summaries => "summaries",
            Tree::Claims => "claims",
            Tree::Sealed => "sealed",
            Tree::Blocks => "blocks",
        }
    }
}

pub const FORMAT: &[u8] = b"format";
pub const HEAD: &[u8] = b"head";

/// One record put, or taken away where `value` is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub tree: Tree,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

pub(super) fn put(tree: Tree, key: Vec<u8>, value: Vec<u8>) -> Change {
    Change {
        tree,
        key,
        value: Some(value),
    }
}

pub(super) fn gone(tree: Tree, key: Vec<u8>) -> Change {
    Change {
        tree,
        key,
        value: None,
    }
}

/// What is handed each record with its key, until it fails.
pub type Each<'a> = dyn FnMut(&[u8], Vec<u8>) -> Result<(), Fault> + 'a;

pub trait Shelf {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Fault>;

    /// Every record whose key begins with `prefix`, in the order of the keys, until `each` fails.
    fn scan(&self, tree: Tree, prefix: &[u8], each: &mut Each<'_>) -> Result<(), Fault>;

    /// The greatest key below this one.
    fn before(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Fault>;

    /// One part of a block, unpacked; `None` where there is no such block. Whoever can, keeps a few
    /// of them: they are asked for again.
    fn block(&self, number: u64, part: Part) -> Result<Option<Arc<Members>>, Fault> {
        read_block(self, number, part)
    }
}

/// # Errors
/// [`Fault::Damaged`] where it is not the block that was written.
pub fn read_block<S: Shelf + ?Sized>(
    shelf: &S,
    number: u64,
    part: Part,
) -> Result<Option<Arc<Members>>, Fault> {
    let record = shelf.get(Tree::Blocks, &block::key(number, part))?;
    let members = record.map(|record| block::unpack(number, part, &record));
    Ok(members.transpose()?.map(Arc::new))
}

/// Records in memory: for tests and fuzzing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory(pub BTreeMap<(Tree, Vec<u8>), Vec<u8>>);

impl Memory {
    pub fn apply(&mut self, changes: &[Change]) {
        for Change { tree, key, value } in changes {
            match value {
                Some(value) => self.0.insert((*tree, key.clone()), value.clone()),
                None => self.0.remove(&(*tree, key.clone())),
            };
        }
    }
}

impl Shelf for Memory {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.0.get(&(tree, key.to_vec())).cloned())
    }

    fn scan(&self, tree: Tree, prefix: &[u8], each: &mut Each<'_>) -> Result<(), Fault> {
        let from = (tree, prefix.to_vec());
        for ((found, key), value) in self.0.range(from..) {
            if *found != tree || !key.starts_with(prefix) {
                break;
            }
            each(key, value.clone())?;
        }
        Ok(())
    }

    fn before(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let below = self.0.range((tree, Vec::new())..(tree, key.to_vec()));
        Ok(below.map(|((_, key), _)| key.clone()).next_back())
    }
}
