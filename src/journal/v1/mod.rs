//! Format 1. Once released, nothing in this folder changes: a change is a `v2` beside it.
//!
//! Enum variants are stored by position and fields by order. Conversions from the model take
//! their values apart by name without `..`, so that a new field of the model does not compile
//! until it has a place on the disk.

mod access;
mod begin;
mod common;
mod definition;
mod event;
mod evidence;
mod file;
mod log;
mod plan;
mod removal;
mod step;
mod summary;
mod watched;

pub use begin::{Begin, Place};
pub use common::{Bytes, DomainRef, Pooled, Time, Uuid};
pub use definition::{Checkpoint, Definition, Snapshot};
pub use event::{Entry, EventKind};
pub use evidence::Evidence;
pub use file::FileFacts;
pub use log::{Format, Hash, Head};
pub use plan::Plan;
pub use removal::Removal;
pub use step::Step;
pub use summary::{Summary, follow};
pub use watched::Watched;

use super::DecodeError;

/// A stored value that no model value stands for.
fn malformed(what: &str) -> DecodeError {
    DecodeError::Malformed(what.to_owned())
}
