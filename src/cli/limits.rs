//! Memory that the shell or the service manager does not give us. sled, glib and the standard
//! library end the process, or call a journal damaged, where they get none: so it is asked before
//! anything begins.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::error::{CliError, Exit};

/// Bytes of address space. Most of it is never touched: each thread reserves 64 MiB for its heap
/// (mallopt(3), `M_ARENA_MAX`). A retirement was seen to take 846 MB, and to abort below 300 MB.
const LEAST: u64 = 1 << 30;

/// Bytes of stack: what Linux gives by itself. Below 1 MiB a plan was seen to overflow it.
const STACK: u64 = 8 << 20;
const LEAST_STACK: u64 = 1 << 20;

/// The first stack grows as far as the limit is at that moment, so it can be raised from within: by
/// anyone up to the hard limit, and by root beyond it (setrlimit(2)).
///
/// # Errors
/// It stays too small even to read the command line. Nothing was changed.
pub fn make_room_on_the_stack() -> Result<(), CliError> {
    let limit = getrlimit(Resource::Stack);
    if limit.current.is_none_or(|have| have >= STACK) {
        return Ok(());
    }
    let hard = limit.maximum.unwrap_or(STACK);
    let wanted = [hard.max(STACK), hard].map(|maximum| Rlimit {
        current: Some(STACK.min(maximum)),
        maximum: limit.maximum.map(|_| maximum),
    });
    for limits in wanted {
        if setrlimit(Resource::Stack, limits).is_ok() {
            break;
        }
    }
    match getrlimit(Resource::Stack).current {
        Some(have) if have < LEAST_STACK => Err(CliError::new(
            Exit::Error,
            "memory-limit",
            format!(
                "the stack is limited to {} KiB (ulimit -s), and {} KiB are needed. Nothing was \
                 changed.",
                have >> 10,
                LEAST_STACK >> 10
            ),
            "raise the limit (ulimit -s 8192) and type the command again",
        )),
        _ => Ok(()),
    }
}

/// # Errors
/// Too little address space, or data (setrlimit(2)). Nothing was changed.
pub fn refuse_too_little_memory() -> Result<(), CliError> {
    for (resource, option) in [(Resource::As, "v"), (Resource::Data, "d")] {
        if let Some(limit) = getrlimit(resource).current
            && limit < LEAST
        {
            let (have, need) = (limit >> 10, LEAST >> 10);
            return Err(CliError::unchanged(
                Exit::Error,
                "memory-limit",
                format!(
                    "memory is limited to {have} KiB (ulimit -{option}), and {need} KiB are needed"
                ),
                format!("raise the limit (ulimit -{option} unlimited) and type the command again"),
            ));
        }
    }
    Ok(())
}
