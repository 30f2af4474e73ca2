//! What lies on the disk: structs of their own for every stored record, their bytes, and the ways
//! between them and the model. Pure: bytes in, values out; who reads and writes them is in
//! `adapters`.
//!
//! The layout is described once, in `migrations/`.

pub mod checkpoint;
pub mod codec;
pub mod envelope;
mod error;
mod fault;
mod format;
pub mod legacy;
pub mod lines;
pub mod log;
pub mod manifest;
pub mod merkle;
mod mirror;
mod primitive;
pub mod remembered;
pub mod saved_plan;
mod v1;
mod v2;

pub use codec::{Record, decode, decode_first, encode};
pub use error::{DecodeError, EncodeError};
pub use fault::Fault;
pub use format::{
    Begin, Block, CURRENT, Entry, EventKind, Extent, Format, Head, Mark, RECENT, Sealed, Summary,
    Watched, version_of,
};
pub use mirror::{Load, Mirror};
pub use primitive::{Hash, Time};
pub use saved_plan::SavedPlan;
