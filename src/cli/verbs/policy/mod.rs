//! `policy`: the domain's own word on each of its disks. It lives in the domain's metadata; the
//! journal is held meanwhile, and its log says who changed it, when and to what.
//!
//! Here is the change, and what guards it. `edit` is what a command asks for, `found` what the
//! domain has now, `show` how that is printed.

mod edit;
mod found;
mod show;

use crate::engine::{Engine, EngineError};
use crate::model::{DomainRef, POLICY_NAMESPACE, POLICY_PREFIX, Topic};
use crate::ports::{Hypervisor, HypervisorError, HypervisorView, Journal, Status};
use crate::xml::write_policy;

use super::super::args::{Confirmation, Output, PolicyCommand};
use super::super::confirm::confirm;
use super::super::context::{Context, Host, notice};
use super::super::error::{CliError, Exit};
use edit::Edit;
use found::Found;

pub fn run(context: &Context, what: &PolicyCommand) -> Result<(), CliError> {
    match what {
        PolicyCommand::Show { domain, target } => {
            let host = context.host()?;
            let domain = host.hypervisor.find(domain)?;
            let found = Found::look(&host, &domain)?;
            if let Some(target) = target.as_deref().filter(|it| !found.speaks_of(it)) {
                found.refuse_unreadable()?;
                return Err(found.no_such_disk(target));
            }
            found.print(context, target.as_deref())?;
            found.refuse_problems()
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
            let expiry = expires.map(|at| (at, *stop));
            let edit = Edit::set(target.as_deref(), *fate, *default, *protected, expiry)?;
            change(context, domain, &edit, *confirmation)
        }
        PolicyCommand::Clear {
            domain,
            target,
            default,
            protected,
            expires,
            confirmation,
        } => {
            let edit = Edit::clear(target.as_deref(), *default, *protected, *expires);
            change(context, domain, &edit, *confirmation)
        }
    }
}

fn change(
    context: &Context,
    spec: &str,
    edit: &Edit,
    confirmation: Confirmation,
) -> Result<(), CliError> {
    let host = context.host()?;
    let domain = host.hypervisor.find(spec)?;
    // Whatever is wrong is said before the question.
    edit.apply(&Found::look(&host, &domain)?)?;
    if !confirmation.yes {
        confirm(&edit.question(&domain))?;
    }
    // Held, so that no transaction saves the definition while it changes.
    let purpose = format!("policy of {}", domain.name);
    let mut journal = context.journal(&purpose)?;
    let _locks = context.lock(&host.world(), std::slice::from_ref(&domain), &purpose)?;
    let engine = Engine::new(host.world(), &mut journal);
    if let Some((by, state)) = engine.claimed_by(&domain)? {
        return Err(EngineError::Claimed {
            subject: format!("domain {}", domain.name),
            by,
            state,
        }
        .into());
    }
    let found = Found::look(&host, &domain)?;
    let policy = edit.apply(&found)?;
    let written = (!policy.is_empty()).then(|| write_policy(&policy));
    // Before the change, like every other evidence.
    let text = edit.told();
    journal.notice(notice(Topic::Policy, text.as_str(), Some(&domain)))?;
    let changed = store(&host, &domain, &found, written.as_deref());
    if let Err(error) = changed {
        let text = format!("not changed after all ({text}): {error}");
        journal.notice(notice(Topic::Policy, text, Some(&domain)))?;
        return Err(error.into());
    }
    let now = Found::look(&host, &domain)?;
    if now.policy != policy || !now.problems.is_empty() {
        return Err(CliError::new(
            Exit::Error,
            "policy-not-kept",
            format!(
                "libvirt did not keep the policy of {} as it was given",
                domain.name
            ),
            format!(
                "to see what it kept: virt-retire policy show {}",
                domain.typed()
            ),
        ));
    }
    if context.quiet && context.output == Output::Text {
        return Ok(());
    }
    now.print(context, None)
}

/// Live too, or a running guest's policy would change only at its next start.
fn store(
    host: &Host,
    domain: &DomainRef,
    found: &Found,
    written: Option<&str>,
) -> Result<(), HypervisorError> {
    let Status {
        active, persistent, ..
    } = found.status;
    host.hypervisor.set_metadata(
        domain.uuid,
        POLICY_NAMESPACE,
        POLICY_PREFIX,
        written,
        active,
        persistent,
    )
}
