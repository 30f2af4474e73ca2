//! Format 1, read only. The structs are frozen: what version 0.1 wrote is read by them for ever.
//!
//! What the model has learned since has no bytes here; each conversion says after `else` what a
//! record of this format means by its silence.

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
mod saved_plan;
mod step;
mod summary;
mod watched;

pub use begin::Begin;
pub use common::DomainRef;
pub use definition::Definition;
pub use event::{Entry, EventKind};
pub use evidence::Evidence;
pub use file::FileFacts;
pub use log::{Format, Head};
pub use plan::Plan;
pub use removal::Removal;
pub use saved_plan::SavedPlan;
pub use summary::Summary;
pub use watched::Watched;
