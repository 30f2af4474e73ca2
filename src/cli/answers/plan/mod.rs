//! A plan on a screen: what goes and what stays, where it is, and why; the steps for who asks.

mod batch;
mod document;
mod screen;
mod subject;

pub use document::{PlanJson, Plans};
pub use screen::{plan, total};
pub use subject::subject;

use std::path::Path;

use crate::cli::args::Output;
use crate::cli::commands;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::safe::safe;
use crate::model::{Plan, quoted};
use crate::retire::{Planned, Proposal};

use super::layout::Width;
use super::{out, print};

/// How a screen is written.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub width: Width,
    /// `-v`: identities, paths as they are spelled, and every step.
    pub whole: bool,
}

/// What each plan does, and what all of it comes to.
pub fn screen(context: &Context, planned: &[Planned]) -> String {
    let plans: Vec<&Plan> = planned.iter().map(|one| &one.plan).collect();
    batch::plans(&plans, context.look())
}

/// The answer of `plan`; what is refused is the error's to tell.
pub fn tell(context: &Context, proposal: &Proposal, saved: Option<&Path>) -> Result<(), CliError> {
    let planned = proposal.planned();
    if context.output == Output::Json {
        return print(&Plans::new(planned.iter().map(|one| &one.plan)));
    }
    out(&screen(context, planned))?;
    let plans: Vec<&Plan> = planned.iter().map(|one| &one.plan).collect();
    if !plans.iter().all(|plan| plan.is_executable()) {
        return Ok(());
    }
    let more = match (context.verbose, plans.len()) {
        (0, 1) => " Steps: -v",
        (0, _) => " Disks and steps: -v",
        _ => "",
    };
    out(&format!("{}\nNothing was changed.{more}", total(&plans)))?;
    let command = match saved {
        Some(file) => {
            let file = quoted(&file.to_string_lossy());
            format!("virt-retire apply {}", safe(&file))
        }
        None => {
            let domains = plans.iter().map(|plan| &plan.domain);
            commands::retire(context, domains, proposal.removal(), None)
        }
    };
    out(&format!("Do it:  {command}"))
}
