//! One process at a time: `flock` on a file that says who.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::super::clock;
use super::fault::Fault;
use crate::ports::JournalError;

const POLL: Duration = Duration::from_millis(20);

/// Held for the life of the value. The kernel lets go when the process ends, however it ends;
/// std opens with `O_CLOEXEC`, so no child inherits it.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// # Errors
    /// [`JournalError::Held`] after `wait`; [`JournalError::Io`].
    pub(super) fn take(
        path: &Path,
        wait: Duration,
        purpose: &str,
        on_wait: &mut dyn FnMut(&str),
    ) -> Result<Self, JournalError> {
        let fault = |error: std::io::Error| Fault::io(path, error).at("lock", path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc_nofollow())
            .open(path)
            .map_err(fault)?;
        let until = Instant::now().checked_add(wait);
        let mut told = false;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(error) => return Err(fault(error.into())),
            }
            let left = until.map_or(POLL, |until| {
                until.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return Err(JournalError::Held {
                    holder: holder(path),
                });
            }
            if !told {
                on_wait(&holder(path));
                told = true;
            }
            std::thread::sleep(POLL.min(left));
        }
        // Whatever was written before is stale: its writer is gone.
        let found = file.metadata().map_err(fault)?;
        super::folder::make_owners_alone(path, &found).map_err(fault)?;
        file.set_len(0).map_err(fault)?;
        let since = clock::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let pid = std::process::id();
        // Who it is helps a person; a full disk that has no room for it is no reason to stop.
        let _ = file.write_all(format!("{purpose} (process {pid}, since {since})\n").as_bytes());
        Ok(Self { _file: file })
    }
}

fn libc_nofollow() -> i32 {
    rustix::fs::OFlags::NOFOLLOW.bits() as i32
}

fn holder(path: &Path) -> String {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(400).read_to_string(&mut text));
    match read {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "another virt-retire".to_owned(),
    }
}
