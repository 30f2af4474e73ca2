//! A fault at every change of every verb. Bounded here; `make sweep` tries every one.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod errors;
mod kill;
mod libvirtd;
mod power;
mod signals;
