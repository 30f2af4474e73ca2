//! Which keeper has what kind of thing, and the one for files.

use std::path::Path;

use crate::model::{Allocation, DigestKind, FileFacts, FileKind, FileMove, Taken, User};
use crate::ports::{
    Demand, Finder, Keeper, Moved, Presence, Seen, Storage, StorageError, StorageView,
};

use super::World;

/// Who finds `taken`, which belongs at `home` and waits at `waiting`.
pub(super) fn finder<'a>(
    storage: &'a dyn StorageView,
    taken: Taken<'a>,
    home: &'a Path,
    waiting: &'a Path,
) -> Box<dyn Finder + 'a> {
    match taken {
        Taken::File(moved) => Box::new(FileFinder {
            storage,
            moved,
            home,
            waiting,
        }),
    }
}

impl World<'_> {
    /// Who takes `taken` from `home` to `waiting`, and back.
    pub(super) fn keeper<'a>(
        &'a self,
        taken: Taken<'a>,
        home: &'a Path,
        waiting: &'a Path,
    ) -> Box<dyn Keeper + 'a> {
        match taken {
            Taken::File(moved) => Box::new(FileKeeper {
                storage: self.storage,
                finder: FileFinder {
                    storage: self.storage,
                    moved,
                    home,
                    waiting,
                },
            }),
        }
    }

    /// Who has it open at this moment, if it is at `path`.
    pub(super) fn holders(&self, taken: Taken, path: &Path) -> Result<Vec<User>, StorageError> {
        let asked = match taken {
            Taken::File(moved) => match Presence::at(self.storage, path, &moved.facts)? {
                // Its device may have another number since a reboot, and users are told by that.
                Presence::It(now) => {
                    let now = FileFacts {
                        identity: now.identity,
                        ..moved.facts.clone()
                    };
                    self.census.holders(path, &now)
                }
                Presence::Nothing | Presence::Another(_) => return Ok(Vec::new()),
            },
        };
        Ok(asked.holders.into_iter().map(|one| one.user).collect())
    }
}

/// A file or folder, which waits under another name on its file system.
struct FileFinder<'a> {
    storage: &'a dyn StorageView,
    moved: &'a FileMove,
    home: &'a Path,
    waiting: &'a Path,
}

impl FileFinder<'_> {
    fn at(&self, path: &Path) -> Result<Presence<Seen>, StorageError> {
        let found = Presence::at(self.storage, path, &self.moved.facts)?;
        Ok(found.map(|now| Seen {
            allocated: now.allocated,
            is_changed: is_changed(&now, &self.moved.facts),
        }))
    }
}

impl Finder for FileFinder<'_> {
    fn home(&self) -> Result<Presence<Seen>, StorageError> {
        self.at(self.home)
    }

    fn waiting(&self) -> Result<Presence<Seen>, StorageError> {
        self.at(self.waiting)
    }

    fn allocations(&self) -> Result<Vec<Allocation>, StorageError> {
        self.storage.allocations(self.waiting)
    }

    fn read(
        &self,
        digest: DigestKind,
        told: &mut dyn FnMut(u64),
    ) -> Result<Option<String>, StorageError> {
        if self.moved.facts.kind != FileKind::Regular {
            return self
                .storage
                .is_equal(self.waiting, self.waiting)
                .map(|_| None);
        }
        let mut before = 0;
        let mut go_on = |so_far: u64| {
            told(so_far - before);
            before = so_far;
            true
        };
        let identity = &self.moved.facts.identity;
        let found = self
            .storage
            .digest(self.waiting, identity, digest, &mut go_on)?;
        Ok(found.map(|digest| digest.hex))
    }
}

struct FileKeeper<'a> {
    storage: &'a dyn Storage,
    finder: FileFinder<'a>,
}

impl Keeper for FileKeeper<'_> {
    fn finder(&self) -> &dyn Finder {
        &self.finder
    }

    fn take(&self, demand: Demand) -> Result<Moved, StorageError> {
        let it = &self.finder;
        self.storage
            .relocate(it.home, it.waiting, &it.moved.facts, demand)
    }

    fn bring_back(&self) -> Result<Moved, StorageError> {
        let it = &self.finder;
        self.storage
            .relocate(it.waiting, it.home, &it.moved.facts, Demand::SameFile)
    }

    fn destroy(&self) -> Result<u64, StorageError> {
        let it = &self.finder;
        self.storage.destroy(it.waiting, &it.moved.facts)
    }
}

/// Size and time; a folder's time changes with a look into it.
pub(super) fn is_changed(found: &FileFacts, left: &FileFacts) -> bool {
    found.size != left.size
        || (found.modified != left.modified
            && found.kind == left.kind
            && found.kind == FileKind::Regular)
}
