//! Why bytes are no record, and why a record is no bytes.

use thiserror::Error;

/// Why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    #[error("it ends before its end")]
    Truncated,
    #[error("it does not begin as a record of virt-retire")]
    BadMagic,
    #[error("its checksum does not match")]
    Checksum,
    /// The checksum holds, so this is no damage.
    #[error("it has format {found}; this version knows formats up to {known}")]
    Newer { found: u16, known: u16 },
    #[error("it is a record of kind {found}, where kind {expected} belongs")]
    Kind { found: u16, expected: u16 },
    /// The frame holds, but what is in it makes no sense.
    #[error("it is malformed: {0}")]
    Malformed(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EncodeError {
    #[error("the record would be larger than {} MiB", limit >> 20)]
    TooLarge { limit: usize },
    #[error("the record cannot be written: {0}")]
    Unwritable(String),
}
