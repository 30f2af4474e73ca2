//! Images that no domain has attached: they depend on their backing and data files all the same.

use std::path::Path;

use crate::model::FileKind;
use crate::ports::{Entry, Storage, Volume};

use super::super::chain;
use super::super::memo::Memo;
use super::Graph;

/// A folder with more names than this is not looked into, and that is said.
const MOST_NAMES: usize = 50_000;

impl Graph {
    /// Looks into the images of one folder: of an active pool, or where a disk lies. All domains
    /// must be known by then: an image of theirs is their own affair, and one that a domain takes
    /// for raw was written by its guest.
    pub(in crate::survey) fn add_folder(&mut self, storage: &Memo, folder: &Path) {
        let Ok(Some(facts)) = storage.glance(folder) else {
            return;
        };
        if !self.scanned.insert(facts.identity.key()) {
            return;
        }
        let Ok(entries) = storage.list(folder) else {
            return;
        };
        if entries.len() > MOST_NAMES {
            self.unseen.insert(format!(
                "images in {}, which holds more than {MOST_NAMES} files",
                folder.display()
            ));
            return;
        }
        for entry in entries {
            self.add_entry(storage, &entry);
        }
    }

    fn add_entry(&mut self, storage: &Memo, entry: &Entry) {
        let key = match entry.kind {
            FileKind::Regular | FileKind::BlockDevice => entry.identity.key(),
            FileKind::Symlink => {
                let target = storage
                    .resolve(&entry.path)
                    .and_then(|resolved| storage.glance(&resolved.real));
                match target {
                    Ok(Some(facts)) if facts.kind == FileKind::Regular => facts.identity.key(),
                    _ => return,
                }
            }
            FileKind::Directory | FileKind::Other => return,
        };
        if !self.is_attached(key) {
            self.add_unattached(storage, &entry.path, None);
        }
    }

    /// A volume that is a device: of LVM, of a disk's partitions.
    pub(in crate::survey) fn add_volume(&mut self, storage: &Memo, volume: &Volume) {
        let found = storage
            .resolve(&volume.path)
            .and_then(|resolved| storage.glance(&resolved.real));
        if let Ok(Some(facts)) = found
            && !self.is_attached(facts.identity.key())
        {
            self.add_unattached(storage, &volume.path, volume.format.as_deref());
        }
    }

    /// `format` is what libvirt says of a volume; without it the header's magic decides.
    fn add_unattached(&mut self, storage: &Memo, path: &Path, format: Option<&str>) {
        let image = match storage.image(path, format) {
            Ok(image) => image,
            Err(error) => {
                // What QEMU could not open either depends on nothing.
                tracing::debug!(%error, "an image that nobody has attached cannot be read");
                return;
            }
        };
        if image.backing.is_none() && image.data_file.is_none() {
            return;
        }
        let walk = chain::walk(storage, path, Some(&image.format));
        let Some(top) = walk.layers.first() else {
            return;
        };
        let name = top.path.clone();
        for layer in walk.layers.iter().skip(1) {
            let how = match layer.is_data_file {
                true => "data file of",
                false => "backing file of",
            };
            self.add_image(layer.facts.identity.key(), &name, how);
            for (_, link) in &layer.links {
                self.add_image(link.identity.key(), &name, &format!("name of the {how}"));
            }
        }
    }
}
