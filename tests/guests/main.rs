//! Guests that run, are stopped, or die by themselves.
#![allow(clippy::panic, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod byproducts;
mod destroy;
mod live;
mod running;
mod watch;
