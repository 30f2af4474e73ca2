//! `--storage` names a disk by any path that leads to its image: what counts is the file, as
//! everywhere, and not how the path to it is spelled.

use std::path::Path;

use crate::model::{DiskFacts, Removal, StorageFlags};

use super::Survey;

impl Survey<'_> {
    /// The removal with each path that no disk goes by replaced by the targets of the disks whose
    /// image it leads to: through a symlink, `..`, a bind mount, another hard link. What leads to
    /// none of them stays as it was typed, and the planner refuses it.
    pub fn meant(&self, removal: &Removal, disks: &[DiskFacts]) -> Removal {
        let named = removal.storage.named.as_ref().map(|words| {
            let mut meant = Vec::new();
            for word in words {
                match self.targets(word, disks) {
                    targets if targets.is_empty() => meant.push(word.clone()),
                    targets => meant.extend(targets),
                }
            }
            meant
        });
        Removal {
            storage: StorageFlags {
                named,
                ..removal.storage.clone()
            },
            ..removal.clone()
        }
    }

    fn targets(&self, word: &str, disks: &[DiskFacts]) -> Vec<String> {
        let path = Path::new(word);
        if !path.is_absolute() || disks.iter().any(|disk| disk.is_named(word)) {
            return Vec::new();
        }
        let found = self
            .storage
            .resolve(path)
            .and_then(|resolved| self.storage.glance(&resolved.real));
        // What cannot be looked at is not a disk's name either.
        let Ok(Some(found)) = found else {
            return Vec::new();
        };
        disks
            .iter()
            .filter(|disk| {
                let file = disk.file.as_ref();
                file.is_some_and(|file| file.facts.identity.key() == found.identity.key())
            })
            .map(|disk| disk.target.clone())
            .collect()
    }
}
