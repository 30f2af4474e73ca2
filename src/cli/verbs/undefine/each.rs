//! `--each`: every domain is a decision of its own. One that is refused or fails keeps no other from
//! being retired, and the exit code says whether that was so of any.

use crate::adapters::sled_journal::SledJournal;
use crate::cli::context::{Context, Host};
use crate::cli::error::{CliError, Exit};
use crate::model::{Removal, State, Summary};
use crate::retire::{self, Changed, Planned};

use crate::cli::args::How;
use crate::cli::{report, retirement};

/// # Errors
/// Some domains were not retired. Exit 4 where others were; else that of the first.
pub fn execute(
    context: &Context,
    host: &Host,
    mut journal: SledJournal,
    planned: Vec<Planned>,
    removal: &Removal,
    how: &How,
) -> Result<(), CliError> {
    let mut touched: Vec<Summary> = Vec::new();
    let mut failed: Vec<(String, CliError)> = Vec::new();
    let mut is_first = true;
    for planned in planned {
        let domain = planned.plan.domain.clone();
        // Whatever became of those before it, its own plan is of now.
        let again = match std::mem::replace(&mut is_first, false) {
            true => Ok(vec![planned]),
            false => retire::plan(&host.world(), &[domain.uuid.to_string()], removal)
                .map_err(retire::Error::from),
        };
        let result = again.and_then(|planned| {
            retire::refuse(&planned)?;
            retirement::carry_out(
                context,
                host,
                &mut journal,
                planned,
                removal,
                how,
                &mut touched,
            )
        });
        if let Err(error) = result {
            let is_over = error.ends_a_command();
            failed.push((domain.name, error.into()));
            if is_over {
                break;
            }
        }
    }
    if failed.is_empty() || !touched.is_empty() {
        report::transactions(context, &touched);
    }
    let is_retired =
        |summary: &Summary| matches!(summary.state, State::Prepared | State::Committed);
    match failed.is_empty() {
        true => Ok(()),
        false => Err(together(failed, touched.iter().any(is_retired))),
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
        messages.push(format!("domain '{name}' was not retired: {message}"));
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
