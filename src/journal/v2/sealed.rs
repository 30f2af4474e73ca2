//! A closed transaction: its records, byte for byte, folded into one.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    pub id: u64,
    /// Bytes, of what is packed.
    pub size: u64,
    /// The Begin record and the Event records one after the other, deflated (RFC 1951).
    pub packed: Vec<u8>,
}
