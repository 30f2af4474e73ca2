//! A domain that libvirt does not have at the moment, because another command is at work on it.

use crate::engine::{EngineError, World};
use crate::model::Summary;
use crate::ports::{HypervisorError, JournalError, JournalReader};

use super::{Error, Site};

/// The domains that are not there, each with why: nobody has it, or a transaction that nobody works
/// at has it. Waits for whoever is retiring one of them or bringing it back: it may be there again
/// afterwards. "No such domain" would be an answer that is wrong a moment later.
///
/// # Errors
/// - libvirt does not answer
/// - the other command takes longer than `--wait`: exit 6
pub(super) fn absent(
    site: &dyn Site,
    world: &World,
    domains: &[String],
    purpose: &str,
) -> Result<Vec<(String, Error)>, Error> {
    let mut absent: Vec<(String, Error)> = Vec::new();
    for (spec, found) in domains.iter().zip(world.hypervisor.find_each(domains)) {
        let Err(missing) = found else {
            continue;
        };
        if absent.iter().any(|(told, _)| told == spec) {
            continue;
        }
        if !matches!(missing, HypervisorError::NoSuchDomain(_)) {
            return Err(missing.into());
        }
        if !site.has_journal()? || claimant(&*site.reader(purpose)?, spec)?.is_none() {
            absent.push((spec.clone(), missing.into()));
            continue;
        }
        let journal = site.journal(purpose)?;
        if world.hypervisor.find(spec).is_ok() {
            continue;
        }
        let why = match claimant(&*journal, spec)? {
            Some(open) => EngineError::Claimed {
                subject: format!("domain {}", open.domain.name),
                by: open.id,
                state: open.state,
            }
            .into(),
            None => missing.into(),
        };
        absent.push((spec.clone(), why));
    }
    Ok(absent)
}

/// The latest transaction that claims the domain.
pub(super) fn claimant<R: JournalReader + ?Sized>(
    journal: &R,
    spec: &str,
) -> Result<Option<Summary>, JournalError> {
    for id in journal.claiming()?.into_iter().rev() {
        let open = journal.summary(id)?;
        if let Some(open) = open.filter(|open| open.domain.is_called(spec)) {
            return Ok(Some(open));
        }
    }
    Ok(None)
}
