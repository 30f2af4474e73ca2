//! As what, and where, a rollback brings a domain back: as it was, or under another name or UUID
//! where somebody has taken its own. All of it follows from the journal, so that a recovery goes on
//! under the same identity.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::model::{
    Checkpoint, Definition, DomainRef, Fate, FileMove, FileRole, Rename, SecretXml, Snapshot, Step,
    Transaction, Verdict,
};
use crate::xml::{DomainXml, IdentityChange, XmlError, change_identity, mac_addresses};

/// What an operator asks for with `--as-name`, `--new-uuid`, `--new-macs`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wish {
    pub name: Option<String>,
    pub new_uuid: bool,
    pub new_macs: bool,
}

impl Wish {
    /// Draws what is to be new. `None` where nothing was asked for.
    pub(super) fn draw(&self, transaction: &Transaction) -> Result<Option<Rename>, XmlError> {
        if *self == Self::default() {
            return Ok(None);
        }
        let old = transaction.domain();
        let macs = if self.new_macs {
            mac_addresses(transaction.definition.xml.reveal())?
        } else {
            Vec::new()
        };
        Ok(Some(Rename {
            domain: DomainRef {
                name: self.name.clone().unwrap_or_else(|| old.name.clone()),
                uuid: match self.new_uuid {
                    true => uuid::Uuid::new_v4(),
                    false => old.uuid,
                },
            },
            macs: macs
                .into_iter()
                .map(|mac| (mac.clone(), like(&mac)))
                .collect(),
        }))
    }
}

/// Another address of the same maker: the first three bytes say who that is.
fn like(mac: &str) -> String {
    let drawn = uuid::Uuid::new_v4();
    let [one, two, three, ..] = drawn.as_bytes();
    let maker = mac.get(..8).unwrap_or("52:54:00");
    format!("{maker}:{one:02x}:{two:02x}:{three:02x}")
}

/// The identity under which the steps of a transaction deal with the domain now. On the way there
/// it is the domain's own.
pub(super) struct Homecoming<'a> {
    transaction: &'a Transaction,
    rename: Option<&'a Rename>,
}

impl<'a> Homecoming<'a> {
    pub(super) fn of(transaction: &'a Transaction) -> Self {
        Self {
            transaction,
            rename: transaction.renamed(),
        }
    }

    /// Before the rename is in the journal.
    pub(super) fn under(transaction: &'a Transaction, rename: Option<&'a Rename>) -> Self {
        Self {
            transaction,
            rename,
        }
    }

