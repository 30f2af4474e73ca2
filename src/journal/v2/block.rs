//! Neighbours that are closed, in one record.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    pub number: u64,
    /// 0: their Summaries; 1: what a Sealed has of each.
    pub part: u8,
    /// Of each transaction its number, and how many bytes of what is packed are its own; in their
    /// order.
    pub members: Vec<(u64, u64)>,
    /// Deflated (RFC 1951).
    pub packed: Vec<u8>,
}
