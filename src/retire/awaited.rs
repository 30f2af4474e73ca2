//! A domain that libvirt does not have at the moment, because another command is at work on it.

use crate::engine::{EngineError, World};
use crate::model::Summary;
use crate::ports::{HypervisorError, JournalError, JournalReader};

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
            || claimant(&*site.reader(purpose)?, spec)?.is_none()
        {
            return Err(missing.into());
        }
        let journal = site.journal(purpose)?;
        if world.hypervisor.find(spec).is_ok() {
            continue;
        }
        return Err(match claimant(&*journal, spec)? {
            Some(open) => EngineError::Claimed {
                subject: format!("domain {}", open.domain.name),
                by: open.id,
                state: open.state,
            }
            .into(),
            None => missing.into(),
        });
    }
    Ok(())
}

/// The latest transaction that claims the domain.
fn claimant<R: JournalReader + ?Sized>(
    journal: &R,
    spec: &str,
) -> Result<Option<Summary>, JournalError> {
    for id in journal.claiming()?.into_iter().rev() {
        let open = journal.summary(id)?;
        let is_it = |open: &Summary| {
            open.domain.name == spec || open.domain.uuid.to_string() == spec.to_lowercase()
        };
        if let Some(open) = open.filter(is_it) {
            return Ok(Some(open));
        }
    }
    Ok(None)
}
