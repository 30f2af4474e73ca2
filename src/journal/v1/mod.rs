//! Format 1. Once released, nothing in this folder changes: a change is a `v2` beside it.
//!
//! Enum variants are stored by position and fields by order; a struct within a struct is stored as
//! its fields alone.

mod access;
mod begin;
mod common;
mod definition;
mod event;
mod evidence;
mod file;
mod log;
mod mirror;
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
pub use mirror::Mirror;
pub use plan::Plan;
pub use removal::Removal;
pub use step::Step;
pub use summary::{Summary, follow};
pub use watched::Watched;
