//! Jobs that a running guest does, and the files that they make: no disk of the guest has them. A
//! job ends with its guest. What a copy has written so far stays where it is then. libvirt 11.3
//! deletes what a pull backup needed meanwhile, and the target of a push backup that is not
//! finished.

use std::collections::HashSet;
use std::path::Path;

use uuid::Uuid;

use crate::model::{
    Access, DetachedFacts, DiskFacts, DomainRef, FileRef, JobFacts, Reason, User, UserKind, quoted,
};
use crate::xml::{BackupXml, DomainXml};

use super::chain::{self, Start};
use super::{Survey, SurveyError, not_understood};

/// What the jobs of one domain have made.
#[derive(Default)]
pub(super) struct Jobs {
    /// Those that run.
    pub running: Vec<JobFacts>,
    /// Files that stay.
    pub targets: Vec<DetachedFacts>,
}

impl Survey<'_> {
    /// `running`: the domain as it runs.
    pub(super) fn jobs(
        &self,
        domain: &DomainRef,
        running: &DomainXml,
        disks: &mut [DiskFacts],
    ) -> Result<Jobs, SurveyError> {
        let known: HashSet<(u64, u64)> = (disks.iter())
            .flat_map(|disk| disk.file.iter().chain(disk.chain.iter().map(|it| &it.file)))
            .map(|file| file.facts.identity.key())
            .collect();
        let mut jobs = Jobs::default();
        for disk in &running.disks {
            let Some(mirror) = &disk.mirror else { continue };
            let end = format!(
                "virsh blockjob {} {} --abort",
                domain.typed(),
                quoted(&disk.target)
            );
            let Some(path) = self.pools.file(&mirror.source) else {
                continue;
            };
            let format = mirror.format.as_deref();
            let made = self.made(domain.uuid, &disk.target, Reason::JobTarget, &path, format);
            // A commit writes to an image of the disk's own chain.
            if let Some(made) = made.filter(|it| !known.contains(&it.file.facts.identity.key())) {
                jobs.add(made, "the target of a block job", end);
            }
        }
        let Some(xml) = self.hypervisor.backup(domain.uuid)? else {
            return Ok(jobs);
        };
        let backup = BackupXml::read(&xml).map_err(|error| not_understood(&domain.name, &error))?;
        for disk in &backup.disks {
            let end = format!("virsh domjobabort {}", domain.typed());
            let Some(path) = self.pools.file(&disk.file) else {
                continue;
            };
            let made = self.made(domain.uuid, &disk.target, Reason::BackupTarget, &path, None);
            match made {
                Some(made) if backup.is_pull => {
                    let of = disks.iter_mut().filter(|it| it.target == disk.target);
                    for file in of.filter_map(|it| it.file.as_mut()) {
                        stands_on(&made.file.path, file);
                    }
                    jobs.running.push(JobFacts {
                        file: made.file.path,
                        what: "the scratch file of a pull backup".to_owned(),
                        end,
                    });
                }
                Some(made) => jobs.add(made, "the target of a push backup", end),
                None => {}
            }
        }
        Ok(jobs)
    }

    fn made(
        &self,
        owner: Uuid,
        target: &str,
        reason: Reason,
        path: &Path,
        format: Option<&str>,
    ) -> Option<DetachedFacts> {
        let mut layers = chain::walk(self.storage, Start::of(path, format))
            .layers
            .into_iter();
        let top = layers.next()?;
        Some(DetachedFacts {
            target: target.to_owned(),
            remembered_by: match reason {
                Reason::BackupTarget => "a push backup",
                _ => "a block job",
            }
            .to_owned(),
            reason,
            access: Access::ReadWrite,
            file: self.reached(owner, top.path, top.facts, top.planted),
            chain: layers
                .map(|layer| self.below(owner, layer, false))
                .collect(),
        })
    }
}

/// A scratch file is found beside the disk's other overlays only where it lies beside the disk.
fn stands_on(scratch: &Path, disk: &mut FileRef) {
    let user = User {
        kind: UserKind::Image,
        name: scratch.display().to_string(),
        how: "backing file of".to_owned(),
    };
    if !disk.users.contains(&user) {
        disk.users.push(user);
        disk.users.sort();
    }
}

impl Jobs {
    fn add(&mut self, made: DetachedFacts, what: &str, end: String) {
        self.running.push(JobFacts {
            file: made.file.path.clone(),
            what: what.to_owned(),
            end,
        });
        self.targets.push(made);
    }
}
