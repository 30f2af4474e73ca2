//! Storage looked at once: on a host of a thousand guests most of them name the same few bases,
//! folders and programs, and one survey must not read a header twice.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::{
    Allocation, Digest, DigestKind, FileFacts, FileKind, FileMove, FileTime, Identity, SecretXml,
};
use crate::ports::{Entry, Image, Overlays, Resolved, Room, StorageError, StorageView};

/// An image as it was read: under which name, in which format, from which byte on.
type Reading = (PathBuf, Option<String>, u64);

/// A folder's device and inode, and a name in it.
type FolderEntry = ((u64, u64), OsString);

/// Remembers what was found; what failed is tried again.
pub struct CachedStorage<'a> {
    inner: &'a dyn StorageView,
    glances: RefCell<HashMap<PathBuf, Option<FileFacts>>>,
    resolved: RefCell<HashMap<PathBuf, Resolved>>,
    /// Each with whether it was read, and is not from an earlier command.
    images: RefCell<HashMap<Reading, (Image, bool)>>,
    /// Folders, and whether the path itself is theirs: no symlink is on the way.
    straight: RefCell<HashMap<PathBuf, bool>>,
    /// Whether what is remembered will do.
    remembers: Cell<bool>,
    /// Files that are taken as if they still were where they came from.
    moved: HashMap<FolderEntry, FileFacts>,
    unmounted: OnceCell<Vec<PathBuf>>,
    overlays: OnceCell<Overlays>,
    unseen: RefCell<BTreeSet<String>>,
}

impl<'a> CachedStorage<'a> {
    pub fn new(inner: &'a dyn StorageView) -> Self {
        Self {
            inner,
            glances: RefCell::default(),
            resolved: RefCell::default(),
            images: RefCell::default(),
            straight: RefCell::default(),
            remembers: Cell::new(false),
            moved: HashMap::new(),
            unmounted: OnceCell::new(),
            overlays: OnceCell::new(),
            unseen: RefCell::default(),
        }
    }

    /// The same world as before these files were moved away: whoever names one of their places,
    /// however it spells it, names that file.
    pub(super) fn before<'f>(
        inner: &'a dyn StorageView,
        moves: impl IntoIterator<Item = &'f FileMove>,
    ) -> Self {
        let mut cached = Self::new(inner);
        for file in moves {
            if let Some(place) = place(inner, &file.path) {
                cached.moved.insert(place, file.facts.clone());
            }
        }
        cached
    }

    /// The inodes that the file at the real path is: its own, and on an overlay that of the layer
    /// whose file it is. Whoever uses the one uses the other.
    pub(super) fn faces(&self, path: &Path, facts: &FileFacts) -> Vec<(u64, u64)> {
        let mut keys = vec![facts.identity.key()];
        if facts.kind == FileKind::Regular {
            let overlays = self.overlays.get_or_init(|| self.inner.overlays());
            let found = overlays.beneath(path, |name| self.inner.glance(name).ok()?);
            keys.extend(found.map(|(_, found)| found.identity.key()));
        }
        keys
    }

    /// What `work` asks of images may be remembered: who uses what, of all that is on the host. Of
    /// what is about to be moved everything is read.
    pub(super) fn remembering<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.remembers.replace(true);
        let done = work();
        self.remembers.set(before);
        done
    }

    /// What [`StorageView::resolve`] finds of a name in a folder that no symlink leads to, for the
    /// price of a look at the name: most of a host's images lie in a few folders.
    fn resolve_straight(&self, path: &Path) -> Option<Resolved> {
        let (folder, name) = (path.parent()?, path.file_name()?);
        let known = self.straight.borrow().get(folder).copied();
        let is_straight = known.unwrap_or_else(|| {
            let is_straight = self.inner.is_straight(folder);
            let mut straight = self.straight.borrow_mut();
            straight.insert(folder.to_owned(), is_straight);
            is_straight
        });
        if !is_straight {
            return None;
        }
        let real: PathBuf = folder.components().collect::<PathBuf>().join(name);
        match self.glance(&real) {
            Ok(Some(facts)) if facts.kind == FileKind::Symlink => None,
            Ok(_) => Some(Resolved {
                links: Vec::new(),
                real,
                planted: None,
            }),
            Err(_) => None,
        }
    }

    /// What could not be looked at for want of rights or because of the medium, in words.
    pub(super) fn unseen(&self) -> Vec<String> {
        self.unseen.borrow().iter().cloned().collect()
    }

    fn noted<T>(&self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        if let Err(StorageError::Io { path, source, .. }) = &result
            && !leads_nowhere(source)
        {
            self.unseen
                .borrow_mut()
                .insert(format!("{}: {source}", path.display()));
        }
        result
    }
}

