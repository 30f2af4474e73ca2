//! What a person reads. One file for each thing that is told; here, how it gets to stdout.

mod batch;
mod doctor;
mod done;
mod events;
mod finding;
mod layout;
mod list;
mod log;
mod open;
mod plan;
mod purge;
mod rebuild;
mod recover;
mod refused;
mod rollback;
mod show;
mod standing;
mod subject;
mod who;

use std::io::Write;

use super::error::{CliError, Exit};
use super::safe::visible;

pub use batch::plans;
pub use doctor::examined;
pub use done::{done, ranges};
pub use finding::finding;
pub use layout::{Width, table};
pub use list::{expiring, list};
pub use log::{CSV_HEADER, csv, logged, message};
pub use open::{interrupted, left_open};
pub use plan::{Look, total, user};
pub use purge::{purged, rows, selection, skipped};
pub use rebuild::rebuilt;
pub use recover::recovered;
pub use refused::refused;
pub use rollback::{came_back, transaction, would_come_back};
pub use show::{Asked, show};
pub use standing::{Circumstances, Clock};
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
