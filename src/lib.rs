//! Transactional removal of libvirt domains and their storage.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod adapters;
pub mod cli;
pub mod engine;
pub mod image;
pub mod journal;
pub mod model;
pub mod planner;
pub mod ports;
pub mod survey;
pub mod xml;
