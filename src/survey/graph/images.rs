//! Images that no domain has attached: they depend on their backing and data files all the same.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use crate::image::SAVED_STATE;
use crate::model::{FileKind, User, UserKind};
use crate::ports::{Entry, Image, StorageView, Volume};
use crate::xml::DomainXml;

use super::super::cached::CachedStorage;
use super::super::chain::{self, Hides, Start};
use super::super::pools::Pools;
use super::Graph;

/// A tree with more names than this is not looked into to its end, and that is said.
const MOST_NAMES: usize = 50_000;
/// Nor one that is deeper.
const DEEPEST: usize = 32;

/// How far a folder is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::survey) enum Depth {
    /// Its own files.
    Flat,
    /// What is below it as well.
    Tree,
    /// That, and folders that symlinks lead to: libvirt lists those as volumes.
    Pool,
}

impl Graph {
    /// Looks into the images of one folder: of a pool, or where a disk lies. All domains must be
    /// known by then: an image of theirs is their own affair, and one that a domain takes for raw
    /// was written by its guest. What has been moved into quarantine is in use by nobody.
    pub(in crate::survey) fn add_folder(
        &mut self,
        storage: &CachedStorage,
        pools: &Pools,
        folder: &Path,
        depth: Depth,
    ) {
        let mut left = MOST_NAMES;
        let mut pending = VecDeque::from([(folder.to_owned(), 0)]);
        while let Some((next, level)) = pending.pop_front() {
            let Ok(Some(facts)) = storage.glance(&next) else {
                continue;
            };
            let key = facts.identity.key();
            let is_new = match depth {
                Depth::Flat => !self.scanned.contains(&key),
                Depth::Tree | Depth::Pool => self.descended.insert(key),
            };
            if !is_new || storage.is_ours(&next) {
                continue;
            }
            let Ok(entries) = storage.list(&next) else {
                continue;
            };
            let enough = left.checked_sub(entries.len()).filter(|_| level <= DEEPEST);
            let Some(enough) = enough else {
                self.unseen.insert(format!(
                    "images in {}, which holds more than {MOST_NAMES} files or {DEEPEST} levels \
                     of folders",
                    folder.display()
                ));
                return;
            };
            left = enough;
            if depth != Depth::Flat {
                let below = entries
                    .iter()
                    .filter_map(|entry| is_folder(storage, entry, depth));
                pending.extend(below.map(|path| (path, level + 1)));
            }
            if self.scanned.insert(key) {
                for entry in &entries {
                    self.add_entry(storage, pools, entry);
                }
            }
        }
    }

    fn add_entry(&mut self, storage: &CachedStorage, pools: &Pools, entry: &Entry) {
        let key = match entry.kind {
            FileKind::Regular | FileKind::BlockDevice => entry.identity.key(),
            FileKind::Symlink => {
                let target = storage
                    .resolve(&entry.path)
                    .and_then(|resolved| storage.glance(&resolved.real));
                match target {
                    Ok(Some(facts))
                        if matches!(facts.kind, FileKind::Regular | FileKind::BlockDevice) =>
                    {
                        facts.identity.key()
                    }
                    _ => return,
                }
            }
            FileKind::Directory | FileKind::Other => return,
        };
        if !entry.stands_alone && !self.is_attached(key) {
            self.add_unattached(storage, pools, &entry.path, None);
        }
    }

    /// A volume that is a device: of LVM, of a disk's partitions.
    pub(in crate::survey) fn add_volume(
        &mut self,
        storage: &CachedStorage,
        pools: &Pools,
        volume: &Volume,
    ) {
        let found = storage
            .resolve(&volume.path)
            .and_then(|resolved| storage.glance(&resolved.real));
        if let Ok(Some(facts)) = found
            && !self.is_attached(facts.identity.key())
        {
            self.add_unattached(storage, pools, &volume.path, volume.format.as_deref());
        }
    }

