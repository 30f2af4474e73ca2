//! `policy`: the domain's own word on each of its disks.

use crate::model::Verdict;
use crate::retire::{PolicyChange, PolicyEdit, policy_of, refuse_invalid_policy};

use super::super::answers;
use super::super::args::{Confirmation, Output, PolicyCommand};
use super::super::confirm::confirm;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::safe::safe;

pub fn run(context: &Context, what: PolicyCommand) -> Result<(), CliError> {
    match what {
        PolicyCommand::Show { domain, target } => {
            let target = target.as_deref();
            let found = policy_of(context, &domain, target)?;
            answers::policy::tell(context, &found, target)?;
            Ok(refuse_invalid_policy(&found)?)
        }
        PolicyCommand::Set {
            domain,
            target,
            fate,
            default,
            protected,
            expires,
            stop,
            confirmation,
        } => {
            let mut edit = PolicyEdit {
                target: None,
                default: default.map(|word| Some(word.into())),
                protected: protected.then_some(true),
                expiry: expires.map(|at| (Some(at), stop)),
            };
            match (target, fate) {
                (Some(target), Some(fate)) => edit.target = Some((target, Some(fate.into()))),
                // `policy set DOMAIN keep`: no target is called so.
                (Some(word), None) => match Verdict::from_word(&word) {
                    Some(verdict) if edit.default.is_none() => edit.default = Some(Some(verdict)),
                    _ => return Err(no_verdict(&word)),
                },
                (None, _) => {}
            }
            change(context, &domain, edit, confirmation)
        }
        PolicyCommand::Clear {
            domain,
            target,
            default,
            protected,
            expires,
            confirmation,
        } => {
            let edit = PolicyEdit {
                target: target.map(|target| (target, None)),
                default: default.then_some(None),
                protected: protected.then_some(false),
                expiry: expires.then_some((None, false)),
            };
            change(context, &domain, edit, confirmation)
        }
    }
}

fn no_verdict(word: &str) -> CliError {
    CliError::unchanged(
        Exit::Usage,
        "usage",
        format!("'{word}' is neither remove nor keep"),
        "policy set DOMAIN TARGET remove|keep",
    )
}

fn change(
    context: &Context,
    domain: &str,
    edit: PolicyEdit,
    confirmation: Confirmation,
) -> Result<(), CliError> {
    let change = PolicyChange::new(context, domain, edit)?;
    if !confirmation.yes {
        let name = safe(&change.domain().name);
        confirm(&match change.edit().clears_all() {
            true => format!("Clear the whole policy of {name}?"),
            false => format!(
                "Change the policy of {name}: {}?",
                safe(&change.edit().parts())
            ),
        })?;
    }
    let now = change.carry_out()?;
    match context.quiet && context.output == Output::Text {
        true => Ok(()),
        false => answers::policy::tell(context, &now, None),
    }
}
