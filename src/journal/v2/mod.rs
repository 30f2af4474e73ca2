//! Format 2: what is written.
//!
//! Enum variants are stored by position and fields by order; a struct within a struct is stored as
//! its fields alone.

mod access;
mod begin;
mod block;
mod common;
mod definition;
mod event;
mod evidence;
mod file;
mod hold;
mod log;
mod notice;
mod plan;
mod removal;
mod saved_plan;
mod sealed;
mod step;
mod summary;
mod watched;
mod wipe;

pub use begin::Begin;
pub use block::Block;
pub use common::DomainRef;
pub use definition::Definition;
pub use event::{Entry, EventKind};
pub use evidence::Evidence;
pub use file::FileFacts;
pub use log::{Format, Head, Mark, RECENT};
pub use notice::Notice;
pub use plan::Plan;
pub use removal::Removal;
pub use saved_plan::SavedPlan;
pub use sealed::Sealed;
pub use summary::{Extent, Summary};
pub use watched::Watched;
