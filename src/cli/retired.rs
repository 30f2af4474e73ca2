//! What became of a retirement, told.

use crate::model::{State, Summary};
use crate::retire::{Changed, Failed, Retired};

use super::answers;
use super::context::Context;
use super::error::{CliError, Exit};

/// # Errors
/// Not all were retired. Where each was a decision of its own: exit 4 if others were, else that of
/// the first.
pub fn tell(context: &Context, retired: Retired) -> Result<(), CliError> {
    let Retired { touched, failed } = retired;
    if matches!(failed, Failed::Nothing) || !touched.is_empty() {
        answers::transactions::tell(context, &touched);
    }
    let is_retired =
        |summary: &Summary| matches!(summary.state, State::Prepared | State::Committed);
    match failed {
        Failed::Nothing => Ok(()),
        Failed::Batch(error) => Err(error.into()),
        Failed::Some(failed) => {
            let failed = failed.into_iter().map(|(name, error)| (name, error.into()));
            Err(together(failed.collect(), touched.iter().any(is_retired)))
        }
    }
}

/// One error of several. "Nothing was changed" is true of each domain that it is said of.
fn together(failed: Vec<(String, CliError)>, any_is_retired: bool) -> CliError {
    let exit = |wanted| failed.iter().any(|(_, error)| error.exit == wanted);
    let exit = match failed.first() {
        _ if exit(Exit::Unfinished) => Exit::Unfinished,
        _ if any_is_retired || exit(Exit::PutBack) => Exit::PutBack,
        Some((_, first)) => first.exit,
        None => Exit::Done,
    };
    let code = failed.first().map_or("refused", |(_, first)| first.code);
    let mut messages = Vec::new();
    let mut hints: Vec<&str> = Vec::new();
    for (name, error) in &failed {
        let message = match error.changed.as_deref() {
            Some(Changed::Nothing) => error.message.clone(),
            _ => error.told(),
        };
        let message = message.trim_end_matches('.');
        messages.push(format!("domain {name} was not retired: {message}"));
        if !hints.contains(&error.hint.as_str()) {
            hints.push(&error.hint);
        }
    }
    let others = match any_is_retired {
        true => ". The others were.",
        false => ".",
    };
    CliError::new(
        exit,
        code,
        format!("{}{others}", messages.join("; ")),
        hints.join("; "),
    )
}
