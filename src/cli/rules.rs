//! What this host's configuration asks of every retirement, whoever types the command.

use std::time::Duration;

use crate::model::Removal;

use super::args::How;
use super::context::Context;
use super::error::{CliError, Exit};

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
    Err(CliError::unchanged(
        Exit::Refused,
        "reason-required",
        "this host's configuration requires a reason for every retirement",
        "add --reason TEXT",
    ))
}

/// # Errors
/// Protection is overridden and nobody says why: exit 2.
pub fn override_reason(removal: &Removal, how: &How) -> Result<(), CliError> {
    let has_reason = how
        .reason
        .as_ref()
        .is_some_and(|reason| !reason.trim().is_empty());
    if removal.override_protection && !has_reason {
        return Err(CliError::unchanged(
            Exit::Usage,
            "usage",
            "--override-protection needs a reason, which the journal keeps",
            "add --reason TEXT",
        ));
    }
    Ok(())
}

/// How long what is retired is kept: as it is asked for, else as this host has it; `None`: for
/// ever.
pub fn retention(context: &Context, how: &How) -> Option<Duration> {
    how.expires
        .unwrap_or(context.settings.retention.value)
        .duration()
}
