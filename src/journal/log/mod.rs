//! The log: what is written with an append, how a transaction is read back, and what a check finds.
//! Pure code over records; whoever keeps their bytes is a [`Shelf`].

mod block;
mod check;
mod fold;
mod order;
mod page;
mod read;
mod seal;
mod shelf;
mod write;

pub use block::{Members, Part as BlockPart};
pub use check::{Checked, at_open, whole};
pub use page::{entries, entries_since, records_in_order};
pub use read::{Records, claiming, outstanding, read, records, summaries, summary};
pub use shelf::{Change, Each, FORMAT, HEAD, Memory, Shelf, Tree, read_block};
pub use write::{Appended, Part, Writer};

/// The key of what is one transaction's alone.
pub(crate) fn key(id: u64) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

/// The key of a log entry: transaction and sequence.
pub(crate) fn entry_key(id: u64, sequence: u64) -> Vec<u8> {
    [id.to_be_bytes(), sequence.to_be_bytes()].concat()
}
