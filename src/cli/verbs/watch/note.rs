//! What is kept of a guest that runs, for when its end has thrown it away.

use std::path::PathBuf;

use uuid::Uuid;

use crate::cli::context::Host;
use crate::cli::error::CliError;
use crate::cli::safe::safe;
use crate::model::{FileFacts, Watched};
use crate::ports::{Hypervisor, HypervisorError, Storage};
use crate::xml::{DomainXml, Source, read_policy};

pub(super) enum Note {
    /// Its end has an event of its own, or it will be missed at the next looks.
    Ended,
    /// It outlives its end, or its policy removes nothing, or it does not run here yet.
    NotOurs,
    /// Nobody can say what its policy wants; what to tell of it.
    Invalid(String),
    /// With what is to be told of it, if anything.
    Ours(Box<Watched>, Option<String>),
}

/// `known`: what was kept of it before.
pub(super) fn take_note(
    host: &Host,
    uuid: Uuid,
    known: Option<&Watched>,
) -> Result<Note, CliError> {
    let Some(status) = host.hypervisor.status(uuid)? else {
        return Ok(Note::Ended);
    };
    // Looked at again when it runs, or did not leave: both are events.
    if status.persistent || host.hypervisor.is_on_its_way(uuid)? {
        return Ok(Note::NotOurs);
    }
    let definition = match host.hypervisor.definition(uuid) {
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
            let name = safe(&status.domain.name);
            return Ok(Note::Invalid(format!(
                "{name} is not watched: its policy is not valid: {problem}"
            )));
        }
    };
    if !policy.removes() || policy.protected {
        return Ok(Note::NotOurs);
    }
    let files = disk_files(host, &xml)?;
    // Nothing of ours could keep it in time: swtpm replaces the file whenever it saves, so that a
    // second name given now would be that of an old state, and libvirt's event of the end comes
    // after the deletion.
    let loses = xml.tpm_ends_with_it().then(|| {
        format!(
            "{}: libvirt will delete the state of its TPM when it ends, and no rollback brings that \
             back. With <backend type='emulator' persistent_state='yes'> in its XML libvirt keeps it",
            safe(&status.domain.name)
        )
    });
    let watched = Watched {
        uri: host.uri().to_owned(),
        domain: status.domain,
        definition,
        files,
        since: known.map_or_else(|| host.world().clock.now(), |known| known.since),
    };
    Ok(Note::Ours(Box::new(watched), loses))
}

/// The disks' own files. One that cannot be looked at now is left out: it is looked at again
/// when it is to be moved.
fn disk_files(host: &Host, xml: &DomainXml) -> Result<Vec<(PathBuf, FileFacts)>, CliError> {
    let mut files = Vec::new();
    for disk in &xml.disks {
        let path = match &disk.source {
            Source::File(path) => path.clone(),
            Source::Volume { pool, volume } => match host.hypervisor.volume(pool, volume) {
                Ok(volume) => volume.path,
                Err(error) if host.hypervisor.is_alive() => {
                    tracing::info!(%error, "a volume was not found");
                    continue;
                }
                Err(error) => return Err(error.into()),
            },
            _ => continue,
        };
        let found = host.storage.resolve(&path).and_then(|resolved| {
            let facts = host.storage.facts(&resolved.real)?;
            Ok(facts.map(|facts| (resolved.real, facts)))
        });
        files.extend(found.ok().flatten());
    }
    Ok(files)
}
