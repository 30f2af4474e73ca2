//! Files: looking at them, reading image headers, moving them without ever overwriting.
//!
//! What moves, links, writes and makes folders is durable once [`Storage::settle`] has returned:
//! the files' and folders' `fsync` are part of the effect (law 3), and each is synced once for all
//! that was changed since. What copies, wipes and destroys is durable when it returns.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::overlays::Overlays;
use crate::model::{
    Allocation, Digest, DigestKind, FileFacts, FileKind, FileTime, Identity, SecretXml, WipeMethod,
    Wiped,
};

/// A path with its symlinks told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Symlinks met in the last component, in the order they were followed, each under its real
    /// folder.
    pub links: Vec<PathBuf>,
    /// Where they end: no component is a symlink, `.` or `..`. It need not exist.
    pub real: PathBuf,
    /// Why a symlink on the way, in any component, must not decide what is moved or copied: a user
    /// put it there, and it leads to what is not his. In words.
    pub planted: Option<String>,
}

/// How an image's header names another file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// Absolute, neither resolved nor normalised; a relative name has been joined to the folder of
    /// the path by which the image was read.
    File(PathBuf),
    /// A protocol behind which there is no file of this host: the reference as it is spelled, but
    /// without what may be a password. A protocol that is not known is a doubt instead.
    Remote(String),
}

/// As what an image names another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Backing,
    /// qcow2's external data file.
    Data,
    /// One of the files that hold a VMDK's data.
    Extent,
}

/// A file that an image names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Below {
    pub part: Part,
    pub at: Reference,
    /// The format that the header declares for it.
    pub format: Option<String>,
    /// Where in that file the image begins, in bytes.
    pub offset: u64,
}

/// What an image's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// `raw`, `qcow2`, `vmdk` …
    pub format: String,
    /// In the order of the header. Most have one backing image or none; a name of QEMU's may lead
    /// to several.
    pub below: Vec<Below>,
    /// Why these may not be all, or not those that are meant, in words.
    pub doubt: Option<String>,
}

impl Image {
    /// One that stands on nothing.
    pub fn alone(format: &str) -> Self {
        Self {
            format: format.to_owned(),
            below: Vec::new(),
            doubt: None,
        }
    }

    /// The one backing image, where there is one and no doubt of it.
    pub fn backing(self) -> Option<Below> {
        let is_certain = self.doubt.is_none();
        let mut all = self
            .below
            .into_iter()
            .filter(|below| below.part == Part::Backing);
        let first = all.next().filter(|_| is_certain)?;
        all.next().is_none().then_some(first)
    }

    pub fn doubted(self, why: impl Into<String>) -> Self {
        Self {
            doubt: self.doubt.or(Some(why.into())),
            ..self
        }
    }
}

/// What a file that is about to be moved must have kept since its facts were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Inode, kind, and of a regular file size and time: one that was written to since the plan was
    /// made has a user that the plan did not know. For the way into quarantine.
    Unchanged,
    /// Inode and kind. For the way back: whoever touched a file in quarantine, it is still the
    /// domain's, and leaving it there would lose it.
    SameFile,
}

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub path: PathBuf,
    pub kind: FileKind,
    pub identity: Identity,
    /// It is an image of which it is remembered that it stands on no other file, and it has not
    /// changed since.
    pub stands_alone: bool,
}

/// How a move ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    Now,
    /// It was there already, from a run that was interrupted.
    Already,
}

/// A file system, as far as space on it is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Its device number.
    pub device: u64,
    /// Bytes that are free, for whoever is not root.
    pub free: u64,
    /// Bytes that it has.
    pub size: u64,
    pub read_only: bool,
    pub medium: Medium,
}

/// What a file system's bytes lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    Disk,
    /// They are gone at the next boot.
    Memory,
    /// Another host's.
    Network,
}

/// A folder in which transactions' folders are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    pub folder: PathBuf,
    /// It was not there before it was asked for.
    pub made: bool,
}

