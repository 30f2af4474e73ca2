//! Asking before anything is changed.

use std::io::{BufRead, IsTerminal, Write};

use super::error::{CliError, Exit};

/// Asks on the terminal. `Ok` means yes.
///
/// # Errors
/// No terminal to ask on, or another answer than yes: exit 1, nothing changed.
pub fn confirm(question: &str) -> Result<(), CliError> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(CliError::new(
            Exit::Error,
            "not-confirmed",
            "this changes something, and there is no terminal to ask on. Nothing was changed.",
            "to go on without being asked, add --yes",
        ));
    }
    let mut stderr = std::io::stderr().lock();
    let mut answer = String::new();
    let asked = write!(stderr, "{question} [y/N] ")
        .and_then(|()| stderr.flush())
        .and_then(|()| stdin.lock().read_line(&mut answer));
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
