//! What is kept of a guest that runs, for when its end has thrown it away.

use std::path::PathBuf;

use uuid::Uuid;

use crate::model::{DomainRef, FileFacts, Watched};
use crate::ports::HypervisorError;
use crate::retire::{Connected, Error};
use crate::xml::{DomainXml, Source, read_policy};

pub(super) enum Note {
    /// Its end has an event of its own, or it will be missed at the next looks.
    Ended,
    /// It outlives its end, or its policy removes nothing, or it does not run here yet.
    NotOurs,
    /// Nobody can say what its policy wants.
    Invalid { guest: DomainRef, problem: String },
    /// `loses_tpm`: no rollback will bring back the state of its TPM.
    Ours {
        watched: Box<Watched>,
        loses_tpm: bool,
    },
}

/// `known`: what was kept of it before.
pub(super) fn take_note(
    host: &dyn Connected,
    uuid: Uuid,
    known: Option<&Watched>,
) -> Result<Note, Error> {
    let Some(status) = host.world().hypervisor.status(uuid)? else {
        return Ok(Note::Ended);
    };
    // Looked at again when it runs, or did not leave: both are events.
    if status.persistent || host.monitor().is_on_its_way(uuid)? {
        return Ok(Note::NotOurs);
    }
    let definition = match host.world().hypervisor.definition(uuid) {
        // It ended just now.
        Err(HypervisorError::NoSuchDomain(_)) => return Ok(Note::Ended),
        other => other?,
    };
    let xml = DomainXml::read(definition.xml.reveal()).map_err(|error| HypervisorError::Xml {
        subject: status.domain.name.clone(),
        cause: error.to_string(),
    })?;
    let policy = match read_policy(&xml) {
        Ok(policy) => policy,
        Err(problem) => {
            return Ok(Note::Invalid {
                guest: status.domain,
                problem: problem.to_string(),
            });
        }
    };
    if !policy.removes() || policy.protected {
        return Ok(Note::NotOurs);
    }
    let files = disk_files(host, &xml)?;
    // Nothing of ours could keep it in time: swtpm replaces the file whenever it saves, so that a
    // second name given now would be that of an old state, and libvirt's event of the end comes
    // after the deletion.
    let loses_tpm = xml.tpm_ends_with_it();
    let watched = Watched {
        uri: host.world().hypervisor.uri().to_owned(),
        domain: status.domain,
        definition,
        files,
        since: known.map_or_else(|| host.world().clock.now(), |known| known.since),
    };
    Ok(Note::Ours {
        watched: Box::new(watched),
        loses_tpm,
    })
}

/// The disks' own files. One that cannot be looked at now is left out: it is looked at again
/// when it is to be moved.
fn disk_files(host: &dyn Connected, xml: &DomainXml) -> Result<Vec<(PathBuf, FileFacts)>, Error> {
    let mut files = Vec::new();
    for disk in &xml.disks {
        let path = match &disk.source {
            Source::File(path) => path.clone(),
            Source::Volume { pool, volume } => match host.world().hypervisor.volume(pool, volume) {
                Ok(volume) => volume.path,
                Err(error) if host.monitor().is_alive() => {
                    tracing::info!(%error, "a volume was not found");
                    continue;
                }
                Err(error) => return Err(error.into()),
            },
            _ => continue,
        };
        let found = host.world().storage.resolve(&path).and_then(|resolved| {
            let facts = host.world().storage.facts(&resolved.real)?;
            Ok(facts.map(|facts| (resolved.real, facts)))
        });
        files.extend(found.ok().flatten());
    }
    Ok(files)
}
