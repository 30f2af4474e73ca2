//! Asking before what has no way back.

use crate::engine::Row;
use crate::model::{Summary, TransactionId};
use crate::ports::HypervisorView;
use crate::retire::listed;

use super::super::super::confirm::{confirm, confirm_name};
use super::super::super::context::Host;
use super::super::super::error::CliError;
use super::super::super::safe::safe;

/// Asks. Where a domain has nothing else left, its name must be typed.
pub fn ask(
    rows: &[Row],
    all: &[Summary],
    hosts: &[(Host, Vec<TransactionId>)],
) -> Result<(), CliError> {
    let going = |id: TransactionId| rows.iter().any(|row| row.summary.id == id && row.goes());
    let last = with_nothing_left(all, &going, hosts)?;
    if last.is_empty() {
        let ids: Vec<TransactionId> = hosts.iter().flat_map(|(_, ids)| ids.clone()).collect();
        let which = listed(&ids);
        return confirm(&format!(
            "Purge {which}? What is purged cannot be brought back."
        ));
    }
    for name in last {
        let question = format!(
            "Nothing else is left of domain {0}, and what is purged cannot be brought back. To go \
             on, type its name ({0})",
            safe(&name)
        );
        confirm_name(&question, &name)?;
    }
    Ok(())
}

/// Names of domains that are neither defined nor in another transaction that stays.
fn with_nothing_left(
    all: &[Summary],
    going: &dyn Fn(TransactionId) -> bool,
    hosts: &[(Host, Vec<TransactionId>)],
) -> Result<Vec<String>, CliError> {
    let mut names: Vec<String> = Vec::new();
    for (host, ids) in hosts {
        for summary in all {
            let name = &summary.domain.name;
            if !ids.contains(&summary.id) || names.contains(name) {
                continue;
            }
            let is_other = |other: &Summary| {
                other.domain.name == *name && other.state.is_restorable() && !going(other.id)
            };
            let stays = all.iter().any(is_other);
            if !stays && host.hypervisor.status_by_name(name)?.is_none() {
                names.push(name.clone());
            }
        }
    }
    Ok(names)
}
