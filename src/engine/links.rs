//! How the images of a chain name each other, looked at from where they will be: an overlay whose
//! header leads to another base than the one it was made on would show its guest other data.
//!
//! Only what is certain refuses: a header that cannot be read, or that names its base by way of a
//! symlink that waits in quarantine too, is passed over.

use std::path::{Path, PathBuf};

use crate::model::{DiskPlan, Fate, FileMove, FileRole, Refusal, RefusalCode, Transaction};
use crate::ports::Reference;
use crate::xml::DomainXml;

use super::World;
use super::error::EngineError;
use super::restoration::Restoration;

pub(super) fn refusals(
    world: &World,
    transaction: &Transaction,
    home: &Restoration<'_>,
) -> Result<Vec<Refusal>, EngineError> {
    let mut refusals = Vec::new();
    if home.files_only() {
        return Ok(refusals);
    }
    let xml = DomainXml::read(transaction.definition.xml.reveal()).map_err(EngineError::Xml)?;
    for disk in &transaction.plan.disks {
        if disk.fate != Fate::Quarantine || disk.chain.is_empty() {
            continue;
        }
        let format = xml.disks.iter().find(|one| one.target == disk.target);
        // libvirt takes a disk without a format for raw.
        let format = format.and_then(|one| one.format.clone());
        let chain = Chain {
            world,
            transaction,
            home,
            disk,
        };
        refusals.extend(chain.refusal(format.unwrap_or_else(|| "raw".into()))?);
    }
    Ok(refusals)
}

struct Chain<'a> {
    world: &'a World<'a>,
    transaction: &'a Transaction,
    home: &'a Restoration<'a>,
    disk: &'a DiskPlan,
}

impl Chain<'_> {
    /// From the disk's own image downwards, as far as the images are ours.
    fn refusal(&self, format: String) -> Result<Option<Refusal>, EngineError> {
        let mut format = Some(format);
        let mut path = self.disk.path.clone();
        for _ in 0..=self.disk.chain.len() {
            let Some((stored, moved)) = path.as_deref().and_then(|path| self.ours(path)) else {
                return Ok(None);
            };
            let place = self.home.place(moved).into_owned();
            let now = match self.world.storage.glance(&stored)? {
                Some(_) => stored,
                None => place.clone(),
            };
            let Ok(image) = self.world.storage.image(&now, format.as_deref(), 0) else {
                return Ok(None);
            };
            let Some(below) = image.backing() else {
                return Ok(None);
            };
            let Reference::File(named) = below.at else {
                return Ok(None);
            };
            let folder = |path: &Path| path.parent().unwrap_or(Path::new("/")).to_owned();
            // A relative name was joined to the folder in which the image was read.
            let (before, named) = match named.strip_prefix(folder(&now)) {
                // QEMU joins it to the folder of the name by which it opened the image, and that is
                // not known here where there is more than one.
                Ok(_) if self.has_other_names() => return Ok(None),
                Ok(relative) => (
                    folder(&moved.path).join(relative),
                    folder(&place).join(relative),
                ),
                Err(_) => (named.clone(), named),
            };
            if self.is_link(&before) {
                return Ok(None);
            }
            let real = self.world.storage.resolve(&named)?.real;
            let Some(next) = self.at(&real)? else {
                return Ok(Some(self.astray(&place, &named, &real)));
            };
            path = Some(next.clone());
            format = below.format;
        }
        Ok(None)
    }

    /// The image of the chain that is, or will be, at the real path `real`.
    fn at(&self, real: &Path) -> Result<Option<&PathBuf>, EngineError> {
        for link in &self.disk.chain {
            // One that stayed may be reached by a folder that has become a symlink.
            let place = self.home.moved(&link.path);
            if self.world.storage.resolve(&place)?.real == real {
                return Ok(Some(&link.path));
            }
        }
        Ok(None)
    }

    /// The image at `path`, with its place in quarantine, if it is one that comes back.
    fn ours(&self, path: &Path) -> Option<(PathBuf, &FileMove)> {
        let is_image = |role: &FileRole| !matches!(role, FileRole::Link { .. });
        let mut files = self.transaction.files();
        let (_, moved, stored) =
            files.find(|(_, moved, _)| moved.path == path && is_image(&moved.role))?;
        Some((stored, moved))
    }

    fn has_other_names(&self) -> bool {
        let is_link = |moved: &FileMove| matches!(moved.role, FileRole::Link { .. });
        self.disk.spelled.is_some() || self.transaction.files().any(|(_, moved, _)| is_link(moved))
    }

    fn is_link(&self, path: &Path) -> bool {
        let mut files = self.transaction.files();
        files.any(|(_, moved, _)| moved.path == path && matches!(moved.role, FileRole::Link { .. }))
    }

    fn astray(&self, place: &Path, named: &Path, real: &Path) -> Refusal {
        let id = self.transaction.id;
        let leads = match real == named {
            true => String::new(),
            false => format!(", which leads to {}", real.display()),
        };
        let message = format!(
            "the image of disk {} would be {}, and it names its base as {}{leads}: that is not the \
             base it stands on",
            self.disk.target,
            place.display(),
            named.display(),
        );
        let hint = match self.home.has_other_paths() {
            true => format!(
                "put a symlink with the old folder's name beside the new one, or bring back the \
                 files alone (virt-retire rollback {id} --files --path …) and then name the base \
                 anew: qemu-img rebase -u -b BASE -F FORMAT IMAGE"
            ),
            false => format!(
                "make that name lead to the base again, then: virt-retire rollback {id}; or go on \
                 as it is with --accept-changed-base"
            ),
        };
        Refusal {
            code: match self.home.has_other_paths() {
                true => RefusalCode::PlaceChanged,
                false => RefusalCode::BaseChanged,
            },
            subject: self.disk.target.clone(),
            message,
            hint,
        }
    }
}
