//! The real implementations of [`crate::ports`].

pub mod sled_journal;
