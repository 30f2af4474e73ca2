//! The end of the process.

use std::io::Write;

use super::error::Exit;

/// Ends the process once what has been printed is written.
pub fn leave(exit: Exit) -> ! {
    let _ = std::io::stdout().flush();
    at_once(exit)
}

/// Ends it whatever its threads are at, one that waits for a reader who does not read among them:
/// it has standard output locked.
///
/// What C libraries do at an exit is left out. libvirt's event loop, and a call to a libvirt that
/// does not answer, run in threads of their own until then; and the libraries below libvirt free
/// what those threads use: seen once in some thousand runs of `list` under load, as an abort after
/// the answer was out. What is ours is closed by now, or `recover` goes on with it.
pub fn at_once(exit: Exit) -> ! {
    // SAFETY: it ends the process; nothing is run and nothing freed.
    unsafe { libc::_exit(exit as i32) }
}
