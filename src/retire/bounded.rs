//! Files that somebody names on a command line, and that may be anything.

use std::fs::File;
use std::io::{Error, Read, Result};
use std::path::Path;

/// Whatever it is, a pipe or a device without end, no more than so many bytes are read.
///
/// # Errors
/// It cannot be read, or has more.
pub fn read_at_most(file: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(Error::other("it is too large")),
        false => Ok(bytes),
    }
}
