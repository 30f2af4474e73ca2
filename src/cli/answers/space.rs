//! What quarantine holds, by file system and together.

use serde::Serialize;

use crate::model::{Held, Space};

use super::path;

#[derive(Serialize)]
pub struct SpaceJson {
    #[serde(flatten)]
    total: HeldJson,
    /// Recorded bytes of files that are not where they wait, or on what is not mounted: in no other
    /// sum.
    unseen_bytes: u64,
    file_systems: Vec<FileSystemJson>,
}

#[derive(Serialize)]
struct FileSystemJson {
    mount_point: String,
    #[serde(flatten)]
    held: HeldJson,
    free_bytes: u64,
}

#[derive(Serialize)]
struct HeldJson {
    /// Allocated, each inode and each shared extent once.
    held_bytes: u64,
    /// Of them, what others have too, so that a purge need not free it.
    shared_bytes: u64,
}

impl From<Held> for HeldJson {
    fn from(held: Held) -> Self {
        Self {
            held_bytes: held.bytes,
            shared_bytes: held.shared,
        }
    }
}

impl From<&Space> for SpaceJson {
    fn from(space: &Space) -> Self {
        Self {
            total: space.total.into(),
            unseen_bytes: space.unseen_bytes,
            file_systems: space
                .file_systems
                .iter()
                .map(|one| FileSystemJson {
                    mount_point: path(&one.mount_point),
                    held: one.held.into(),
                    free_bytes: one.free,
                })
                .collect(),
        }
    }
}
