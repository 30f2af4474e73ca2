//! [`Storage`] on the local file systems.

mod accessed;
mod allocations;
mod attributes;
mod bounded;
mod copy;
mod declared_mounts;
mod destroy;
mod digest;
mod durable;
mod extents;
mod facts;
mod folders;
mod foresee;
mod header_io;
mod image_name;
mod manifests;
pub(super) mod mounts;
mod other_names;
pub(super) mod overlays;
mod place;
mod planted;
mod protected;
mod qemu_img;
mod relocate;
mod reservation;
mod resolve;
mod room;
mod roots;
mod second_name;
mod secret;
mod sys;
mod system_folders;
#[cfg(test)]
mod testing;
mod wipe;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::durable::Unsynced;
use crate::model::{
    Allocation, Digest, DigestKind, FileFacts, FileKind, FileTime, Identity, SecretXml, WipeMethod,
    Wiped,
};
use crate::ports::{
    Demand, Entry, Image, Moved, Overlays, Resolved, Room, Root, Storage, StorageError, StorageView,
};

use super::survey_cache::{SurveyCache, stamp};
use crate::journal::remembered::Stamp;

/// Files as this host's kernel sees them.
#[derive(Debug, Clone)]
pub struct LocalFiles {
    /// `STATE/quarantine`: used where no folder is configured, and for files of its file system.
    quarantine: PathBuf,
    /// Quarantine folders of the operator's choice, tried before all others.
    configured: Vec<PathBuf>,
    unsynced: Unsynced,
    cache: Option<Arc<SurveyCache>>,
}

impl LocalFiles {
    /// Touches nothing yet: folders are made when they are asked for.
    pub fn new(quarantine: PathBuf, configured: Vec<PathBuf>) -> Self {
        Self {
            quarantine,
            configured,
            unsynced: Unsynced::default(),
            cache: None,
        }
    }

    /// Remembers what it has read of images.
    #[must_use]
    pub fn caching(mut self, cache: Arc<SurveyCache>) -> Self {
        self.cache = Some(cache);
        self
    }
}

// For the census, which looks at the same files from the other side.
pub(super) use sys::reopen;

pub(super) fn list(folder: &Path) -> Result<Vec<Entry>, StorageError> {
    facts::list(folder, &|_| false)
}

/// The stamp of what a name stands for, itself and not what it may lead to.
pub(super) fn stamp_of(path: &Path) -> Option<Stamp> {
    let flags = rustix::fs::AtFlags::empty();
    let stat = sys::stat_at(rustix::fs::CWD, path.as_os_str(), flags).ok()?;
    Some(stamp(&stat))
}

/// Whether all changes below a folder show in the files' times, whoever makes them.
pub(super) fn keeps_times(folder: &Path) -> bool {
    use std::os::fd::AsFd;
    let opened = sys::open_at(rustix::fs::CWD, folder, rustix::fs::OFlags::PATH);
    let file_system = opened.ok().and_then(|it| sys::file_system(it.as_fd()));
    file_system.is_some_and(sys::keeps_times)
}

/// Whether an open descriptor is of that inode.
pub(super) fn is_open_at(fd: std::os::fd::BorrowedFd<'_>, expected: &Identity) -> bool {
    sys::stat(fd).is_ok_and(|stat| sys::is(&stat, expected))
}

impl StorageView for LocalFiles {
    fn enter(&self, folder: &Path) -> Result<(), StorageError> {
        destroy::open_ours(folder).map(|_| ())
    }

    fn facts(&self, path: &Path) -> Result<Option<FileFacts>, StorageError> {
        facts::facts(path)
    }

    fn glance(&self, path: &Path) -> Result<Option<FileFacts>, StorageError> {
        facts::glance(path)
    }

    fn list(&self, folder: &Path) -> Result<Vec<Entry>, StorageError> {
        match self.cache.as_deref() {
            None => list(folder),
            Some(cache) => facts::list(folder, &|stat| cache.alone(&stamp(stat)).is_some()),
        }
    }

    fn is_straight(&self, folder: &Path) -> bool {
        let spelled: PathBuf = folder.components().collect();
        let resolved = resolve::resolve(folder);
        resolved.is_ok_and(|found| found.real == spelled && found.links.is_empty())
            && matches!(facts::glance(&spelled), Ok(Some(it)) if it.kind == FileKind::Directory)
    }

    fn resolve(&self, path: &Path) -> Result<Resolved, StorageError> {
        resolve::resolve(path)
    }

    fn image(&self, path: &Path, format: Option<&str>, offset: u64) -> Result<Image, StorageError> {
        header_io::image(path, format, offset, self.cache.as_deref())
    }

    fn remembered(&self, path: &Path, format: Option<&str>, offset: u64) -> Option<Image> {
        header_io::remembered(path, format, offset, self.cache.as_deref()?)
    }

