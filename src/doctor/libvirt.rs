//! The connection, the rights, the versions, and what of the host could not be looked at; where it
//! can, what is left over there.

use std::path::{Path, PathBuf};

use crate::model::FileKind;
use crate::ports::{HypervisorView, Pool};
use crate::retire::Connected;
use crate::survey::{self, Away, CachedStorage, Leftovers, Survey};

use super::hints::{self, counted};
use super::journal::Known;
use super::{Patient, Report, leftovers};

/// The folders of pools that are there.
pub(super) type Folders = Vec<(String, PathBuf)>;

pub(super) fn look(patient: &dyn Patient, known: &Known, report: &mut Report) -> Folders {
    let connected = match patient.connect() {
        Ok(connected) => connected,
        Err(trouble) => {
            report.trouble("libvirt", trouble);
            programs(patient, report);
            return Folders::new();
        }
    };
    let world = connected.world();
    let hypervisor = world.hypervisor;
    report.ok("libvirt", format!("{} answers", hypervisor.uri()));
    rights(patient, hypervisor, report);
    versions(hypervisor, report);
    programs(patient, report);
    let pools = match hypervisor.pools() {
        Ok(pools) => pools,
        Err(error) => {
            report.fail("pools", error.to_string(), "virsh pool-list --all");
            return Folders::new();
        }
    };
    self::pools(&pools, report);
    everything(connected.as_ref(), patient, known, report);
    let there = pools.into_iter().filter(|it| it.active || it.kind == "dir");
    there
        .filter_map(|pool| Some((pool.name, pool.target?)))
        .filter(|(name, folder)| is_folder(patient, name, folder, report))
        .collect()
}

fn rights(patient: &dyn Patient, hypervisor: &dyn HypervisorView, report: &mut Report) {
    if patient.is_root() {
        report.ok("rights", "root: every file and every process is seen");
    } else if hypervisor.uri().contains("/session") {
        report.ok("rights", "a user, and a libvirt of that user's own");
    } else {
        report.fail(
            "rights",
            format!(
                "{} belongs to root, and so do its guests' files: who is not root may ask it, and \
                 cannot move them",
                hypervisor.uri()
            ),
            "sudo virt-retire doctor",
        );
    }
}

fn versions(hypervisor: &dyn HypervisorView, report: &mut Report) {
    let libvirt = hypervisor.version();
    let emulator = match hypervisor.emulator_version() {
        Some(version) => format!(", QEMU {version}"),
        None => String::new(),
    };
    let told = format!(
        "virt-retire {}, libvirt {libvirt}{emulator}",
        env!("CARGO_PKG_VERSION")
    );
    match survey::too_old(libvirt) {
        None => report.ok("versions", told),
        Some(why) => report.fail(
            "versions",
            format!("{told}: {why}"),
            "install a newer libvirt",
        ),
    }
}

fn programs(patient: &dyn Patient, report: &mut Report) {
    match patient.has_program("qemu-img") {
        true => report.ok(
            "programs",
            "qemu-img is there, for formats other than raw and qcow2",
        ),
        false => report.warn(
            "programs",
            "there is no qemu-img: the chains of images other than raw and qcow2 cannot be read, \
             and a domain that has one is refused",
            "install QEMU's tools: qemu-utils (Debian, Ubuntu), qemu-img (Fedora, openSUSE)",
        ),
    }
}

fn pools(pools: &[Pool], report: &mut Report) {
    let names = |wanted: &dyn Fn(&Pool) -> bool| -> Vec<String> {
        let wanted = pools.iter().filter(|pool| wanted(pool));
        wanted.map(|pool| pool.name.clone()).collect()
    };
    let stopped = names(&|pool| !pool.active);
    let told = counted(pools.len(), "pool");
    match stopped.first() {
        None if pools.is_empty() => report.ok("pools", "libvirt has no pool"),
        None => report.ok("pools", format!("{told}, all of them started")),
        Some(first) => report.warn(
            "pools",
            format!("{told}; not started: {}", hints::listed(&stopped)),
            format!("virsh pool-start {}", crate::model::quoted(first)),
        ),
    }
    // A volume group has the host's own volumes too, and a cluster those of other hosts: that no
    // domain of this host uses one says little.
    let without_files = names(&|pool| !survey::is_of_files(pool));
    if !without_files.is_empty() {
        report.ok(
            "pools",
            format!(
                "what no domain uses is not looked for where volumes are no files: {}",
                hints::listed(&without_files)
            ),
        );
    }
}

