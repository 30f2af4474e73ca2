//! `undefine` and `destroy`: plan, ask, execute, commit; on a failed step, roll back.

mod each;

use crate::retire::{self, Planned};

use crate::cli::args::{How, Power, What};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::{awaited, plans, retirement, rules};

/// `power` says how to stop what runs: `destroy`.
pub fn run(
    context: &Context,
    verb: &str,
    what: &What,
    power: Option<&Power>,
    how: &How,
) -> Result<(), CliError> {
    let removal = what.removal.removal(power);
    rules::override_reason(&removal, how)?;
    let host = context.host()?;
    let purpose = format!("{verb} {}", what.domains.join(" "));
    // Nobody waits for the journal only to hear of a typing error.
    awaited::present(context, &host, &what.domains, &purpose)?;
    let shown = if how.sure.yes {
        // A command that is refused leaves nothing behind, not even a new journal.
        if !context.has_journal()? {
            refuse(&retire::plan(&host.world(), &what.domains, &removal)?, how)?;
        }
        None
    } else {
        // Nobody else is kept waiting while the operator reads.
        let shown = retire::plan(&host.world(), &what.domains, &removal)?;
        refuse(&shown, how)?;
        plans::ask(context, &shown)?;
        Some(shown)
    };
    let journal = context.journal(&purpose)?;
    let domains = retire::named(&host.world(), &what.domains)?;
    let _locks = context.lock(&host.world(), &domains, &purpose)?;
    // Planned, or planned again, while nobody of ours can change it: another may have come first.
    let planned = retire::plan(&host.world(), &what.domains, &removal)?;
    for planned in &planned {
        let domain = &planned.plan.domain;
        // The name may be another domain's by now, and that one is not locked.
        if domains.iter().all(|locked| locked.uuid != domain.uuid) {
            return Err(CliError::refused(&[retire::changed(domain)]));
        }
    }
    refuse(&planned, how)?;
    if let Some(shown) = shown
        && let Some(domain) = retire::first_changed(&shown, &planned)
    {
        return Err(CliError::refused(&[retire::changed(domain)]));
    }
    if how.each {
        return each::execute(context, &host, journal, planned, &removal, how);
    }
    retirement::execute(context, &host, journal, planned, &removal, how)
}

/// # Errors
/// One of the plans is refused: exit 3. Where each is a decision of its own, if all are.
fn refuse(planned: &[Planned], how: &How) -> Result<(), CliError> {
    if how.each && planned.iter().any(|one| one.plan.is_executable()) {
        return Ok(());
    }
    Ok(retire::refuse(planned)?)
}
