//! As what, and where, a rollback brings a domain back: as it was, under another name or UUID where
//! somebody has taken its own, with a repaired definition where libvirt does not take the old one,
//! at another place where the old one is gone. All of it follows from the journal, so that a
//! recovery goes on on the same terms.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::model::{
    Amendment, Checkpoint, Definition, DomainRef, FileMove, FileRole, Rename, SecretXml, Snapshot,
    Step, Taken, Transaction, Verdict,
};
use crate::xml::{DomainXml, IdentityChange, XmlError, change_identity, change_paths};

use super::terms::Terms;

/// The identity under which the steps of a transaction deal with the domain now. On the way there
/// it is the domain's own.
pub(super) struct Restoration<'a> {
    pub(super) transaction: &'a Transaction,
    pub(super) rename: Option<&'a Rename>,
    amendment: Option<&'a Amendment>,
}

impl<'a> Restoration<'a> {
    pub(super) fn of(transaction: &'a Transaction) -> Self {
        Self {
            transaction,
            rename: transaction.renamed(),
            amendment: transaction.amendment(),
        }
    }

    /// Before the terms are in the journal.
    pub(super) fn under(transaction: &'a Transaction, terms: &'a Terms) -> Self {
        Self {
            transaction,
            rename: terms.rename.as_ref(),
            amendment: terms.amendment.as_ref(),
        }
    }

    /// Whether the domain stays undefined.
    pub(super) fn files_only(&self) -> bool {
        self.amendment.is_some_and(|amendment| amendment.files_only)
    }

    pub(super) fn has_repaired_xml(&self) -> bool {
        self.amendment
            .is_some_and(|amendment| amendment.xml.is_some())
    }

    /// Whether some files come back at another place.
    pub(super) fn has_other_paths(&self) -> bool {
        self.amendment
            .is_some_and(|amendment| !amendment.paths.is_empty())
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
        if self.rename.is_none() && self.amendment.is_none() {
            return Ok(Cow::Borrowed(saved));
        }
        let change = self.change()?;
        let changed = |xml: &SecretXml| {
            let moved = self.moved_xml(xml)?;
            match self.rename {
                Some(_) => change_identity(&moved, &change).map(SecretXml::new),
                None => Ok(SecretXml::new(moved.into_owned())),
            }
        };
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
            xml: changed(self.xml())?,
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

    /// The domain's XML before anything in it is changed.
    fn xml(&self) -> &'a SecretXml {
        let repaired = self.amendment.and_then(|amendment| amendment.xml.as_ref());
        repaired.unwrap_or(&self.transaction.definition.xml)
    }

    /// An XML with the paths of files that have another place now.
    fn moved_xml<'x>(&self, xml: &'x SecretXml) -> Result<Cow<'x, str>, XmlError> {
        let Some(amendment) = self.amendment.filter(|it| !it.paths.is_empty()) else {
            return Ok(Cow::Borrowed(xml.reveal()));
        };
        let changed = change_paths(xml.reveal(), |old| {
            let new = amendment.moved(Path::new(old));
            // libvirt's XML is UTF-8: another path could not be said in it.
            (new != Path::new(old)).then(|| new.to_str().map(str::to_owned))?
        })?;
        Ok(Cow::Owned(changed))
    }

    /// Where a path of the plan is now.
    pub(super) fn moved<'p>(&self, path: &'p Path) -> Cow<'p, Path> {
        match self.amendment.map(|amendment| amendment.moved(path)) {
            Some(new) if new != path => Cow::Owned(new.to_owned()),
            _ => Cow::Borrowed(path),
        }
    }

    /// Where a file of the plan is when it is not in quarantine: its own place or the one that the
    /// operator has named instead, unless libvirt named that after the domain, as `domrename` knows
    /// too.
    pub(super) fn place<'m>(&self, moved: &'m FileMove) -> Cow<'m, Path> {
        self.place_of(Taken::File(moved))
    }

    /// The same of whatever is taken.
    pub(super) fn place_of<'m>(&self, taken: Taken<'m>) -> Cow<'m, Path> {
        let path = self.moved(taken.path());
        let other = match taken.role() {
            // What a symlink leads to is named by that link alone, which keeps its text.
            _ if !self.is_named(taken) => None,
            FileRole::Nvram => self.renamed_nvram(&path),
            FileRole::TpmState => {
                let old = self.transaction.domain().uuid.to_string();
                let is_ours = path.file_name() == Some(OsStr::new(&old));
                is_ours.then(|| path.with_file_name(self.domain().uuid.to_string()))
            }
            _ => None,
        };
        other.map_or(path, Cow::Owned)
    }

    /// Whether it is the first of its kind: the one that libvirt itself names. Those after it are
    /// what it leads to.
    pub(super) fn is_named(&self, taken: Taken) -> bool {
        let mut first = self.transaction.plan.steps.iter().filter_map(state);
        first
            .find(|other| other.role() == taken.role())
            .is_none_or(|first| first.path() == taken.path())
    }

    /// NVRAM that stayed in its place when the domain was retired, and where the domain finds a
    /// copy of it now. By its old name it is the NVRAM of whoever is called so since: two guests
    /// must not write to one.
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
        let xml = DomainXml::read(&self.moved_xml(self.xml())?)?;
        let nvram = xml.firmware.nvram;
        Ok(nvram.and_then(|path| {
            let new = self.renamed_nvram(&path)?;
            Some((path, new))
        }))
    }

    fn change(&self) -> Result<IdentityChange, XmlError> {
        let (old, new) = (self.transaction.domain(), self.domain());
        let xml = DomainXml::read(&self.moved_xml(self.xml())?)?;
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
}

/// What a step takes or copies.
fn state(step: &Step) -> Option<Taken<'_>> {
    match step {
        Step::CopyState(copied) => Some(Taken::File(copied)),
        other => other.taken(),
    }
}

/// Where the files of a transaction that was rolled back are now. What was not put back is left
/// out.
pub fn brought_back(transaction: &Transaction) -> Vec<(PathBuf, &FileMove)> {
    let home = Restoration::of(transaction);
    let set_aside = transaction.set_aside();
    transaction
        .files()
        .filter(|(step, ..)| !set_aside.contains(step))
        .map(|(_, moved, _)| (home.place(moved).into_owned(), moved))
        .collect()
}
