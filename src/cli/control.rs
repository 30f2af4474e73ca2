//! Signals and progress, between the engine and the terminal.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::model::{Direction, Step, Transaction};
use crate::ports::Control;

use super::args::Output;
use super::error::{self, CliError, Exit};
use super::leave;
use super::running::{Running, Tells};
use super::safe::visible;
use super::wiping::Wiping;

/// How long the step in hand may take to end after a second signal. Ending in the middle of it is
/// what `recover` is for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Until something has been begun, a signal ends the process at once: at the prompt, while it waits
/// for another command, while it looks around. After that the first signal asks for the way back,
/// and the second one for the way out.
#[derive(Clone)]
pub struct Terminal {
    shared: Arc<Shared>,
    running: Arc<Mutex<Running>>,
}

struct Shared {
    /// Locked while a signal is dealt with, so that nothing begins behind its back.
    begun: Mutex<bool>,
    signals: AtomicUsize,
    /// Set by the handler itself: from the first signal on no decision is taken, however long the
    /// thread that answers it takes to wake up.
    came: Arc<AtomicBool>,
    output: Output,
    wiping: Mutex<Option<Wiping>>,
}

impl Shared {
    fn begun(&self) -> MutexGuard<'_, bool> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(self: &Arc<Self>) {
        let begun = self.begun();
        let before = self.signals.fetch_add(1, Ordering::SeqCst);
        match (*begun, before) {
            (false, _) => {
                error::print(&CliError::interrupted(), self.output);
                leave::at_once(Exit::Error);
            }
            (true, 0) => say(
                "a signal: putting back what was begun, or finishing what goes back already. \
                 A second one leaves that to `virt-retire recover`",
            ),
            (true, 1) => {
                let shared = Arc::clone(self);
                std::thread::spawn(move || shared.leave());
            }
            (true, _) => {}
        }
    }

    fn leave(&self) {
        std::thread::sleep(PATIENCE);
        let error = CliError::new(
            Exit::Unfinished,
            "unfinished",
            "stopped by a second signal in the middle of a step",
            "type: virt-retire recover",
        );
        error::print(&error, self.output);
        leave::at_once(Exit::Unfinished);
    }
}

impl Terminal {
    /// # Errors
    /// The kernel takes no handler (exit 1, nothing changed).
    pub fn new(output: Output, tells: Tells) -> Result<Self, CliError> {
        let shared = Arc::new(Shared {
            begun: Mutex::new(false),
            signals: AtomicUsize::new(0),
            came: Arc::new(AtomicBool::new(false)),
            output,
            wiping: Mutex::new(None),
        });
        let deaf = |error: std::io::Error| {
            CliError::unchanged(
                Exit::Error,
                "signals",
                format!("cannot listen for signals: {error}"),
                "try again",
            )
        };
        let mut heard = vec![SIGINT, SIGTERM];
        if !hangs_on() {
            heard.push(SIGHUP);
        }
        // A write beyond the process's limit on file sizes is then an error like that of a full
        // disk, and not the end in the middle of a step.
        flag::register(SIGXFSZ, Arc::default()).map_err(deaf)?;
        for signal in &heard {
            flag::register(*signal, Arc::clone(&shared.came)).map_err(deaf)?;
        }
        let mut incoming = Signals::new(heard).map_err(deaf)?;
        let receiver = Arc::clone(&shared);
        std::thread::spawn(move || {
            for _ in incoming.forever() {
                receiver.receive();
            }
        });
        let running = Arc::new(Mutex::new(Running::new(tells)));
        Ok(Self { shared, running })
    }
}

impl Terminal {
    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether whoever started us has SIGHUP ignored, as nohup does: the work is to go on when the
/// terminal has gone, and not to be put back.
fn hangs_on() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_ignored(&status, SIGHUP)
}

/// `SigIgn` of proc_pid_status(5), a mask in hexadecimal.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

impl Control for Terminal {
    fn may_begin(&self) -> bool {
        let mut begun = self.shared.begun();
        if !*begun && self.shared.signals.load(Ordering::SeqCst) > 0 {
            return false;
        }
        *begun = true;
        true
    }

    fn begin_run(&self, transactions: usize, steps: usize) {
        self.running().begin(transactions, steps);
    }

    fn end_run(&self) {
        self.running().end();
    }

    fn step(&self, transaction: &Transaction, index: usize, step: &Step, direction: Direction) {
        tracing::info!(
            transaction = transaction.id.0,
            step = index,
            kind = step.kind(),
            direction = direction.word(),
        );
        self.running().step(transaction, index, step, direction);
    }

    fn wiping(&self, path: &Path, done: u64, all: u64) {
        if !self.running().tells_steps() {
            return;
        }
        let mut wiping = self
            .shared
            .wiping
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_new = wiping.as_ref().is_none_or(|it| it.path != path);
        if is_new {
            *wiping = Some(Wiping::begun(path, done));
        }
        if let Some(line) = wiping.as_mut().and_then(|it| it.line(done, all)) {
            say(&line);
        }
    }

    fn wants_rollback(&self) -> bool {
        self.shared.came.load(Ordering::SeqCst)
    }

    fn wants_out(&self) -> bool {
        self.shared.signals.load(Ordering::SeqCst) > 1
    }
}

/// A line on stderr. Unlike `eprintln!` it does not panic, in the middle of a transaction, because
/// whoever read stderr has gone.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", visible(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_signal_is_found_in_the_mask() {
        let status =
            "SigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000000001\n";
        assert!(!is_ignored(status, SIGHUP));
        assert!(is_ignored(&status.replace("1000\n", "1001\n"), SIGHUP));
        assert!(!is_ignored(&status.replace("1000\n", "1002\n"), SIGHUP));
        assert!(!is_ignored("", SIGHUP));
    }
}
