//! A domain that libvirt does not have at the moment, because another command is at work on it.

use super::context::{Context, Host};
use super::error::CliError;
use crate::engine::EngineError;
use crate::model::{Claim, Summary};
use crate::ports::{Hypervisor, HypervisorError, JournalReader};

/// Waits for whoever is retiring one of these domains or bringing it back: it may be there again
/// afterwards. "No such domain" would be an answer that is wrong a moment later.
///
/// # Errors
/// - a domain is not there, and no transaction has it
/// - the other command takes longer than `--wait`: exit 6
/// - a transaction that nobody works at has it: which one
pub fn present(
    context: &Context,
    host: &Host,
    domains: &[String],
    purpose: &str,
) -> Result<(), CliError> {
    for spec in domains {
        let Err(missing) = host.hypervisor.find(spec) else {
            continue;
        };
        if !matches!(missing, HypervisorError::NoSuchDomain(_))
            || !context.has_journal()?
            || claimant(&context.reader(purpose)?.summaries()?, spec).is_none()
        {
            return Err(missing.into());
        }
        let journal = context.journal(purpose)?;
        if host.hypervisor.find(spec).is_ok() {
            continue;
        }
        let summaries = journal.summaries()?;
        return Err(match claimant(&summaries, spec) {
            Some(open) => EngineError::Claimed {
                subject: format!("domain '{}'", open.domain.name),
                by: open.id,
                state: open.state,
            }
            .into(),
            None => missing.into(),
        });
    }
    Ok(())
}

fn claimant<'a>(summaries: &'a [Summary], spec: &str) -> Option<&'a Summary> {
    summaries.iter().rev().find(|open| {
        open.state.claim() != Claim::Nothing
            && (open.domain.name == spec || open.domain.uuid.to_string() == spec.to_lowercase())
    })
}
