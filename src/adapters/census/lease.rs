//! Asking the kernel whether anybody has a file open.
//!
//! A write lease is granted only while there is no other open descriptor of the file (fcntl(2),
//! "Leases"): not in another PID or mount namespace, not in a mapping whose descriptor was closed,
//! not in the kernel's own hands (loop, swap). So this sees what `/proc` cannot show. It is the
//! owner's and root's (CAP_LEASE), and some file systems have none; then the answer is `Unknown`.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, retry_on_intr};

use super::files;
use crate::model::{FileKind, Identity};

/// Which signal tells of a lease's breaking: `asm-generic/fcntl.h`; libc has no name for it.
const F_SETSIG: libc::c_int = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Free,
    Held,
    /// The name stands for another file than was meant, or for none.
    Another,
    Unknown,
}

pub fn ask(path: &Path, kind: FileKind, expected: &Identity) -> Answer {
    if kind != FileKind::Regular {
        return Answer::Unknown;
    }
    let found = retry_on_intr(|| {
        rustix::fs::openat2(
            CWD,
            path,
            OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
        )
    });
    let Ok(found) = found else {
        return Answer::Another;
    };
    if !files::is_open_at(found.as_fd(), expected) {
        return Answer::Another;
    }
    match files::reopen(found.as_fd()) {
        Ok(file) => take(&file),
        // Somebody holds a lease of their own.
        Err(Errno::AGAIN) => Answer::Held,
        Err(_) => Answer::Unknown,
    }
}

/// Takes the lease and gives it back. Whoever opens the file in between waits that long, and the
/// signal that tells us of it is one that is ignored by default: SIGIO would end the process.
fn take(file: &OwnedFd) -> Answer {
    let fd = file.as_raw_fd();
    // SAFETY: three calls on a descriptor that is open for as long as `file` lives, with integer
    // arguments only.
    let taken = unsafe {
        if libc::fcntl(fd, F_SETSIG, libc::SIGURG) < 0 {
            return Answer::Unknown;
        }
        libc::fcntl(fd, libc::F_SETLEASE, libc::F_WRLCK)
    };
    if taken == 0 {
        // SAFETY: as above. Closing the file would give the lease back too.
        unsafe { libc::fcntl(fd, libc::F_SETLEASE, libc::F_UNLCK) };
        return Answer::Free;
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::EAGAIN) => Answer::Held,
        _ => Answer::Unknown,
    }
}