#[derive(Debug, Error)]
pub enum StorageError {
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// A verb phrase: `open`, `move`, `sync the folder` …
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} is gone", .0.display())]
    Gone(PathBuf),
    /// The file under the name is not the one that the plan was made for.
    #[error("{} was replaced or written to since the plan was made", .0.display())]
    Swapped(PathBuf),
    /// It can be carried on.
    #[error("overwriting {} was stopped", .0.display())]
    Stopped(PathBuf),
    #[error("{} is occupied by another file", .0.display())]
    Occupied(PathBuf),
    #[error("{}: {cause}", path.display())]
    Image { path: PathBuf, cause: String },
    #[error("no folder on the file system of {} takes its files: {cause}", path.display())]
    NoPlace { path: PathBuf, cause: String },
}

impl StorageError {
    pub fn io(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io {
            doing,
            path: path.to_owned(),
            source: source.into(),
        }
    }
}

/// What can be seen of files. Nothing here changes one, so that whoever has this alone (the survey)
/// changes nothing.
pub trait StorageView {
    /// Without following a symlink; `None` where there is nothing.
    fn facts(&self, path: &Path) -> Result<Option<FileFacts>, StorageError>;
    /// The same without looking below a folder, whose size is then its own: what is asked of paths
    /// that others chose, and that may be `/`.
    fn glance(&self, path: &Path) -> Result<Option<FileFacts>, StorageError>;
    /// What a folder holds, one level of it, in no order; nothing of one that is not there.
    fn list(&self, folder: &Path) -> Result<Vec<Entry>, StorageError>;
    fn resolve(&self, path: &Path) -> Result<Resolved, StorageError>;
    /// Opens a folder of ours as whatever destroys in it does, and closes it again: through no
    /// symlink, and only where nobody else can enter it. One that is not there is fine.
    ///
    /// # Errors
    /// Why it cannot be opened.
    fn enter(&self, folder: &Path) -> Result<(), StorageError>;
    /// Whether the folder is there, and its path the very one that is spelled: no symlink is on the
    /// way.
    fn is_straight(&self, folder: &Path) -> bool {
        let _ = folder;
        false
    }
    /// Reads an image's header. `format` is what the domain or the image above declares; without
    /// one the header's magic decides. A raw image is never looked into: its guest wrote it.
    ///
    /// `path` must be spelled as whoever uses the image spells it, its last symlink unresolved:
    /// QEMU and libvirt join a relative backing name to that folder, and not to the one that the
    /// symlink leads to (checked with qemu-img 10.0.2). The image begins `offset` bytes into the
    /// file. What QEMU could not open either is an error; what it may read otherwise than we do is
    /// an image with a doubt.
    fn image(&self, path: &Path, format: Option<&str>, offset: u64) -> Result<Image, StorageError>;
    /// The same of an image of which it is remembered that it stands on no other file, and which
    /// has not changed since it was read. Never of one that is about to be moved.
    fn remembered(&self, path: &Path, format: Option<&str>, offset: u64) -> Option<Image> {
        let _ = (path, format, offset);
        None
    }
    /// Whether a folder is a quarantine, or holds our own state: nothing in there is in use.
    fn is_ours(&self, folder: &Path) -> bool;
    /// Whether a folder is one of the system's, in or below which far more than images lies.
    fn is_systems(&self, folder: &Path) -> bool;
    /// Places at which this host is told to mount something (fstab, systemd) and nothing is mounted
    /// now.
    fn unmounted(&self) -> Vec<PathBuf>;
    /// What is mounted where, as far as files of overlays concern it.
    fn overlays(&self) -> Overlays {
        Overlays::default()
    }
    /// Whether libvirt would stop the pool in whose folder this is, or this symlink leads from, if
    /// it were refreshed.
    fn stops_a_pool(&self, path: &Path) -> Result<bool, StorageError>;
    /// The label of the ISO 9660 or FAT file system that the file is an image of; `None` where it
    /// is none.
    fn label(&self, path: &Path) -> Result<Option<String>, StorageError>;
    /// The domain's XML in a managed save image; `None` where there is no image, or none that
    /// libvirt would resume.
    fn saved_xml(&self, path: &Path) -> Result<Option<SecretXml>, StorageError>;
    /// Why a path may not be moved whoever asks, in words: a system folder, a mount's root, the
    /// state folder or a quarantine, neither a regular file nor a folder nor a symlink.
    fn protected(&self, path: &Path, facts: &FileFacts) -> Option<String>;
    /// Whether files can leave this folder, as far as that is told without changing anything.
    ///
    /// # Errors
    /// [`StorageError::NoPlace`], as from [`Storage::place`].
    fn lets_out(&self, source: &Path) -> Result<(), StorageError>;
    /// Where [`Storage::place`] would put files of this folder, as far as that is told without
    /// changing anything: what a file system refuses between folders of one device (XFS project
    /// quotas) shows only when it is tried.
    ///
    /// # Errors
    /// [`StorageError::NoPlace`], with the reason of each candidate.
    fn foreseen_place(&self, source: &Path, avoid: &[PathBuf]) -> Result<PathBuf, StorageError>;
    /// Reads the regular file `expected` to its end. `go_on` is told how many bytes have been read,
    /// and may end it: then there is no digest.
    ///
    /// # Errors
    /// [`StorageError::Swapped`]: the name is another file's.
    fn digest(
        &self,
        path: &Path,
        expected: &Identity,
        kind: DigestKind,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Digest>, StorageError>;
    /// Whether both hold the same, names, links and bytes: what was copied from one to the other is
    /// as it was then.
    fn is_equal(&self, one: &Path, other: &Path) -> Result<bool, StorageError>;
    /// What a file holds of its file system, or each that is below a folder; nothing of what is not
    /// there.
    fn allocations(&self, path: &Path) -> Result<Vec<Allocation>, StorageError>;
    /// The file system that a path is on; `None` where there is nothing.
    fn room(&self, path: &Path) -> Result<Option<Room>, StorageError>;
    /// When the file was last read; `None` where there is nothing.
    fn accessed(&self, path: &Path) -> Result<Option<FileTime>, StorageError>;
}

/// What an effect may do to files.
pub trait Storage: StorageView {
    /// The quarantine root for files of the folder `source`: the configured ones first, then
    /// folders of the same file system, each tried with a real file and a real rename. `avoid` are
    /// folders that should not hold it if others will do (targets of pools).
    fn place(&self, source: &Path, avoid: &[PathBuf]) -> Result<Root, StorageError>;
    /// The quarantine root for manifest and XML.
    fn home(&self) -> Result<Root, StorageError>;
    /// Whether files that wait in `waiting`, a folder of ours, can be renamed into `folder`: tried,
    /// because `EXDEV` cannot be inferred. Leaves nothing behind.
    ///
    /// # Errors
    /// Why they cannot.
    fn may_return(&self, waiting: &Path, folder: &Path) -> Result<(), StorageError>;
    /// Removes a root that was made for nothing. One that somebody else has begun to use stays, and
    /// one that is gone already is fine.
    fn unmake(&self, root: &Path) -> Result<(), StorageError>;

