//! Rollback is identity (law 4): what comes back is what was there.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod artefacts;
mod chains;
mod changed_world;
mod files;
mod heaviest;
mod not_redefinable;
mod overlay;
mod rebuild;
mod recover;
mod rename;
mod trust;
