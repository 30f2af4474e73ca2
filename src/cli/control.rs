//! Signals and progress, between the engine and the terminal.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::model::{Direction, Step, Transaction};
use crate::ports::Control;

use super::confirm::is_asking;
use super::error::{CliError, Exit};
use super::safe::safe_path;

/// Counts signals: the first one asks for a rollback, the second one for the way out.
pub struct Terminal {
    signals: Arc<AtomicUsize>,
    /// Whether steps are told as they are run: to a person who watches, or who asked for it. A
    /// script's stderr stays empty as long as nothing goes wrong.
    tells: bool,
}

impl Terminal {
    /// # Errors
    /// The kernel takes no handler (exit 1, nothing changed).
    pub fn new(tells: bool) -> Result<Self, CliError> {
        let signals = Arc::new(AtomicUsize::new(0));
        let mut incoming = Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(|error| {
            CliError::new(
                Exit::Error,
                "signals",
                format!("cannot listen for signals: {error}. Nothing was changed."),
                "try again",
            )
        })?;
        let counter = Arc::clone(&signals);
        std::thread::spawn(move || {
            for _ in incoming.forever() {
                if is_asking() {
                    eprintln!("\ninterrupted. Nothing was changed.");
                    std::process::exit(Exit::Error as i32);
                }
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        Ok(Self { signals, tells })
    }
}

impl Control for Terminal {
    fn step(&self, transaction: &Transaction, index: usize, step: &Step, direction: Direction) {
        tracing::info!(
            transaction = transaction.id.0,
            step = index,
            kind = step.kind(),
            direction = direction.word(),
        );
        if self.tells {
            let subject = step
                .file()
                .map(|moved| safe_path(&moved.path))
                .unwrap_or_default();
            let count = transaction.plan.steps.len();
            eprintln!(
                "[{}/{count}] {} {} {subject}",
                index + 1,
                direction.word(),
                step.kind()
            );
        }
    }

    fn wants_rollback(&self) -> bool {
        self.signals.load(Ordering::SeqCst) > 0
    }

    fn wants_out(&self) -> bool {
        self.signals.load(Ordering::SeqCst) > 1
    }
}
