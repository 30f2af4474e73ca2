//! Transactional removal of libvirt domains and their storage.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod adapters;
pub mod journal;
pub mod model;
pub mod ports;
