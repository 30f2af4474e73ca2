//! The journal on its own: its records, its store, its lock, and what damage, full disks and power
//! cuts do to it.
#![allow(clippy::panic, clippy::unwrap_used)]

mod sample;
#[path = "../support/mod.rs"]
mod support;

mod audit;
mod damage;
mod flips;
mod full_disk;
mod golden;
mod history;
mod lock;
mod log;
mod many;
mod migration;
mod newer;
mod power_cut;
mod program;
mod records;
mod store;
mod transfer;
