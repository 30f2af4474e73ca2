//! `undefine` and `destroy`: plan, ask, execute, commit; on a failed step, roll back.

use crate::cli::args::{How, Power, RemovalTargets};
use crate::cli::context::Context;
use crate::cli::control::say;
use crate::cli::error::CliError;
use crate::cli::safe::safe;
use crate::cli::{plans, retired};
use crate::retire::{Request, Undefine};

/// `power` says how to stop what runs: `destroy`.
pub fn run(
    context: &Context,
    verb: &str,
    what: &RemovalTargets,
    power: Option<&Power>,
    how: &How,
) -> Result<(), CliError> {
    context.look_ahead();
    let removal = what.removal.removal(power);
    let request = Request {
        domains: what.domains.clone(),
        removal,
        prepare: how.prepare,
        each: how.each,
        reason: how.reason.clone(),
        retention: context.retention(how),
        purpose: format!("{verb} {}", what.domains.join(" ")),
    };
    let mut undefine = Undefine::new(context, request)?;
    if !how.confirmation.yes {
        for (name, why) in undefine.absent() {
            say(&format!(
                "{} is left out: {}",
                safe(name),
                safe(&why.to_string())
            ));
        }
        let proposed = undefine.propose();
        let planned = proposed.map_err(|error| plans::refused(context, Some(how), error))?;
        plans::ask(context, planned)?;
    }
    let retired = undefine.carry_out();
    let retired = retired.map_err(|error| plans::refused(context, Some(how), error))?;
    retired::tell(context, retired)
}
