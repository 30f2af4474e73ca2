//! The connections that several transactions were made at.

use crate::engine::World;
use crate::model::{DomainRef, Summary, Transaction, TransactionId};
use crate::ports::LockedDomains;

use super::super::Error;
use super::super::site::{Connected, Site};

/// Each with the transactions that were made there.
pub(super) struct Hosts(Vec<(Box<dyn Connected>, Vec<TransactionId>)>);

impl Hosts {
    pub(super) fn of(site: &dyn Site, wanted: &[Transaction]) -> Result<Self, Error> {
        let mut found: Vec<&str> = Vec::new();
        let mut hosts = Self(Vec::new());
        for transaction in wanted {
            let uri = transaction.evidence.uri.as_str();
            match found.iter().position(|its| *its == uri) {
                Some(at) => hosts.0[at].1.push(transaction.id),
                None => {
                    let host = match transaction.is_imported() {
                        true => site.connect_if_at(uri)?,
                        false => site.connect_to(uri)?,
                    };
                    found.push(uri);
                    hosts.0.push((host, vec![transaction.id]));
                }
            }
        }
        Ok(hosts)
    }

    pub(super) fn worlds(&self) -> impl Iterator<Item = (World<'_>, &[TransactionId])> {
        self.0.iter().map(|(host, ids)| (host.world(), &ids[..]))
    }

    /// Holds the domains of these; after the journal, never before it.
    pub(super) fn lock(
        &self,
        site: &dyn Site,
        wanted: &[Transaction],
        purpose: &str,
    ) -> Result<Vec<Box<dyn LockedDomains>>, Error> {
        let lock = |(world, ids): (World, &[TransactionId])| {
            let theirs = wanted.iter().filter(|one| ids.contains(&one.id));
            let domains: Vec<DomainRef> = theirs.map(|one| one.domain().clone()).collect();
            site.lock(&world, &domains, purpose)
        };
        self.worlds().map(lock).collect()
    }

    /// Names of domains that are neither defined nor in another transaction that stays.
    pub(super) fn domains_with_nothing_left(
        &self,
        all: &[Summary],
        going: &[TransactionId],
    ) -> Result<Vec<String>, Error> {
        let mut names: Vec<String> = Vec::new();
        for (world, ids) in self.worlds() {
            for summary in all {
                let name = &summary.domain.name;
                if !ids.contains(&summary.id) || names.contains(name) {
                    continue;
                }
                let is_other = |other: &Summary| {
                    other.domain.name == *name
                        && other.state.is_restorable()
                        && !going.contains(&other.id)
                };
                let stays = all.iter().any(is_other);
                if !stays && world.hypervisor.status_by_name(name)?.is_none() {
                    names.push(name.clone());
                }
            }
        }
        Ok(names)
    }
}
