//! Asking before anything is changed.

use std::io::{BufRead, IsTerminal, Write};

use super::error::{CliError, Exit};
use super::safe::visible;

/// # Errors
/// There is no terminal to ask on: exit 1, nothing changed.
pub fn can_ask() -> Result<(), CliError> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(CliError::unchanged(
        Exit::Error,
        "not-confirmed",
        "this changes something, and there is no terminal to ask on",
        "to go on without being asked, add --yes",
    ))
}

/// Asks for the domain's name to be typed, where a yes is too quick.
///
/// # Errors
/// No terminal to ask on, or another answer: exit 1, nothing changed.
pub fn confirm_name(question: &str, name: &str) -> Result<(), CliError> {
    can_ask()?;
    let mut stderr = std::io::stderr();
    let mut answer = String::new();
    let asked = write!(stderr, "{}: ", visible(question))
        .and_then(|()| stderr.flush())
        .and_then(|()| std::io::stdin().lock().read_line(&mut answer));
    if !answer.ends_with('\n') {
        let _ = writeln!(stderr);
    }
    match asked {
        Ok(_) if answer.trim_end_matches(['\r', '\n']) == name => Ok(()),
        _ => Err(CliError::unchanged(
            Exit::Error,
            "not-confirmed",
            "that is not its name",
            "type the name as it is shown to go on",
        )),
    }
}

/// Asks on the terminal. `Ok` means yes.
///
/// # Errors
/// No terminal to ask on, or another answer than yes: exit 1, nothing changed.
pub fn confirm(question: &str) -> Result<(), CliError> {
    can_ask()?;
    // Not locked: a signal that ends the program here has a word to say.
    let mut stderr = std::io::stderr();
    let mut answer = String::new();
    let asked = write!(stderr, "{} [y/N] ", visible(question))
        .and_then(|()| stderr.flush())
        .and_then(|()| std::io::stdin().lock().read_line(&mut answer));
    if !answer.ends_with('\n') {
        // Ctrl-D leaves the cursor behind the question.
        let _ = writeln!(stderr);
    }
    match asked {
        Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES") => Ok(()),
        _ => Err(CliError::unchanged(
            Exit::Error,
            "not-confirmed",
            "not confirmed",
            "answer 'y' to go on",
        )),
    }
}