    /// `format` is what libvirt says of a volume; without it the header's magic decides.
    fn add_unattached(
        &mut self,
        storage: &CachedStorage,
        pools: &Pools,
        path: &Path,
        format: Option<&str>,
    ) {
        let image = match storage.image(path, format, 0) {
            Ok(image) => image,
            Err(error) => {
                // What QEMU could not open either depends on nothing.
                tracing::debug!(%error, "an image that nobody has attached cannot be read");
                return;
            }
        };
        if image.format == SAVED_STATE {
            self.add_saved(storage, pools, path);
        } else if !image.below.is_empty() || image.doubt.is_some() {
            self.add_chain(storage, path, &image);
        }
    }

    fn add_chain(&mut self, storage: &CachedStorage, path: &Path, image: &Image) {
        let walk = chain::walk(storage, Start::of(path, Some(&image.format)));
        for obstacle in walk.obstacles.iter().filter(|one| one.hides == Hides::More) {
            self.unseen.insert(obstacle.what.to_string());
        }
        let Some(top) = walk.layers.first() else {
            return;
        };
        let name = top.path.clone();
        // A disk's own overlay for the time that its guest runs is nobody else's.
        let owner = walk.layers.get(1).and_then(|below| {
            let domain = self.overlaid_by(&name, &below.path, below.facts.identity.key());
            domain.map(|one| one.uuid)
        });
        for layer in walk.layers.iter().skip(1) {
            let how = match layer.is_data_file {
                true => "data file of",
                false => "backing file of",
            };
            for key in storage.faces(&layer.path, &layer.facts) {
                self.add_image(key, owner, &name, how);
            }
            self.add_below(storage, layer, |graph, key| {
                graph.add_image(key, owner, &name, "file in a folder that is a disk of");
            });
            for (_, link) in &layer.links {
                let how = format!("name of the {how}");
                self.add_image(link.identity.key(), owner, &name, &how);
            }
        }
    }

    /// A guest's state that was saved into a file (`virsh save`): it is resumed with its disks.
    fn add_saved(&mut self, storage: &CachedStorage, pools: &Pools, path: &Path) {
        let Ok(Some(xml)) = storage.saved_xml(path) else {
            return;
        };
        let Ok(xml) = DomainXml::read(xml.reveal()) else {
            self.unseen.insert(format!(
                "the disks of {}, whose XML is not understood",
                path.display()
            ));
            return;
        };
        for disk in &xml.disks {
            let Some(source) = pools.file(&disk.source) else {
                continue;
            };
            let format = disk.format.as_deref().unwrap_or("raw");
            let start = Start {
                path: &source,
                format: Some(format),
                offset: disk.offset,
            };
            for layer in chain::walk(storage, start).layers {
                let user = User {
                    kind: UserKind::Image,
                    name: path.display().to_string(),
                    how: format!("disk {} of {} in the saved state", disk.target, xml.name),
                };
                for key in storage.faces(&layer.path, &layer.facts) {
                    self.add(key, Some(xml.uuid), user.clone());
                }
            }
        }
    }

    /// Everything in a folder that QEMU shows as a disk is part of that disk.
    pub(super) fn add_below(
        &mut self,
        storage: &CachedStorage,
        layer: &chain::Layer,
        mut add: impl FnMut(&mut Self, (u64, u64)),
    ) {
        if !layer.shows_folder {
            return;
        }
        let mut left = MOST_NAMES;
        let mut pending = vec![layer.path.clone()];
        while let Some(folder) = pending.pop() {
            for entry in storage.list(&folder).unwrap_or_default() {
                let Some(enough) = left.checked_sub(1) else {
                    self.unseen.insert(format!(
                        "files in the folder {}, which is shown as a disk and holds more than \
                         {MOST_NAMES} of them",
                        layer.path.display()
                    ));
                    return;
                };
                left = enough;
                add(self, entry.identity.key());
                if entry.kind == FileKind::Directory {
                    pending.push(entry.path);
                }
            }
        }
    }
}

fn is_folder(storage: &CachedStorage, entry: &Entry, depth: Depth) -> Option<PathBuf> {
    match entry.kind {
        FileKind::Directory => Some(entry.path.clone()),
        FileKind::Symlink if depth == Depth::Pool => {
            let real = storage.resolve(&entry.path).ok()?.real;
            let facts = storage.glance(&real).ok()??;
            (facts.kind == FileKind::Directory).then_some(real)
        }
        _ => None,
    }
}