    fn is_ours(&self, folder: &Path) -> bool {
        protected::is_ours(self, folder)
    }

    fn is_systems(&self, folder: &Path) -> bool {
        protected::is_systems(folder)
    }

    fn unmounted(&self) -> Vec<PathBuf> {
        declared_mounts::unmounted()
    }

    fn overlays(&self) -> Overlays {
        overlays::overlays()
    }

    fn stops_a_pool(&self, path: &Path) -> Result<bool, StorageError> {
        header_io::stops_a_pool(path)
    }

    fn label(&self, path: &Path) -> Result<Option<String>, StorageError> {
        header_io::label(path)
    }

    fn saved_xml(&self, path: &Path) -> Result<Option<SecretXml>, StorageError> {
        header_io::saved_xml(path)
    }

    fn protected(&self, path: &Path, facts: &FileFacts) -> Option<String> {
        protected::protected(self, path, facts)
    }

    fn lets_out(&self, source: &Path) -> Result<(), StorageError> {
        place::lets_out(source)
    }

    fn foreseen_place(&self, source: &Path, avoid: &[PathBuf]) -> Result<PathBuf, StorageError> {
        foresee::place(self, source, avoid)
    }

    fn digest(
        &self,
        path: &Path,
        expected: &Identity,
        kind: DigestKind,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Digest>, StorageError> {
        digest::digest(path, expected, kind, go_on)
    }

    fn is_equal(&self, one: &Path, other: &Path) -> Result<bool, StorageError> {
        copy::is_equal(one, other)
    }

    fn allocations(&self, path: &Path) -> Result<Vec<Allocation>, StorageError> {
        allocations::of(path)
    }

    fn room(&self, path: &Path) -> Result<Option<Room>, StorageError> {
        room::room(path)
    }

    fn accessed(&self, path: &Path) -> Result<Option<FileTime>, StorageError> {
        accessed::accessed(path)
    }
}

impl Storage for LocalFiles {
    fn place(&self, source: &Path, avoid: &[PathBuf]) -> Result<Root, StorageError> {
        place::place(self, source, avoid)
    }

    fn home(&self) -> Result<Root, StorageError> {
        place::home(self)
    }

    fn may_return(&self, waiting: &Path, folder: &Path) -> Result<(), StorageError> {
        place::probe(folder, waiting)
    }

    fn unmake(&self, root: &Path) -> Result<(), StorageError> {
        Unsynced::at_once(|unsynced| folders::remove_if_empty(root, unsynced))
    }

    fn make_folder(&self, path: &Path) -> Result<(), StorageError> {
        self.remember_root_of(path)?;
        folders::make(path, &self.unsynced)
    }

    fn remove_folder(&self, path: &Path, known: &[PathBuf]) -> Result<Vec<PathBuf>, StorageError> {
        folders::remove(path, known, &self.unsynced)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
        folders::write(path, bytes, &self.unsynced)
    }

    fn relocate(
        &self,
        from: &Path,
        to: &Path,
        expected: &FileFacts,
        demand: Demand,
    ) -> Result<Moved, StorageError> {
        relocate::relocate(from, to, expected, demand, &self.unsynced)
    }

    fn copy(&self, from: &Path, to: &Path, expected: &FileFacts) -> Result<Moved, StorageError> {
        copy::copy(from, to, expected)
    }

    fn remove_copy(&self, path: &Path) -> Result<(), StorageError> {
        copy::remove(path)
    }

    fn wipe(
        &self,
        path: &Path,
        expected: &FileFacts,
        method: WipeMethod,
        progress: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<Option<Wiped>, StorageError> {
        wipe::wipe(path, expected, method, progress)
    }

    fn destroy(&self, path: &Path, expected: &FileFacts) -> Result<u64, StorageError> {
        destroy::destroy(path, expected)
    }

    fn remove_known(&self, folder: &Path, names: &[PathBuf]) -> Result<Vec<PathBuf>, StorageError> {
        destroy::remove_known(folder, names)
    }

    fn link(&self, from: &Path, to: &Path, expected: &Identity) -> Result<Moved, StorageError> {
        second_name::link(from, to, expected, &self.unsynced)
    }

    fn set_accessed(
        &self,
        path: &Path,
        expected: &Identity,
        time: FileTime,
    ) -> Result<(), StorageError> {
        accessed::set(path, expected, time, &self.unsynced)
    }

    fn reserve(&self, place: &Path) -> Result<bool, StorageError> {
        reservation::reserve(place)
    }

    fn release(&self, place: &Path) -> Result<(), StorageError> {
        reservation::release(place, &self.unsynced)
    }

    fn unlink_spare(&self, spare: &Path, kept: &Path) -> Result<Moved, StorageError> {
        second_name::unlink_spare(spare, kept, &self.unsynced)
    }

    fn settle(&self) -> Result<(), StorageError> {
        self.unsynced.settle()
    }
}
