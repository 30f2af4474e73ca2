//! What belongs to a domain besides its XML and disks: managed save, NVRAM, TPM state, memory
//! files of snapshots. libvirt names some of them in XML and keeps the rest in folders of its own.

use std::path::Path;

use crate::model::{Artefact, Definition, DomainRef, FileRef};
use crate::xml::{DomainXml, SnapshotXml, TpmBackend};

use super::{Survey, SurveyError, not_understood};

impl Survey<'_> {
    pub(super) fn artefacts(
        &self,
        domain: &DomainRef,
        xml: &DomainXml,
        definition: &Definition,
        unsupported: &mut Vec<String>,
    ) -> Result<Vec<Artefact>, SurveyError> {
        let folders = self.hypervisor.state_folders()?;
        let mut found = Vec::new();
        // By the file, not by `virDomainHasManagedSaveImage`: that answers from memory, and after
        // a rollback it says "no" until libvirtd is restarted.
        let save = folders.managed_save.join(format!("{}.save", domain.name));
        found.extend(self.existing(domain, &save)?.map(Artefact::ManagedSave));

        if let Some(elsewhere) = &xml.firmware.nvram_elsewhere {
            unsupported.push(format!("its NVRAM is no file of this host ({elsewhere})"));
        }
        if let Some(nvram) = &xml.firmware.nvram {
            found.extend(self.existing(domain, nvram)?.map(Artefact::Nvram));
        }
        for tpm in &xml.tpms {
            if tpm.backend == TpmBackend::Emulator {
                let state = match &tpm.state {
                    Some(path) => path.clone(),
                    None => folders.tpm.join(domain.uuid.to_string()),
                };
                found.extend(self.existing(domain, &state)?.map(Artefact::TpmState));
            }
        }
        for snapshot in &definition.snapshots {
            let read = SnapshotXml::read(snapshot.xml.reveal())
                .map_err(|error| not_understood(&snapshot.name, &error))?;
            if let Some(memory) = &read.memory_file {
                found.extend(
                    self.existing(domain, memory)?
                        .map(|file| Artefact::SnapshotMemory {
                            snapshot: snapshot.name.clone(),
                            file,
                        }),
                );
            }
        }
        Ok(found)
    }

    fn existing(&self, domain: &DomainRef, path: &Path) -> Result<Option<FileRef>, SurveyError> {
        let real = self.storage.resolve(path)?.real;
        Ok(self
            .storage
            .facts(&real)?
            .map(|facts| self.file(domain.uuid, real, facts)))
    }
}
