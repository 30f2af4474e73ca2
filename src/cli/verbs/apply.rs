//! `apply`: a saved plan, executed only if it would be made again just so.

use std::path::Path;

use crate::retire::{Request, Undefine, load_plan};

use super::super::args::How;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::{plans, retired};

pub fn run(context: &Context, file: &Path, how: &How) -> Result<(), CliError> {
    let unusable = |cause: String| {
        CliError::unchanged(
            Exit::Error,
            "saved-plan",
            format!("{} is no plan to apply: {cause}", file.display()),
            "make one: virt-retire plan DOMAIN … --save FILE",
        )
    };
    let saved = load_plan(file).map_err(unusable)?;
    let names: Vec<&str> = saved.domains().map(|it| it.name.as_str()).collect();
    let request = Request {
        domains: saved.domains().map(|it| it.uuid.to_string()).collect(),
        removal: saved.removal().clone(),
        prepare: how.prepare,
        each: how.each,
        reason: how.reason.clone(),
        retention: context.retention(how),
        purpose: format!("apply {}", names.join(" ")),
    };
    let undefine = Undefine::of_saved(context, request, saved)?;
    if !how.confirmation.yes {
        plans::ask(context, undefine.shown())?;
    }
    retired::tell(context, undefine.carry_out()?)
}
