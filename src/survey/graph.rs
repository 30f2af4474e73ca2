//! Who uses which inode: every domain of the connection, active or not, with all its disks, whole
//! chains, NVRAM, kernels and whatever else its XML names.

use std::collections::HashMap;

use uuid::Uuid;

use crate::model::{Identity, User, UserKind};
use crate::ports::{Described, Hypervisor, Storage};
use crate::xml::{DomainXml, Source};

use super::{SurveyError, chain, not_understood};

struct Use {
    /// The domain, if the user is one: its own uses do not stand in its way.
    owner: Option<Uuid>,
    user: User,
}

#[derive(Default)]
pub(super) struct Graph {
    uses: HashMap<(u64, u64), Vec<Use>>,
    unseen: Vec<String>,
}

impl Graph {
    pub(super) fn new(
        hypervisor: &dyn Hypervisor,
        storage: &dyn Storage,
    ) -> Result<Self, SurveyError> {
        let mut graph = Self::default();
        for domain in hypervisor.domains()? {
            graph.add_domain(hypervisor, storage, &domain)?;
        }
        Ok(graph)
    }

    /// Everyone who uses the inode, but for the domain `owner`.
    pub(super) fn users(&self, identity: &Identity, owner: Uuid) -> Vec<User> {
        let mut users: Vec<User> = self
            .uses
            .get(&identity.key())
            .into_iter()
            .flatten()
            .filter(|found| found.owner != Some(owner))
            .map(|found| found.user.clone())
            .collect();
        users.sort();
        users.dedup();
        users
    }

    /// What could not be looked at, in words.
    pub(super) fn unseen(&self) -> &[String] {
        &self.unseen
    }

    fn add_domain(
        &mut self,
        hypervisor: &dyn Hypervisor,
        storage: &dyn Storage,
        domain: &Described,
    ) -> Result<(), SurveyError> {
        for xml in [Some(&domain.xml), domain.live_xml.as_ref()]
            .into_iter()
            .flatten()
        {
            let name = &domain.status.domain.name;
            let xml =
                DomainXml::read(xml.reveal()).map_err(|error| not_understood(name, &error))?;
            for found in xml.uses() {
                self.add_file(storage, domain, &found.how, &found.path);
            }
            for disk in &xml.disks {
                let how = format!("disk {}", disk.target);
                let path = match &disk.source {
                    Source::File(path) => path.clone(),
                    Source::Volume { pool, volume } => match hypervisor.volume(pool, volume) {
                        Ok(volume) => volume.path,
                        // The pool is not active or the volume is gone: there is no file to share.
                        Err(_) => continue,
                    },
                    _ => continue,
                };
                let walk = chain::walk(storage, &path, disk.format.as_deref().or(Some("raw")));
                for (depth, layer) in walk.layers.iter().enumerate() {
                    let how = if depth == 0 {
                        format!("{how} of")
                    } else {
                        format!("backing file of {how} of")
                    };
                    self.add(domain, how, &layer.facts.identity);
                    for (_, link) in &layer.links {
                        self.add(domain, format!("name of {}", disk.target), &link.identity);
                    }
                }
            }
        }
        Ok(())
    }

    fn add_file(
        &mut self,
        storage: &dyn Storage,
        domain: &Described,
        how: &str,
        path: &std::path::Path,
    ) {
        let facts = storage
            .resolve(path)
            .and_then(|resolved| storage.facts(&resolved.real));
        match facts {
            Ok(Some(facts)) => self.add(domain, format!("{how} of"), &facts.identity),
            // What is not there is used by nobody.
            Ok(None) => {}
            Err(error) => self.unseen.push(format!(
                "{} ({how} of domain {}): {error}",
                path.display(),
                domain.status.domain.name
            )),
        }
    }

    fn add(&mut self, domain: &Described, how: String, identity: &Identity) {
        self.uses.entry(identity.key()).or_default().push(Use {
            owner: Some(domain.status.domain.uuid),
            user: User {
                kind: UserKind::Domain,
                name: domain.status.domain.name.clone(),
                how,
            },
        });
    }
}
