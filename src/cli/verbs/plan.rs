//! `plan`: the same value that `undefine` executes, shown.

use std::path::Path;

use crate::retire::Proposal;

use super::super::args::{Power, RemovalTargets};
use super::super::context::Context;
use super::super::error::CliError;
use super::super::{answers, own_folders, plans};

pub fn run(
    context: &Context,
    what: &RemovalTargets,
    power: Option<&Power>,
    save: Option<&Path>,
) -> Result<(), CliError> {
    context.look_ahead();
    let proposal = Proposal::new(context, &what.domains, what.removal.removal(power))?;
    // Shown all the same: why it cannot be done is said after what would be.
    let reachable = proposal.reachable();
    let save = save.filter(|_| reachable.is_ok());
    if let Some(file) = save {
        proposal.save(&own_folders::to_write(context.files(), file, "saved-plan")?)?;
    }
    answers::plan::tell(context, &proposal, save)?;
    let refused = proposal.refuse();
    refused.map_err(|error| plans::refused(context, None, error))?;
    Ok(reachable?)
}
