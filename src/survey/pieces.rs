//! What a domain's storage consists of, and who uses a file: the two questions that libvirt has no
//! call for.

use std::path::Path;

use crate::model::{Access, Artefact, ChainFacts, DiskFacts, DomainRef, FileRef, Unreadable};
use crate::ports::StorageError;
use crate::xml::DomainXml;

use super::{ANYBODY, Survey, SurveyError, not_understood};

/// As what a domain uses a piece of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Disk,
    Nvram,
    Tpm,
    ManagedSave,
    SnapshotMemory,
    /// A kernel, an initrd, a device tree that the domain boots from.
    Boot,
}

impl Role {
    pub fn word(self) -> &'static str {
        match self {
            Role::Disk => "disk",
            Role::Nvram => "nvram",
            Role::Tpm => "tpm",
            Role::ManagedSave => "managed-save",
            Role::SnapshotMemory => "snapshot-memory",
            Role::Boot => "boot",
        }
    }
}

/// One piece of storage of one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub role: Role,
    /// A disk's target, a snapshot's name, `kernel`; else the role again.
    pub target: String,
    pub access: Access,
    /// The source as the XML spells it.
    pub source: Option<String>,
    /// `None` where there is no file of this host, or where it is not there.
    pub file: Option<FileRef>,
    pub chain: Vec<ChainFacts>,
    pub unreadable: Vec<Unreadable>,
    /// The running domain has it, and its definition has not.
    pub live_only: bool,
}

impl Survey<'_> {
    /// Everything that one domain stores its state in, running and as it is defined.
    ///
    /// # Errors
    /// libvirt does not answer, or its XML is not understood.
    pub fn pieces(&self, domain: &DomainRef) -> Result<Vec<Piece>, SurveyError> {
        let facts = self.domain(domain)?;
        let mut pieces: Vec<Piece> = facts.disks.into_iter().map(Piece::disk).collect();
        pieces.extend(facts.artefacts.into_iter().map(Piece::artefact));
        let xml = DomainXml::read(facts.definition.xml.reveal())
            .map_err(|error| not_understood(&domain.name, &error))?;
        let firmware = &xml.firmware;
        for (target, path) in [
            ("kernel", &firmware.kernel),
            ("initrd", &firmware.initrd),
            ("dtb", &firmware.dtb),
        ] {
            if let Some(path) = path {
                pieces.push(Piece {
                    role: Role::Boot,
                    target: target.to_owned(),
                    access: Access::ReadOnly,
                    source: path.to_str().map(str::to_owned),
                    file: self.known_file(domain.uuid, path)?,
                    chain: Vec::new(),
                    unreadable: Vec::new(),
                    live_only: false,
                });
            }
        }
        Ok(pieces)
    }

    /// The file under this name, with everybody who uses it; `None` where there is none.
    ///
    /// # Errors
    /// It may not be looked at.
    pub fn users_of(&self, path: &Path) -> Result<Option<FileRef>, SurveyError> {
        Ok(self.known_file(ANYBODY, path)?)
    }

    /// Where a volume is.
    ///
    /// # Errors
    /// There is no such pool or volume, or libvirt does not answer.
    pub fn volume_path(&self, pool: &str, volume: &str) -> Result<std::path::PathBuf, SurveyError> {
        Ok(self.hypervisor.volume(pool, volume)?.path)
    }

    fn known_file(&self, owner: uuid::Uuid, path: &Path) -> Result<Option<FileRef>, StorageError> {
        let real = self.storage.resolve(path)?.real;
        Ok(self
            .storage
            .glance(&real)?
            .map(|facts| self.file(owner, real, facts)))
    }
}

impl Piece {
    fn disk(disk: DiskFacts) -> Self {
        Self {
            role: Role::Disk,
            target: disk.target,
            access: disk.access,
            source: disk.source,
            file: disk.file,
            chain: disk.chain,
            unreadable: disk.unreadable,
            live_only: disk.live_only,
        }
    }

    fn artefact(artefact: Artefact) -> Self {
        let (role, target, file) = match artefact {
            Artefact::NvramElsewhere(source) => {
                return Self {
                    role: Role::Nvram,
                    target: Role::Nvram.word().to_owned(),
                    access: Access::ReadWrite,
                    source: Some(source),
                    file: None,
                    chain: Vec::new(),
                    unreadable: Vec::new(),
                    live_only: false,
                };
            }
            Artefact::ManagedSave(file) => (Role::ManagedSave, None, file),
            Artefact::Nvram(file) => (Role::Nvram, None, file),
            Artefact::TpmState(file) => (Role::Tpm, None, file),
            Artefact::SnapshotMemory { snapshot, file } => {
                (Role::SnapshotMemory, Some(snapshot), file)
            }
        };
        Self {
            role,
            target: target.unwrap_or_else(|| role.word().to_owned()),
            access: Access::ReadWrite,
            source: file.path.to_str().map(str::to_owned),
            file: Some(file),
            chain: Vec::new(),
            unreadable: Vec::new(),
            live_only: false,
        }
    }
}
