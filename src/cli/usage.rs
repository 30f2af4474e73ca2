//! A command line that is not understood: exit 2, in the form that was asked for.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;

use super::args::Output;
use super::error::{self, CliError, Exit};

/// Help and version go to stdout and end well; everything else is an error of usage.
pub fn end(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A reader that has gone is no error.
        let _ = error.print();
        return ExitCode::from(Exit::Done as u8);
    }
    if wants_json(std::env::args_os()) {
        error::print(&explained(error), Output::Json);
    } else {
        let _ = error.print();
    }
    ExitCode::from(Exit::Usage as u8)
}

/// Whether `--output json` is among arguments that clap could not make sense of.
fn wants_json(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let mut is_value = false;
    for argument in arguments {
        if argument == "--" {
            break;
        }
        if argument == "--output=json" || (is_value && argument == "json") {
            return true;
        }
        is_value = argument == "--output";
    }
    false
}

/// clap's text is "error: MESSAGE", a blank line, and then what helps.
fn explained(error: &clap::Error) -> CliError {
    let text = error.render().to_string();
    let (message, rest) = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            ("a command is needed", "")
        }
        _ => text.split_once("\n\n").unwrap_or((&text, "")),
    };
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = one_line(message);
    let hint = match one_line(rest) {
        rest if rest.is_empty() => "to see them all: virt-retire --help".to_owned(),
        rest => rest,
    };
    CliError::new(
        Exit::Usage,
        "usage",
        message.strip_prefix("error: ").unwrap_or(&message),
        hint,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(words: &[&str]) -> bool {
        wants_json(words.iter().map(Into::into))
    }

    #[test]
    fn the_wish_for_json_is_found_in_a_broken_command_line() {
        assert!(json(&["virt-retire", "--bogus", "--output", "json"]));
        assert!(json(&["virt-retire", "show", "x", "--output=json"]));
        assert!(!json(&["virt-retire", "show", "--output", "text", "json"]));
        assert!(!json(&["virt-retire", "plan", "--", "--output=json"]));
    }
}
