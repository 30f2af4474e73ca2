//! What belongs to a domain besides its XML and disks: managed save, NVRAM, TPM state, memory
//! files of snapshots. libvirt names some of them in XML and keeps the rest in folders of its own.

use std::path::Path;

use crate::model::{Artefact, Definition, DomainRef, FileKind, FileRef};
use crate::xml::{DomainXml, SnapshotXml, TpmBackend};

use super::{Survey, SurveyError, not_understood};

impl Survey<'_> {
    /// `states`: as the domain is defined, and as it runs.
    pub(super) fn artefacts(
        &self,
        domain: &DomainRef,
        states: &[&DomainXml],
        definition: &Definition,
        unsupported: &mut Vec<String>,
    ) -> Result<Vec<Artefact>, SurveyError> {
        let folders = self.hypervisor.state_folders()?;
        let mut found = Vec::new();
        // By the file, not by `virDomainHasManagedSaveImage`: that answers from memory, and after
        // a rollback it says "no" until libvirtd is restarted.
        let save = folders.managed_save.join(format!("{}.save", domain.name));
        let saved = self.existing(domain, &save)?;
        if saved.iter().any(is_link) {
            // Undefine would unlink the link, of which no second name can be kept.
            unsupported.push(format!(
                "its managed save image {} is a symlink",
                save.display()
            ));
        }
        found.extend(saved.into_iter().map(Artefact::ManagedSave));

        for xml in states {
            let elsewhere = xml.firmware.nvram_elsewhere.clone();
            add(&mut found, elsewhere.map(Artefact::NvramElsewhere));
            if let Some(nvram) = &xml.firmware.nvram {
                let files = self.existing(domain, nvram)?;
                add(&mut found, files.into_iter().map(Artefact::Nvram));
            }
            for tpm in &xml.tpms {
                // Of a TPM that is the host's own, or that another program serves, nothing is
                // libvirt's: no undefine takes it away, and the XML comes back naming it.
                if tpm.backend == TpmBackend::Emulator {
                    let state = match &tpm.state {
                        Some(path) => path.clone(),
                        None => folders.tpm.join(domain.uuid.to_string()),
                    };
                    let files = self.existing(domain, &state)?;
                    add(&mut found, files.into_iter().map(Artefact::TpmState));
                }
            }
        }
        for snapshot in &definition.snapshots {
            let read = SnapshotXml::read(snapshot.xml.reveal())
                .map_err(|error| not_understood(&snapshot.name, &error))?;
            if let Some(memory) = &read.memory_file {
                let files = self.existing(domain, memory)?;
                found.extend(files.into_iter().map(|file| Artefact::SnapshotMemory {
                    snapshot: snapshot.name.clone(),
                    file,
                }));
            }
        }
        Ok(found)
    }

    /// What is there under this name: the symlinks that lead to the file, and the file.
    fn existing(&self, domain: &DomainRef, path: &Path) -> Result<Vec<FileRef>, SurveyError> {
        let resolved = self.storage.resolve(path)?;
        let mut found = Vec::new();
        for path in resolved.links.into_iter().chain([resolved.real]) {
            if let Some(facts) = self.storage.facts(&path)? {
                let planted = resolved.planted.clone();
                found.push(self.reached(domain.uuid, path, facts, planted));
            }
        }
        Ok(found)
    }
}

/// A running guest has the same NVRAM and TPM as its definition, or others besides.
fn add(found: &mut Vec<Artefact>, more: impl IntoIterator<Item = Artefact>) {
    for one in more {
        if !found.contains(&one) {
            found.push(one);
        }
    }
}

fn is_link(file: &FileRef) -> bool {
    file.facts.kind == FileKind::Symlink
}
