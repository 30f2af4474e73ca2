//! What the program answers. One file for each answer or part of one: what it is, its JSON (structs
//! of their own: a field there is a promise, and the model's is not) and its text; here, how it
//! gets to stdout.

pub mod config;
pub mod doctor;
mod events;
mod finding;
pub mod journal;
mod layout;
pub mod list;
pub mod log;
pub mod plan;
pub mod policy;
pub mod prove;
pub mod purge;
pub mod rebuild;
pub mod recover;
pub mod refused;
pub mod rollback;
pub mod show;
mod space;
mod standing;
pub mod transactions;
mod user;
pub mod users;
pub mod verify;
pub mod volumes;
mod who;

pub use layout::Width;
pub use plan::Look;
pub use standing::Clock;

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::args::Output;
use super::context::Context;
use super::error::{CliError, Exit};
use super::safe::{lossless, visible, visible_json};

/// Answers in the form that was asked for.
///
/// # Errors
/// As [`out`].
pub fn answer<D: Serialize>(
    context: &Context,
    document: impl FnOnce() -> D,
    text: impl FnOnce() -> String,
) -> Result<(), CliError> {
    match context.output {
        Output::Json => print(&document()),
        Output::Text => out(&text()),
    }
}

/// Prints one document on stdout.
///
/// # Errors
/// As [`out`].
pub fn print(document: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(document).map_err(unprintable)?;
    out(&visible_json(&text))
}

/// Prints to stdout. A reader that has gone (`| head`) is no error.
///
/// # Errors
/// stdout is closed or full: the work is done, but the caller was not told (exit 1).
pub fn out(text: &str) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{}", visible(text)).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(unprintable(error)),
        _ => Ok(()),
    }
}

fn unprintable(error: impl std::fmt::Display) -> CliError {
    CliError::new(
        Exit::Error,
        "output",
        format!("the answer cannot be written: {error}"),
        "to see what was done: virt-retire list",
    )
}

fn path(path: &Path) -> String {
    lossless(path.as_os_str())
}
