//! A domain that libvirt does not have at the moment, because another command is at work on it.

use crate::engine::{EngineError, World};
use crate::model::{Claim, Summary};
use crate::ports::HypervisorError;

use super::{Error, Site};

/// Waits for whoever is retiring one of these domains or bringing it back: it may be there again
/// afterwards. "No such domain" would be an answer that is wrong a moment later.
///
/// # Errors
/// - a domain is not there, and no transaction has it
/// - the other command takes longer than `--wait`: exit 6
/// - a transaction that nobody works at has it: which one
pub(super) fn present(
    site: &dyn Site,
    world: &World,
    domains: &[String],
    purpose: &str,
) -> Result<(), Error> {
    for (spec, found) in domains.iter().zip(world.hypervisor.find_each(domains)) {
        let Err(missing) = found else {
            continue;
        };
        if !matches!(missing, HypervisorError::NoSuchDomain(_))
            || !site.has_journal()?
            || claimant(&site.reader(purpose)?.summaries()?, spec).is_none()
        {
            return Err(missing.into());
        }
        let journal = site.journal(purpose)?;
        if world.hypervisor.find(spec).is_ok() {
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