    pub(super) fn domain(&self) -> &'a DomainRef {
        self.rename
            .map_or(self.transaction.domain(), |rename| &rename.domain)
    }

    pub(super) fn has_other_name(&self) -> bool {
        self.domain().name != self.transaction.domain().name
    }

    pub(super) fn has_other_uuid(&self) -> bool {
        self.domain().uuid != self.transaction.domain().uuid
    }

    /// # Errors
    /// The saved XML is none: the journal is damaged.
    pub(super) fn definition(&self) -> Result<Cow<'a, Definition>, XmlError> {
        let saved = &self.transaction.definition;
        if self.rename.is_none() {
            return Ok(Cow::Borrowed(saved));
        }
        let change = self.change()?;
        let changed = |xml: &SecretXml| change_identity(xml.reveal(), &change).map(SecretXml::new);
        let snapshot = |one: &Snapshot| {
            Ok(Snapshot {
                xml: changed(&one.xml)?,
                ..one.clone()
            })
        };
        let checkpoint = |one: &Checkpoint| {
            Ok(Checkpoint {
                xml: changed(&one.xml)?,
                ..one.clone()
            })
        };
        Ok(Cow::Owned(Definition {
            xml: changed(&saved.xml)?,
            snapshots: saved
                .snapshots
                .iter()
                .map(snapshot)
                .collect::<Result<_, XmlError>>()?,
            checkpoints: (saved.checkpoints.iter())
                .map(checkpoint)
                .collect::<Result<_, XmlError>>()?,
            ..saved.clone()
        }))
    }

    /// Where a file of the plan is when it is not in quarantine: its own place, unless libvirt
    /// named that after the domain, as `domrename` knows too.
    pub(super) fn place<'m>(&self, moved: &'m FileMove) -> Cow<'m, Path> {
        let other = match moved.role {
            // What a symlink leads to is named by that link alone, which keeps its text.
            _ if !self.is_named(moved) => None,
            FileRole::Nvram => self.renamed_nvram(&moved.path),
            FileRole::TpmState => {
                let old = self.transaction.domain().uuid.to_string();
                let is_ours = moved.path.file_name() == Some(OsStr::new(&old));
                is_ours.then(|| moved.path.with_file_name(self.domain().uuid.to_string()))
            }
            _ => None,
        };
        other.map_or(Cow::Borrowed(&moved.path), Cow::Owned)
    }

    /// Whether it is the first of its kind: the one that libvirt itself names. Those after it are
    /// what it leads to.
    fn is_named(&self, moved: &FileMove) -> bool {
        let mut first = self.transaction.plan.steps.iter().filter_map(state);
        first
            .find(|other| other.role == moved.role)
            .is_none_or(|first| first.path == moved.path)
    }

    /// NVRAM that stayed in its place when the domain was retired, and where the domain finds a copy
    /// of it now. By its old name it is the NVRAM of whoever is called so since: two guests must
    /// not write to one.
    ///
    /// # Errors
    /// The saved XML is none: the journal is damaged.
    pub(super) fn nvram_copy(&self) -> Result<Option<(PathBuf, PathBuf)>, XmlError> {
        let stayed = self.transaction.removal.nvram == Some(Verdict::Keep);
        let is_copied =
            (self.transaction.copies()).any(|(_, file, _)| file.role == FileRole::Nvram);
        if !stayed || is_copied || !self.has_other_name() {
            return Ok(None);
        }
        let xml = DomainXml::read(self.transaction.definition.xml.reveal())?;
        let nvram = xml.firmware.nvram;
        Ok(nvram.and_then(|path| {
            let new = self.renamed_nvram(&path)?;
            Some((path, new))
        }))
    }

    fn change(&self) -> Result<IdentityChange, XmlError> {
        let (old, new) = (self.transaction.domain(), self.domain());
        let xml = DomainXml::read(self.transaction.definition.xml.reveal())?;
        let nvram = xml.firmware.nvram.and_then(|path| {
            let new = self.renamed_nvram(&path)?;
            Some((path.to_str()?.to_owned(), new.to_str()?.to_owned()))
        });
        Ok(IdentityChange {
            name: (old.name.clone(), new.name.clone()),
            uuid: (old.uuid.to_string(), new.uuid.to_string()),
            macs: self.rename.map_or(Vec::new(), |rename| rename.macs.clone()),
            nvram,
        })
    }

    /// `NAME_VARS.fd` or `NAME_VARS.qcow2`, as libvirt names NVRAM by itself.
    fn renamed_nvram(&self, path: &Path) -> Option<PathBuf> {
        let old = format!("{}_VARS.", self.transaction.domain().name);
        let ending = path.file_name()?.to_str()?.strip_prefix(&old)?;
        Some(path.with_file_name(format!("{}_VARS.{ending}", self.domain().name)))
    }

    /// Disks that only the running guest had: their files come back, and the definition does not
    /// have them.
    fn live_disks(&self) -> Vec<String> {
        let gone = self.transaction.plan.disks.iter();
        let gone = gone.filter(|disk| disk.is_live_only() && disk.fate == Fate::Quarantine);
        gone.filter_map(|disk| {
            Some(format!(
                "disk {} was the running guest's alone, and the definition does not have it: its file \
                 is back at {}",
                disk.target,
                disk.path.as_ref()?.display(),
            ))
        })
        .collect()
    }

    /// What is not as it was, for the operator: what only the running guest had, and what another
    /// identity costs.
    pub(super) fn costs(&self) -> Vec<String> {
        let mut costs = self.live_disks();
        let Some(rename) = self.rename else {
            return costs;
        };
        let steps = &self.transaction.plan.steps;
        for moved in steps.iter().filter_map(Step::file) {
            let place = self.place(moved);
            match moved.role {
                FileRole::TpmState if self.has_other_uuid() && *place != *moved.path => {
                    costs.push(format!(
                        "TPM state is tied to the UUID: it is now in {}, and what the guest sealed to \
                         its old identity may not open",
                        place.display()
                    ));
                }
                FileRole::Nvram if *place != *moved.path => {
                    costs.push(format!("the NVRAM is now {}", place.display()));
                }
                FileRole::SnapshotMemory { ref snapshot } if self.is_named(moved) => costs.push(format!(
                    "libvirt will not revert to snapshot '{snapshot}': its memory file holds the old \
                     identity"
                )),
                _ => {}
            }
        }
        if let Ok(Some((kept, copy))) = self.nvram_copy() {
            costs.push(format!(
                "the NVRAM that was kept, {}, stays: the domain has a copy of it as it is now, {}",
                kept.display(),
                copy.display()
            ));
        }
        if self.has_other_uuid() && self.transaction.removal.tpm == Some(Verdict::Keep) {
            costs.push(
                "TPM state that was kept in place belongs to the old UUID: the guest will find an \
                 empty TPM"
                    .into(),
            );
        }
        if rename.macs.is_empty() {
            costs.push(
                "its network cards have the addresses they had (--new-macs changes them)".into(),
            );
        } else {
            let new: Vec<&str> = rename.macs.iter().map(|(_, new)| new.as_str()).collect();
            costs.push(format!(
                "its network cards have new addresses: {}",
                new.join(", ")
            ));
        }
        costs
    }
}

/// The file of a step that moves or copies one.
fn state(step: &Step) -> Option<&FileMove> {
    match step {
        Step::CopyState(copied) => Some(copied),
        other => other.file(),
    }
}

/// Where the files of a transaction that was rolled back are now. What a note says was not put back
/// is left out.
pub fn brought_back(transaction: &Transaction) -> Vec<(PathBuf, &FileMove)> {
    let home = Homecoming::of(transaction);
    let set_aside = (transaction.notes().iter()).any(|note| note.starts_with(NOT_PUT_BACK));
    transaction
        .files()
        .filter(|(_, moved, _)| !(set_aside && moved.role == FileRole::ManagedSave))
        .map(|(_, moved, _)| (home.place(moved).into_owned(), moved))
        .collect()
}

/// How the note about a managed save image that does not fit begins.
pub(super) const NOT_PUT_BACK: &str = "the saved state was not put back";
