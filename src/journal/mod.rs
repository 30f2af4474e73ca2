//! What lies on the disk: structs of their own for every stored record, their bytes, and the ways
//! between them and the model. Pure: bytes in, values out; who reads and writes them is in
//! `adapters`.
//!
//! The layout is described once, in `migrations/0001-initial.md`.

pub mod codec;
pub mod envelope;
mod error;
pub mod manifest;
pub mod saved_plan;
pub mod v1;

pub use codec::{Record, decode, decode_first, encode};
pub use error::{DecodeError, EncodeError};
pub use saved_plan::SavedPlan;
