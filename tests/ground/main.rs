//! What the other suites stand on: the private libvirt, the comparison of states, and the adapter
//! to libvirt.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod harness;
mod identity;
mod libvirt_adapter;
