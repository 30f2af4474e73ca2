//! What this host's configuration asks of every retirement, whoever types the command.

use super::super::args::How;
use super::super::context::Context;
use super::super::error::{CliError, Exit};

/// # Errors
/// `require-reason` is set and nobody says why: exit 3.
pub fn reason(context: &Context, how: &How) -> Result<(), CliError> {
    let has_reason = how
        .reason
        .as_ref()
        .is_some_and(|reason| !reason.trim().is_empty());
    if has_reason || !context.settings.require_reason.value {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Refused,
        "reason-required",
        "this host's configuration requires a reason for every retirement. Nothing was changed.",
        "add --reason TEXT",
    ))
}
