//! What someone else uses stays (law 5).
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod blind;
mod broken_chains;
mod hidden;
mod hostile;
mod kinds;
mod links;
mod moment;
mod paths;
mod questions;
mod remembered;
mod world;
