//! `apply`: a saved plan, executed only if it would be made again just so.

use std::io::Read;
use std::path::Path;

use crate::journal::saved_plan;
use crate::retire::{self, Planned, Request, Saved, Undefine};

use super::super::args::How;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::{plans, retired, rules};

pub fn run(context: &Context, file: &Path, how: &How) -> Result<(), CliError> {
    let unusable = |cause: String| {
        CliError::unchanged(
            Exit::Error,
            "saved-plan",
            format!("{} is no plan to apply: {cause}", file.display()),
            "make one: virt-retire plan DOMAIN … --save FILE",
        )
    };
    let bytes = read(file).map_err(|error| unusable(error.to_string()))?;
    let saved = saved_plan::decode(&bytes).map_err(|error| unusable(error.to_string()))?;

    rules::override_reason(&saved.removal, how)?;
    let differs = |planned: &Planned| {
        let now = &planned.plan;
        let definition_is_same = saved_plan::fingerprint(&planned.facts.definition)
            .is_ok_and(|fingerprint| fingerprint == saved.definition);
        let is_same = now.is_same_as(&saved.plan) && definition_is_same;
        (!is_same).then(|| retire::differences(&saved.plan, now, definition_is_same))
    };
    let domain = saved.plan.domain.clone();
    let request = Request {
        domains: vec![domain.uuid.to_string()],
        removal: saved.removal.clone(),
        prepare: how.prepare,
        each: false,
        reason: how.reason.clone(),
        retention: rules::retention(context, how),
        purpose: format!("apply {}", domain.name),
    };
    let plan = Saved {
        domain,
        made_at: saved.uri.clone(),
        differs: &differs,
    };
    let undefine = Undefine::of_saved(context, request, plan)?;
    if !how.confirmation.yes {
        plans::ask(context, undefine.shown())?;
    }
    retired::tell(context, undefine.carry_out()?)
}

/// Whatever it is, a pipe or a device without end, no more than a plan may have is read.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)?
        .take(saved_plan::LARGEST + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > saved_plan::LARGEST {
        return Err(std::io::Error::other("it is too large"));
    }
    Ok(bytes)
}
