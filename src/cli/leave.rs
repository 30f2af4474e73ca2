//! The end of the process.

use std::io::Write;

use super::error::Exit;

/// Ends the process without what C libraries do at an exit. libvirt's event loop, and a call to a
/// libvirt that does not answer, run in threads of their own until then; and the libraries below
/// libvirt free what those threads use: seen once in some thousand runs of `list` under load, as an
/// abort after the answer was out. What is ours is closed by now, and what has been printed is
/// written here.
pub fn leave(exit: Exit) -> ! {
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().flush();
    // SAFETY: it ends the process; nothing is run and nothing freed.
    unsafe { libc::_exit(exit as i32) }
}
