//! The ports' one real implementation each.

pub mod files;
