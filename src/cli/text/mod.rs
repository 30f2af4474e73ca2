//! What a person reads. One file for each thing that is told; here, how it gets to stdout.

mod doctor;
mod done;
mod events;
mod finding;
mod layout;
mod list;
mod log;
mod plan;
mod purge;
mod rebuild;
mod recover;
mod rollback;
mod show;
mod subject;
mod who;

use std::io::Write;

use super::error::{CliError, Exit};
use super::safe::visible;

pub use doctor::examined;
pub use done::done;
pub use finding::finding;
pub use layout::table;
pub use list::{expiring, list};
pub use log::{CSV_HEADER, csv, logged};
pub use plan::{plan, user};
pub use purge::{purged, rows, selection, skipped};
pub use rebuild::rebuilt;
pub use recover::recovered;
pub use rollback::{came_back, would_come_back};
pub use show::show;
pub use subject::subject;

/// Prints to stdout. A reader that has gone (`| head`) is no error.
pub fn out(text: &str) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{}", visible(text)).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(CliError::new(
            Exit::Error,
            "output",
            format!("the answer cannot be written: {error}"),
            "to see what was done: virt-retire list",
        )),
        _ => Ok(()),
    }
}
