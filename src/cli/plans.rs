//! Plans before they are carried out: shown, asked about, refused.

use crate::model::{DomainRef, Plan, Step};
use crate::retire::{self, Planned, Refused};

use super::answers::{self, Look, Width};
use super::args::{How, Output};
use super::commands;
use super::confirm::{can_ask, confirm};
use super::context::Context;
use super::control::say;
use super::error::CliError;
use super::safe::safe;

impl Context {
    pub fn look(&self) -> Look {
        Look {
            width: Width::of_screen(),
            whole: self.verbose > 0,
        }
    }
}

/// Shows the plans where the question is asked: on stderr, as stdout is for the answer.
pub fn ask(context: &Context, planned: &[Planned]) -> Result<(), CliError> {
    let plans: Vec<&Plan> = planned.iter().map(|one| &one.plan).collect();
    let shown = format!(
        "{}\n{}",
        answers::plan::screen(context, planned),
        answers::plan::total(&plans)
    );
    // Each is a decision of its own, and these are decided.
    let refused = planned.iter().flat_map(|one| {
        let name = safe(&one.plan.domain.name);
        let refusals = one.plan.refusals.iter();
        refusals.map(move |it| format!("{name} stays: {}", safe(&it.message)))
    });
    let refused: String = refused.map(|line| format!("\n{line}")).collect();
    let shown = format!("{shown}{refused}");
    match context.output {
        Output::Text => answers::out(&shown)?,
        // Without anyone to ask, stderr has the one document that says so.
        Output::Json => {
            can_ask()?;
            say(&shown);
        }
    }
    confirm(&question(&plans))
}

/// What no rollback gives back is named.
fn question(plans: &[&Plan]) -> String {
    let stop = |plan: &Plan| {
        plan.steps.iter().find_map(|step| match step {
            Step::Stop { graceful } => Some(*graceful),
            _ => None,
        })
    };
    let active = plans.iter().filter(|it| it.active && it.is_executable());
    let (stopped, runs_on): (Vec<&&Plan>, Vec<&&Plan>) =
        active.partition(|plan| stop(plan).is_some());
    let who = match stopped[..] {
        [] => {
            return match runs_on[..] {
                [] => "Go on?".to_owned(),
                [one] => format!(
                    "{} runs on without a definition, and is gone when it stops. Go on?",
                    safe(&one.domain.name)
                ),
                _ => format!(
                    "{} guests run on without a definition, and are gone when they stop. Go on?",
                    runs_on.len()
                ),
            };
        }
        [one] => format!("{} is", safe(&one.domain.name)),
        _ => format!("{} guests are", stopped.len()),
    };
    match stopped.first().and_then(|plan| stop(plan)).flatten() {
        None => format!("{who} switched off at once, and unsaved memory is lost. Go on?"),
        Some(seconds) => {
            format!("{who} asked to switch off, and has {seconds} s for that. Go on?")
        }
    }
}

/// An error that has the plans' refusals, told as a screen: grouped by domain, and with the one
/// line that would pass.
pub fn refused(context: &Context, how: Option<&How>, error: retire::Error) -> CliError {
    let retire::Error::Refused(refused) = &error else {
        return error.into();
    };
    let screen = refusals(context, how, refused);
    CliError::from(error).shown_as(screen)
}

fn refusals(context: &Context, how: Option<&How>, refused: &Refused) -> String {
    let Refused { plans, passing } = refused;
    let width = Width::of_screen();
    let mut lines = Vec::new();
    for plan in plans.iter().filter(|plan| !plan.is_executable()) {
        let name = safe(&plan.domain.name);
        lines.push(format!(
            "error: {name} cannot be retired yet. Nothing was changed."
        ));
        lines.push(answers::refused::refused(plan, width));
    }
    let domains: Vec<&DomainRef> = plans.iter().map(|plan| &plan.domain).collect();
    lines.push(match passing {
        Some(removal) => format!(
            " hint: Everything:  {}",
            commands::retire(context, domains, removal, how)
        ),
        None => {
            let names: Vec<String> = domains.iter().map(|one| safe(&one.typed())).collect();
            format!(
                " hint: then look again: virt-retire plan {} with the same flags",
                names.join(" ")
            )
        }
    });
    lines.join("\n")
}
