//! The contract's JSON. Structs of their own: a field here is a promise, and the model's is not.
//!
//! One file for each document or part of one; here, how a document gets to stdout.

mod disk;
mod doctor;
mod event;
mod finding;
mod log;
mod plan;
mod purge;
mod rebuild;
mod recover;
mod show;
mod space;
mod transaction;
mod user;

use std::path::Path;

use serde::Serialize;

use super::error::{CliError, Exit};
use super::safe::{lossless, visible_json};

pub use doctor::Examined;
pub use log::{CheckpointJson, LogEntryJson};
pub use plan::Plans;
pub use purge::{Purged, Selected};
pub use rebuild::Rebuilt;
pub use recover::Recovered;
pub use show::Shown;
pub use transaction::{Listed, Transactions};
pub use user::UserJson;

fn path(path: &Path) -> String {
    lossless(path.as_os_str())
}

/// Prints one document on stdout.
///
/// # Errors
/// stdout is closed or full: the work is done, but the caller was not told (exit 1).
pub fn print(document: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(document).map_err(unprintable)?;
    super::text::out(&visible_json(&text))
}

fn unprintable(error: impl std::fmt::Display) -> CliError {
    CliError::new(
        Exit::Error,
        "output",
        format!("the answer cannot be written: {error}"),
        "to see what was done: virt-retire list",
    )
}