fn is_folder(patient: &dyn Patient, pool: &str, folder: &Path, report: &mut Report) -> bool {
    let storage = patient.storage();
    let found = storage
        .resolve(folder)
        .and_then(|it| storage.glance(&it.real));
    // Of one that is a device's, or may not be looked at, others tell.
    match found {
        Ok(Some(facts)) => facts.kind == FileKind::Directory,
        Ok(None) if folder.starts_with("/dev") => false,
        Ok(None) => {
            report.warn(
                "pools",
                format!(
                    "the folder of pool {pool} is not there: {}",
                    folder.display()
                ),
                format!(
                    "mount or make it, or: virsh pool-destroy {0}, virsh pool-undefine {0}",
                    crate::model::quoted(pool)
                ),
            );
            false
        }
        Err(_) => true,
    }
}

fn everything(
    connected: &dyn Connected,
    patient: &dyn Patient,
    known: &Known,
    report: &mut Report,
) {
    let world = connected.world();
    let cached = CachedStorage::new(world.storage);
    let survey = match Survey::new(world.hypervisor, &cached, world.census) {
        Ok(survey) => survey,
        Err(error) => {
            report.fail(
                "users",
                error.to_string(),
                "fix that, then: virt-retire doctor",
            );
            return;
        }
    };
    let unseen = survey.unseen();
    users(patient, &unseen, report);
    match survey.leftovers() {
        Err(error) => report.fail("leftovers", error.to_string(), "virt-retire doctor"),
        Ok(found) => {
            disks(&found, report);
            let also: Vec<String> = survey
                .unseen()
                .into_iter()
                .filter(|what| !unseen.contains(what))
                .collect();
            if !also.is_empty() {
                report.warn(
                    "leftovers",
                    format!("not looked at: {}", hints::listed(&also)),
                    as_root(patient, "virt-retire doctor"),
                );
            }
            leftovers::tell(
                &found,
                known,
                patient.storage(),
                patient.clock().now(),
                report,
            );
        }
    }
}

/// A plan with something unseen is refused, `unseen-users`.
fn users(patient: &dyn Patient, unseen: &[String], report: &mut Report) {
    if unseen.is_empty() {
        return report.ok(
            "users",
            "everybody who may use a guest's files could be looked at",
        );
    }
    for what in unseen {
        report.warn(
            "users",
            format!(
                "not looked at: {what}; who uses files there is not known, and plans are refused"
            ),
            as_root(
                patient,
                "fix that, or accept it: --accept-unseen at each plan",
            ),
        );
    }
}

fn as_root(patient: &dyn Patient, otherwise: &str) -> String {
    match patient.is_root() {
        true => otherwise.to_owned(),
        false => "sudo virt-retire doctor".to_owned(),
    }
}

fn disks(found: &Leftovers, report: &mut Report) {
    for Away {
        domain,
        target,
        path,
        folder,
    } in &found.away
    {
        let shown = path.display();
        let (message, hint) = match folder {
            Some(folder) => (
                format!(
                    "disk {target} of domain {} is not there: {shown}; nothing seems to be mounted \
                     at {}",
                    domain.typed(),
                    folder.display()
                ),
                format!(
                    "mount {}; if it was never a mount's: virt-retire volumes {}",
                    hints::path(folder),
                    domain.typed()
                ),
            ),
            None => (
                format!(
                    "disk {target} of domain {} is a device that is not there: {shown}",
                    domain.typed()
                ),
                "attach it, or activate its volume group: vgchange --activate y VG".to_owned(),
            ),
        };
        report.warn("disks", message, hint);
    }
    if found.away.is_empty() && found.gone.is_empty() {
        report.ok("disks", "every domain's disks are there");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(name: &str, kind: &str, active: bool) -> Pool {
        Pool {
            name: name.to_owned(),
            kind: kind.to_owned(),
            active,
            target: None,
        }
    }

    // No host of the tests has a volume group.
    #[test]
    fn pools_in_which_nothing_is_looked_for_are_told() {
        let mut report = Report::default();
        let all = [
            pool("default", "dir", true),
            pool("vg0", "logical", true),
            pool("ceph", "rbd", false),
        ];
        pools(&all, &mut report);
        let told: Vec<&str> = report.checks.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(
            told,
            [
                "3 pools; not started: ceph",
                "what no domain uses is not looked for where volumes are no files: vg0, ceph"
            ]
        );
    }
}
