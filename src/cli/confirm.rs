//! Asking before anything is changed.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::{CliError, Exit};

/// While the question stands nothing has been changed, and a signal just ends the program.
static ASKING: AtomicBool = AtomicBool::new(false);

/// Whether a question is waiting for its answer.
pub fn is_asking() -> bool {
    ASKING.load(Ordering::SeqCst)
}

/// # Errors
/// There is no terminal to ask on: exit 1, nothing changed.
pub fn can_ask() -> Result<(), CliError> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Error,
        "not-confirmed",
        "this changes something, and there is no terminal to ask on. Nothing was changed.",
        "to go on without being asked, add --yes",
    ))
}

/// Asks on the terminal. `Ok` means yes.
///
/// # Errors
/// No terminal to ask on, or another answer than yes: exit 1, nothing changed.
pub fn confirm(question: &str) -> Result<(), CliError> {
    can_ask()?;
    let mut stderr = std::io::stderr().lock();
    let mut answer = String::new();
    ASKING.store(true, Ordering::SeqCst);
    let asked = write!(stderr, "{question} [y/N] ")
        .and_then(|()| stderr.flush())
        .and_then(|()| std::io::stdin().lock().read_line(&mut answer));
    ASKING.store(false, Ordering::SeqCst);
    if !answer.ends_with('\n') {
        // Ctrl-D leaves the cursor behind the question.
        let _ = writeln!(stderr);
    }
    match asked {
        Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES") => Ok(()),
        _ => Err(CliError::new(
            Exit::Error,
            "not-confirmed",
            "not confirmed. Nothing was changed.",
            "answer 'y' to go on",
        )),
    }
}
