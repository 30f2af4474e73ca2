//! Long answers on a terminal go through a pager, as git has it: `PAGER`, else less, which shows
//! what fits on one screen and ends (`LESS=FRX`).

use std::io::{IsTerminal, Seek, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::answers;
use super::context::Context;
use super::environment::variable;
use super::error::CliError;
use super::safe::visible;

/// The last thing that a command does. The pager takes this process's place, so that keys and
/// signals are its own; the text waits in a file without a name.
///
/// # Errors
/// stdout cannot be written to.
pub fn show(context: &Context, answer: &str) -> Result<(), CliError> {
    if !context.quiet
        && let Some(pager) = pager()
        && let Ok(file) = waiting(answer)
    {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(pager).stdin(file);
        for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        // Comes back only where it could not be started.
        let _ = command.exec();
    }
    answers::out(answer)
}

fn pager() -> Option<String> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    // One that is set and empty says that none is wanted.
    match std::env::var_os("PAGER") {
        Some(pager) => pager
            .into_string()
            .ok()
            .filter(|pager| !matches!(pager.trim(), "" | "cat")),
        None if variable("TERM").is_none_or(|term| term == "dumb") => None,
        None => is_installed("less").then(|| "less".to_owned()),
    }
}

fn is_installed(program: &str) -> bool {
    let path = variable("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn waiting(answer: &str) -> std::io::Result<std::fs::File> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let mut file = std::fs::File::from(rustix::fs::memfd_create("answer", flags)?);
    writeln!(file, "{}", visible(answer))?;
    file.rewind()?;
    Ok(file)
}