    /// Makes a folder of mode 0700 (its parent exists, or is a quarantine that went when it was
    /// empty). One that is there and ours is fine.
    fn make_folder(&self, path: &Path) -> Result<(), StorageError>;
    /// Removes a folder with what `write` put there by these names, which are relative to it, and
    /// the quarantine around it if that is one in somebody else's folder and empty now. Refused
    /// where a quarantined file is in it. Gives what is not ours: that stays, and the folder with
    /// it. One that is gone already is fine.
    fn remove_folder(&self, path: &Path, known: &[PathBuf]) -> Result<Vec<PathBuf>, StorageError>;
    /// Writes a file of mode 0600, whole or not at all (temporary name, then rename). A new one
    /// lasts once [`Storage::settle`] says so.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), StorageError>;

    /// Renames `from` to `to`, never over anything, if `from` is the file `expected` and as
    /// `demand` wants it. Already done if `to` is that file and `from` is not, whether `from` is
    /// gone or has been made anew by somebody. Both folders must be real and there. Attributes
    /// that forbid a rename are lifted for it and those that `expected` has are set at its end,
    /// also where it was done already.
    fn relocate(
        &self,
        from: &Path,
        to: &Path,
        expected: &FileFacts,
        demand: Demand,
    ) -> Result<Moved, StorageError>;
    /// Copies the file `expected` (inode and kind), or that folder with all in it, whole or not at
    /// all, to a name that is free. Answers "already" if something has that name: where others may
    /// write to the folder, ask [`StorageView::is_equal`] of it. Both folders must be real and
    /// there.
    fn copy(&self, from: &Path, to: &Path, expected: &FileFacts) -> Result<Moved, StorageError>;
    /// Removes what [`Storage::copy`] made. One that is gone already is fine. A folder goes only
    /// where nobody else may write to the folder that it is in.
    fn remove_copy(&self, path: &Path) -> Result<(), StorageError>;
    /// Gives the file a second name. Already done if `to` is that file.
    fn link(&self, from: &Path, to: &Path, expected: &Identity) -> Result<Moved, StorageError>;
    /// Overwrites what is allocated of the file `expected`, or of the files in that folder, where
    /// it lies, and syncs it; `None` where there is nothing to overwrite. Extents that other files
    /// share and files that have other names are left alone, and counted. Doing it again is fine:
    /// after a run that was cut off it goes on where that had synced last. `progress` hears of the
    /// bytes that are done with and of all of them, and says whether to go on.
    ///
    /// # Errors
    /// [`StorageError::Swapped`]: the name is another file's. It is not touched.
    /// [`StorageError::Stopped`]: `progress` said so.
    fn wipe(
        &self,
        path: &Path,
        expected: &FileFacts,
        method: WipeMethod,
        progress: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<Option<Wiped>, StorageError>;
    /// Destroys the file `expected` (inode and kind), or that folder with all in it, if it has the
    /// name `path` in a folder that is ours alone; gives the bytes that its file system got back,
    /// none of a file that has other names. One that is gone already is fine.
    ///
    /// # Errors
    /// [`StorageError::Swapped`]: the name is another file's. It is not touched.
    fn destroy(&self, path: &Path, expected: &FileFacts) -> Result<u64, StorageError>;
    /// Removes plain files of these names, relative to `folder`, then the folder and the quarantine
    /// around it if they are empty; gives what else is in it, which is not touched. A folder that
    /// is gone already is fine.
    fn remove_known(&self, folder: &Path, names: &[PathBuf]) -> Result<Vec<PathBuf>, StorageError>;
    /// Puts an empty folder of ours into a free name, so that nobody gets a file by that name
    /// without taking the folder away first ([`FileFacts::is_reservation`]). True where it is
    /// there, from an earlier run perhaps; false where the name is somebody's.
    fn reserve(&self, place: &Path) -> Result<bool, StorageError>;
    /// Takes that folder away if it is there still, and empty.
    fn release(&self, place: &Path) -> Result<(), StorageError>;
    /// Sets that time, for its owner or root, if the file is `expected`.
    fn set_accessed(
        &self,
        path: &Path,
        expected: &Identity,
        time: FileTime,
    ) -> Result<(), StorageError>;
    /// Makes durable all that was changed since it was last called. A power cut before that may
    /// take back any of it, one change without the other.
    ///
    /// # Errors
    /// Nobody knows then which of the changes will last.
    fn settle(&self) -> Result<(), StorageError>;
    /// Takes the name `spare` away from a file that still has the name `kept`. Refuses where
    /// `kept` is not the same file. Already done if `spare` is not there.
    fn unlink_spare(&self, spare: &Path, kept: &Path) -> Result<Moved, StorageError>;
}
