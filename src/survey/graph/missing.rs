//! Images that a domain names and that are not there: removed, and then they stand on nothing; or
//! only away, because their file system is not mounted, and then nobody knows on what.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::model::FileKind;
use crate::ports::{Entry, StorageView};

use super::super::cached::CachedStorage;
use super::Graph;

/// Where media are mounted that come and go (FHS 3.0, 3.11; udisks(8)).
const REMOVABLE: [&str; 2] = ["/media", "/run/media"];

pub(super) struct Missing {
    pub owner: Uuid,
    pub path: PathBuf,
    /// Of which disk of which domain, in words.
    pub what: String,
}

impl Graph {
    /// Notes those that may be away. All domains must be known: where images of theirs lie, another
    /// one that is missing was removed.
    pub(in crate::survey) fn judge_missing(&mut self, storage: &CachedStorage) {
        for one in std::mem::take(&mut self.missing) {
            if let Some(why) = self.away(storage, &one.path) {
                self.unseen_of
                    .insert((one.owner, format!("{} ({why})", one.what)));
            }
        }
    }

    fn away(&self, storage: &CachedStorage, path: &Path) -> Option<String> {
        let real = storage.resolve(path).map(|resolved| resolved.real);
        let real = real.as_deref().unwrap_or(path);
        let unmounted = storage.unmounted();
        let place = unmounted
            .iter()
            .find(|place| path.starts_with(place) || real.starts_with(place));
        if let Some(place) = place {
            return Some(format!("nothing is mounted at {}", place.display()));
        }
        let folder = nearest(storage, path)?;
        if is_mount(storage, &folder) {
            return None;
        }
        let removable = REMOVABLE.iter().find(|place| path.starts_with(place));
        if removable.is_some() {
            return Some("no medium is mounted there".to_owned());
        }
        // Nobody mounts anything at these.
        if storage.is_systems(&folder) {
            return None;
        }
        let entries = storage.list(&folder).ok()?;
        let is_images = entries.iter().any(|entry| self.is_image(storage, entry));
        (!is_images).then(|| {
            format!(
                "{} holds no image: is something not mounted there?",
                folder.display()
            )
        })
    }

    fn is_image(&self, storage: &CachedStorage, entry: &Entry) -> bool {
        entry.kind == FileKind::Regular
            && (self.is_attached(entry.identity.key())
                || storage
                    .image(&entry.path, None, 0)
                    .is_ok_and(|image| image.format != "raw"))
    }
}

/// The innermost folder on the way to `path` that is there; `None` where that may not be looked at,
/// which is noted already.
fn nearest(storage: &CachedStorage, path: &Path) -> Option<PathBuf> {
    for folder in path.ancestors().skip(1) {
        let real = storage.resolve(folder).ok()?.real;
        if storage.glance(&real).ok()?.is_some() {
            return Some(real);
        }
    }
    None
}

/// Whether a file system begins at the folder, as far as devices tell.
fn is_mount(storage: &CachedStorage, folder: &Path) -> bool {
    let device = |path: &Path| Some(storage.glance(path).ok()??.identity.device);
    match folder.parent() {
        Some(above) => device(folder) != device(above),
        None => true,
    }
}
