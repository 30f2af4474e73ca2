//! What the journal has to say besides the answer: a transaction that a crash has left open, for
//! every command in one line; and of a name or a path that is not there, which transaction has it.

use crate::adapters::sled_journal::ViewReader;
use crate::model::{Claim, Summary};
use crate::ports::JournalReader;
use crate::retire::{Open, open_with, retired_domain};

use super::answers::{self, Clock};
use super::args::{Command, Output};
use super::commands;
use super::context::Context;
use super::control::say;
use super::error::CliError;

/// One line on stderr for what is open and has nobody at work on it. Costs a look at a small file
/// where nothing is.
pub fn interrupted(context: &Context) {
    if context.quiet || context.output == Output::Json {
        return;
    }
    let is_open = |summary: &Summary| summary.state.claim() == Claim::Unfinished;
    let Ok(Some(view)) = ViewReader::open(context.state_dir()) else {
        return;
    };
    if !view.latest().iter().any(is_open) {
        return;
    }
    let Ok(reader) = context.reader("look for interrupted transactions") else {
        return;
    };
    if reader.is_busy() {
        return;
    }
    let mut open = Vec::new();
    let read = reader.newest(&mut |summary| {
        if is_open(&summary) {
            open.extend(reader.read(summary.id).ok());
        }
        Ok(true)
    });
    if read.is_err() {
        return;
    }
    let what = match open.as_slice() {
        [] => return,
        [one] => answers::recover::interrupted(one),
        many => format!("{} transactions were interrupted", many.len()),
    };
    say(&format!("{what}: virt-retire recover"));
}

/// Commands that tell of it in their answer, or that it is no affair of.
pub fn tells_by_itself(command: &Command) -> bool {
    matches!(
        command,
        Command::List { .. }
            | Command::Show { .. }
            | Command::Recover { .. }
            | Command::Rebuild { .. }
            | Command::Journal { .. }
            | Command::Config { .. }
            | Command::Manual { .. }
            | Command::Watch { .. }
            | Command::Log { .. }
            | Command::Prove { .. }
    )
}

/// An error that comes of not being root, said as that: one sentence, and the same command with
/// sudo.
pub fn for_root(context: &Context, error: CliError) -> CliError {
    let is_unseen = matches!(error.code, "unseen-users" | "unreadable-chain");
    if !context.wants_roots() || !(error.is_denied() || is_unseen) {
        return error;
    }
    let message = "the system's libvirt keeps its guests' files for root, and you are not root";
    CliError::unchanged(error.exit, error.code, message, commands::with_sudo())
}

/// Of a domain that libvirt does not have: the transaction that has it, and the way back.
pub fn with_retired(context: &Context, mut error: CliError) -> CliError {
    let Some(name) = error.no_such_domain() else {
        return error;
    };
    let Some(summary) = retired_domain(context, name) else {
        return with_open(context, error);
    };
    let id = summary.id;
    let when = Clock::here().moment(summary.started_at);
    error.message = format!("{}; transaction {id} has retired it, {when}", error.message);
    error.hint =
        format!("undo that: virt-retire rollback {id}; or look at it: virt-retire show {id}");
    error
}

/// The same of a transaction that is not done with the domain, or was cut off.
fn with_open(context: &Context, mut error: CliError) -> CliError {
    let Some(name) = error.no_such_domain() else {
        return error;
    };
    let Some(open) = open_with(context, name) else {
        return error;
    };
    let Open { id, is_busy } = open;
    error.message = format!("{}; transaction {id} has it", error.message);
    error.hint = match is_busy {
        true => {
            format!("another command is at work on it; to see how it stands: virt-retire show {id}")
        }
        false => "it was interrupted; finish or undo it: virt-retire recover".into(),
    };
    error
}
