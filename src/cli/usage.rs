//! A command line that is not understood: exit 2, in the form that was asked for.

use std::ffi::OsString;
use std::io::Write;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::args::Output;
use super::error::{self, CliError, Exit};
use super::safe::safe;
use crate::model::is_shown;

/// Help and version go to stdout and end well; everything else is an error of usage.
pub fn end(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        // A reader that has gone is no error.
        let _ = error.print();
        return Exit::Done;
    }
    if wants_json(std::env::args_os()) {
        error::print(&explained(error), Output::Json);
    } else if let Some(told) = in_our_words(error) {
        error::print(&told, Output::Text);
    } else {
        print(error);
    }
    Exit::Usage
}

/// As clap has it, with its colours; but it repeats what was typed, and that may hold what nobody
/// sees.
fn print(error: &clap::Error) {
    let plain = error.render().to_string();
    let is_shown = |c: char| c == '\n' || is_shown(c);
    let _ = match plain.chars().all(is_shown) {
        true => error.print(),
        false => {
            let lines: Vec<String> = plain.lines().map(safe).collect();
            writeln!(std::io::stderr().lock(), "{}", lines.join("\n"))
        }
    };
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

/// What clap does not say as helpfully.
fn in_our_words(error: &clap::Error) -> Option<CliError> {
    mistyped(error)
        .map(no_such_command)
        .or_else(|| without_transaction(error))
}

/// Nobody is given the newest one unasked: it may be another's.
fn without_transaction(error: &clap::Error) -> Option<CliError> {
    let missing = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::MissingRequiredArgument, Some(ContextValue::Strings(missing))) => missing,
        _ => return None,
    };
    missing.iter().any(|it| it.starts_with("<ID>")).then(|| {
        CliError::unchanged(
            Exit::Usage,
            "usage",
            "which transaction is not said",
            "name it by its number, or last; to see them: virt-retire list",
        )
    })
}

/// The word that stands where a command belongs, and is none.
fn mistyped(error: &clap::Error) -> Option<&str> {
    match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(verb))) => Some(verb),
        _ => None,
    }
}

/// What others call our commands, and what is close to them by its letters. Whoever mistypes is
/// never led to a command that takes something away.
fn no_such_command(verb: &str) -> CliError {
    const MEANT: [(&str, &str); 10] = [
        ("restore", "rollback"),
        ("unretire", "rollback"),
        ("undelete", "rollback"),
        ("status", "list"),
        ("revert", "rollback"),
        ("delete", "plan"),
        ("remove", "plan"),
        ("retire", "plan"),
        ("ls", "list"),
        ("info", "show"),
    ];
    const TAKES_AWAY: [&str; 4] = ["undefine", "destroy", "purge", "apply"];
    let known = MEANT.iter().find(|(word, _)| *word == verb);
    let nearest = known.map(|(_, meant)| (*meant).to_owned()).or_else(|| {
        let command = super::args::Arguments::command();
        let names = command
            .get_subcommands()
            .map(|verb| verb.get_name().to_owned());
        names
            .filter(|name| !TAKES_AWAY.contains(&name.as_str()))
            .map(|name| (strsim::jaro(&name, verb), name))
            // As near as clap wants them.
            .filter(|(nearness, _)| *nearness > 0.7)
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, name)| name)
    });
    let all = "to see all commands: virt-retire --help";
    CliError::new(
        Exit::Usage,
        "usage",
        format!("there is no command '{verb}'"),
        match nearest {
            Some(nearest) => format!("did you mean {nearest}? And {all}"),
            None => all.to_owned(),
        },
    )
}

/// clap's text is "error: MESSAGE", a blank line, and then what helps.
fn explained(error: &clap::Error) -> CliError {
    if let Some(told) = in_our_words(error) {
        return told;
    }
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
    fn a_typo_never_suggests_a_command_that_takes_away() {
        for verb in [
            "undefin", "destory", "restore", "undeifne", "prune", "aply", "remove",
        ] {
            let error = no_such_command(verb);
            for word in ["undefine", "destroy", "purge", "apply"] {
                let hint = &error.hint;
                assert!(!hint.contains(&format!("mean {word}")), "{verb}: {hint}");
            }
        }
        assert!(no_such_command("restore").hint.contains("mean rollback"));
        assert!(no_such_command("lsit").hint.contains("mean list"));
    }

    #[test]
    fn the_wish_for_json_is_found_in_a_broken_command_line() {
        assert!(json(&["virt-retire", "--bogus", "--output", "json"]));
        assert!(json(&["virt-retire", "show", "x", "--output=json"]));
        assert!(!json(&["virt-retire", "show", "--output", "text", "json"]));
        assert!(!json(&["virt-retire", "plan", "--", "--output=json"]));
    }

    #[test]
    fn a_command_without_a_transaction_says_how_to_name_one() {
        for verb in ["undo", "commit", "hold", "show", "prove"] {
            let words = ["virt-retire", verb, "--reason", "why"];
            let words = if verb == "hold" {
                &words[..]
            } else {
                &words[..2]
            };
            let error = super::super::args::Arguments::command().try_get_matches_from(words);
            let told = in_our_words(&error.unwrap_err()).unwrap();
            assert!(told.hint.contains("last"), "{verb}: {}", told.hint);
        }
    }
}
