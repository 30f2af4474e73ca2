//! What goes wrong below the port, and panics turned into it.
//!
//! sled 0.34.7 panics on some damaged files and on some failed writes, in our thread and in its
//! own; none of that may take the command down or reach the terminal.

use std::cell::{Cell, RefCell};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::{Mutex, Once, PoisonError, mpsc};
use std::time::Duration;

pub(super) use crate::journal::Fault;
use crate::ports::JournalError;

impl Fault {
    pub(super) fn at(self, doing: &'static str, path: &Path) -> JournalError {
        let path = path.to_owned();
        match self {
            Self::Io(cause) => JournalError::Io { doing, path, cause },
            Self::Damaged(cause) => JournalError::Damaged { path, cause },
            Self::Newer { found, known } => JournalError::Newer { path, found, known },
            Self::Clock(now) => JournalError::Clock { now },
        }
    }
}

impl From<sled::Error> for Fault {
    fn from(error: sled::Error) -> Self {
        match &error {
            // A file that sled's own log speaks of.
            sled::Error::Io(cause) if cause.kind() == io::ErrorKind::NotFound => {
                Self::Damaged(format!("a file of sled's is missing: {cause}"))
            }
            sled::Error::Unsupported(cause) => Self::Damaged(cause.clone()),
            sled::Error::Corruption { .. } => Self::Damaged("a page fails its checksum".into()),
            _ if is_lock(&error) => Self::Io(error.to_string()),
            _ => said(error.to_string()),
        }
    }
}

/// sled's own lock on its file: threads of a journal that was just closed may still hold it.
pub(super) fn is_lock(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(cause) if cause.to_string().contains("could not acquire lock"))
}

/// A thousand times what a write takes.
const UNUSUAL: Duration = Duration::from_secs(1);

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work` on sled. A panic becomes [`Fault::Io`] where the kernel's error shows through, and
/// [`Fault::Damaged`] otherwise.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    quieten();
    let before = QUIET.replace(true);
    // Whatever `work` leaves half done is in sled, and a store that panicked is not used again.
    let result = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    result.unwrap_or_else(|_| {
        let words = SAID.take().unwrap_or_else(|| "no reason given".into());
        Err(said(format!("sled gave up: {words}")))
    })
}

/// Runs `work` as [`caught`] does, and gives it up after `limit`; its thread is left to end with
/// the process. Where it takes unusually long, `nudge` is run beside it.
pub(super) fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    nudge: impl FnOnce() -> Result<(), Fault> + Send + 'static,
) -> Result<T, Fault> {
    let (send, receive) = mpsc::sync_channel(1);
    let worker = Worker::take()?;
    worker.run(move || {
        // Nobody listens any more if it took too long.
        let _ = send.send(caught(work));
    })?;
    if let Ok(result) = receive.recv_timeout(UNUSUAL.min(limit)) {
        worker.give_back();
        return result;
    }
    Worker::start()?.run(move || {
        let _ = caught(nudge);
    })?;
    match receive.recv_timeout(limit.saturating_sub(UNUSUAL)) {
        Ok(result) => {
            worker.give_back();
            result
        }
        Err(_) => {
            let seconds = limit.as_secs();
            Err(Fault::Io(format!(
                "the disk has not answered for {seconds} seconds"
            )))
        }
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// The thread that waits for the disk, so that the process need not. One serves the whole process,
/// from write to write; there are more only while it is busy, and one that hangs is left behind.
struct Worker(mpsc::Sender<Job>);

static IDLE: Mutex<Option<Worker>> = Mutex::new(None);

impl Worker {
    /// The idle one, or a new one.
    fn take() -> Result<Self, Fault> {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).take();
        idle.map_or_else(Self::start, Ok)
    }

    fn start() -> Result<Self, Fault> {
        let (send, receive) = mpsc::channel::<Job>();
        let work = move || receive.iter().for_each(|job| job());
        std::thread::Builder::new()
            .name("journal".into())
            .spawn(work)
            .map(|_| Self(send))
            .map_err(no_thread)
    }

    fn run(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Fault> {
        self.0.send(Box::new(job)).map_err(no_thread)
    }

    /// It has done what it was given. Where another one is idle already, this one ends.
    fn give_back(self) {
        *IDLE.lock().unwrap_or_else(PoisonError::into_inner) = Some(self);
    }
}

fn no_thread(error: impl std::fmt::Display) -> Fault {
    Fault::Io(format!("no thread for the journal: {error}"))
}

/// sled reports what it cannot parse as I/O errors, and wraps the kernel's errors in text of its
/// own: only the kernel's have a number, in one of std's two spellings.
fn said(words: String) -> Fault {
    if words.contains("Os {") || words.contains("os error") {
        Fault::Io(words)
    } else {
        Fault::Damaged(words)
    }
}

/// Puts a hook before the process's own, once: it keeps to itself what panics inside `caught` and
/// in sled's threads, and hands on everything else.
fn quieten() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            let is_sleds = std::thread::current()
                .name()
                .is_some_and(|name| name.starts_with("sled-io-"));
            if QUIET.get() {
                let said = info.to_string();
                // The first line is the place in sled's source.
                let said = said.lines().nth(1).unwrap_or(&said).to_owned();
                SAID.set(Some(said));
            } else if !is_sleds {
                before(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_keeps_its_words() {
        let result: Result<(), Fault> = caught(|| panic!("bad page"));
        assert_eq!(result, Err(Fault::Damaged("sled gave up: bad page".into())));
    }

    #[test]
    fn what_never_ends_is_an_error() {
        let moment = Duration::from_millis(20);
        let forever = || {
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        };
        let result = within(moment, forever, || Ok(()));
        assert!(matches!(result, Err(Fault::Io(_))), "{result:?}");
        let minute = Duration::from_secs(60);
        assert_eq!(within(minute, || Ok(7), || Ok(())), Ok(7));
    }

    #[test]
    fn one_thread_serves_from_work_to_work() {
        let minute = Duration::from_secs(60);
        let who = || within(minute, || Ok(std::thread::current().id()), || Ok(()));
        // Tests beside this one may have it for a moment.
        let same = (0..100).filter(|_| who() == who()).count();
        assert!(same > 0);
    }

    #[test]
    fn a_panic_over_an_error_of_the_kernel_is_no_damage() {
        let result: Result<(), Fault> = caught(|| {
            let full = || -> io::Result<()> { Err(io::Error::from_raw_os_error(28)) };
            full().unwrap();
            Ok(())
        });
        assert!(matches!(result, Err(Fault::Io(_))), "{result:?}");
    }
}
