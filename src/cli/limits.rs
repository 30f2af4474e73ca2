//! Memory that the shell or the service manager does not give us. sled, glib and the standard library end the
//! process, or call a journal damaged, where they get none: so it is asked before anything begins.

use rustix::process::{Resource, getrlimit};

use super::error::{CliError, Exit};

/// Bytes of address space. Most of it is never touched: each thread reserves 64 MiB for its heap
/// (mallopt(3), `M_ARENA_MAX`). A retirement was seen to take 846 MB, and to abort below 300 MB.
const LEAST: u64 = 1 << 30;

/// # Errors
/// Too little address space, or data (setrlimit(2)). Nothing was changed.
pub fn refuse_too_little_memory() -> Result<(), CliError> {
    for (resource, option) in [(Resource::As, "v"), (Resource::Data, "d")] {
        if let Some(limit) = getrlimit(resource).current
            && limit < LEAST
        {
            let (have, need) = (limit >> 10, LEAST >> 10);
            return Err(CliError::new(
                Exit::Error,
                "memory-limit",
                format!(
                    "memory is limited to {have} KiB (ulimit -{option}), and {need} KiB are needed. \
                     Nothing was changed."
                ),
                format!("raise the limit (ulimit -{option} unlimited) and type the command again"),
            ));
        }
    }
    Ok(())
}