/// Errors of a name behind which there is no file: of nobody's, then.
fn leads_nowhere(error: &io::Error) -> bool {
    const ELOOP: i32 = 40;
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename
    ) || error.raw_os_error() == Some(ELOOP)
}

fn place(storage: &dyn StorageView, path: &Path) -> Option<FolderEntry> {
    let folder = storage.glance(path.parent()?).ok()??;
    Some((folder.identity.key(), path.file_name()?.to_owned()))
}

impl StorageView for CachedStorage<'_> {
    fn facts(&self, path: &Path) -> Result<Option<FileFacts>, StorageError> {
        match self.glance(path)? {
            Some(found) if found.kind == FileKind::Directory => self.inner.facts(path),
            other => Ok(other),
        }
    }

    fn glance(&self, path: &Path) -> Result<Option<FileFacts>, StorageError> {
        if let Some(known) = self.glances.borrow().get(path) {
            return Ok(known.clone());
        }
        let mut found = self.noted(self.inner.glance(path))?;
        if found.is_none() && !self.moved.is_empty() {
            found = place(self, path).and_then(|place| self.moved.get(&place).cloned());
        }
        self.glances
            .borrow_mut()
            .insert(path.to_owned(), found.clone());
        Ok(found)
    }

    fn enter(&self, folder: &Path) -> Result<(), StorageError> {
        self.inner.enter(folder)
    }

    fn list(&self, folder: &Path) -> Result<Vec<Entry>, StorageError> {
        self.noted(self.inner.list(folder))
    }

    fn resolve(&self, path: &Path) -> Result<Resolved, StorageError> {
        if let Some(known) = self.resolved.borrow().get(path) {
            return Ok(known.clone());
        }
        let found = match self.resolve_straight(path) {
            Some(found) => found,
            None => self.noted(self.inner.resolve(path))?,
        };
        self.resolved
            .borrow_mut()
            .insert(path.to_owned(), found.clone());
        Ok(found)
    }

    fn is_ours(&self, folder: &Path) -> bool {
        self.inner.is_ours(folder)
    }

    fn is_systems(&self, folder: &Path) -> bool {
        self.inner.is_systems(folder)
    }

    fn unmounted(&self) -> Vec<PathBuf> {
        self.unmounted
            .get_or_init(|| self.inner.unmounted())
            .clone()
    }

    fn image(&self, path: &Path, format: Option<&str>, offset: u64) -> Result<Image, StorageError> {
        let key = (path.to_owned(), format.map(str::to_owned), offset);
        let remembers = self.remembers.get();
        if let Some((known, was_read)) = self.images.borrow().get(&key)
            && (*was_read || remembers)
        {
            return Ok(known.clone());
        }
        let remembered = match remembers {
            true => self.inner.remembered(path, format, offset),
            false => None,
        };
        let was_read = remembered.is_none();
        let found = match remembered {
            Some(found) => found,
            None => self.noted(self.inner.image(path, format, offset))?,
        };
        let now = (found.clone(), was_read);
        self.images.borrow_mut().insert(key, now);
        Ok(found)
    }

    fn stops_a_pool(&self, path: &Path) -> Result<bool, StorageError> {
        self.inner.stops_a_pool(path)
    }

    fn label(&self, path: &Path) -> Result<Option<String>, StorageError> {
        self.noted(self.inner.label(path))
    }

    fn saved_xml(&self, path: &Path) -> Result<Option<SecretXml>, StorageError> {
        self.noted(self.inner.saved_xml(path))
    }

    fn protected(&self, path: &Path, facts: &FileFacts) -> Option<String> {
        self.inner.protected(path, facts)
    }

    fn lets_out(&self, source: &Path) -> Result<(), StorageError> {
        self.inner.lets_out(source)
    }

    fn foreseen_place(&self, source: &Path, avoid: &[PathBuf]) -> Result<PathBuf, StorageError> {
        self.inner.foreseen_place(source, avoid)
    }

    fn digest(
        &self,
        path: &Path,
        expected: &Identity,
        kind: DigestKind,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Digest>, StorageError> {
        self.inner.digest(path, expected, kind, go_on)
    }

    fn is_equal(&self, one: &Path, other: &Path) -> Result<bool, StorageError> {
        self.inner.is_equal(one, other)
    }

    fn allocations(&self, path: &Path) -> Result<Vec<Allocation>, StorageError> {
        self.inner.allocations(path)
    }

    fn room(&self, path: &Path) -> Result<Option<Room>, StorageError> {
        self.inner.room(path)
    }

    fn accessed(&self, path: &Path) -> Result<Option<FileTime>, StorageError> {
        self.inner.accessed(path)
    }
}
