//! The few ways in which this adapter opens things, and how an errno becomes an error.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, Statx, StatxFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::model::{FileTime, Identity};
use crate::ports::StorageError;

/// A folder, open, and a name in it: what a path is once nobody can swap its folders any more.
pub struct Entry<'a> {
    pub folder: OwnedFd,
    pub folder_path: PathBuf,
    pub name: &'a OsStr,
    pub path: &'a Path,
}

impl<'a> Entry<'a> {
    /// Opens the folder of `path`, which must be real: a symlink on the way is an error, because
    /// the plan was made for the folder behind it.
    pub fn open(path: &'a Path) -> Result<Self, StorageError> {
        let (folder_path, name) = split(path)?;
        let folder = open_folder(folder_path)?;
        Ok(Self {
            folder,
            folder_path: folder_path.to_owned(),
            name,
            path,
        })
    }

    /// As [`Entry::open`], but `None` where the folder is not there.
    pub fn open_if_there(path: &'a Path) -> Result<Option<Self>, StorageError> {
        match Self::open(path) {
            Ok(entry) => Ok(Some(entry)),
            Err(StorageError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The thing under the name, a symlink itself included; `None` where there is nothing.
    pub fn look(&self) -> Result<Option<OwnedFd>, StorageError> {
        match open_at(&self.folder, self.name, OFlags::PATH | OFlags::NOFOLLOW) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(StorageError::io("look at", self.path, errno)),
        }
    }
}

/// A path's folder and last name.
pub fn split(path: &Path) -> Result<(&Path, &OsStr), StorageError> {
    let folder = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    };
    match path.file_name() {
        Some(name) => Ok((folder, name)),
        None => Err(StorageError::io("use the name", path, Errno::INVAL)),
    }
}

/// Opens a folder for reading its names and for `fsync`, through no symlink.
pub fn open_folder(path: &Path) -> Result<OwnedFd, StorageError> {
    retry_on_intr(|| {
        rustix::fs::openat2(
            CWD,
            path,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
        )
    })
    .map_err(|errno| {
        let source = match errno {
            Errno::NOSYS => said(
                errno,
                "the kernel lacks openat2; Linux 5.6 or newer is needed",
            ),
            Errno::LOOP => said(errno, "a symlink is on the way to it"),
            other => other.into(),
        };
        StorageError::io("open the folder", path, source)
    })
}

/// `openat` with close-on-exec, retried when a signal interrupts it.
pub fn open_at(
    folder: impl AsFd,
    name: impl AsRef<OsStr>,
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let name = name.as_ref();
    retry_on_intr(|| rustix::fs::openat(&folder, name, flags | OFlags::CLOEXEC, Mode::empty()))
}

/// Opens for reading what an `O_PATH` descriptor stands for, so that it is that inode and no other.
/// Neither waits for a writer (pipes) nor, where the kernel lets us, changes the access time.
/// Needs `/proc`.
pub fn reopen(fd: BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    without_atime(|flags| open_at(CWD, &path, flags | OFlags::RDONLY | OFlags::NONBLOCK))
}

/// The same for writing.
pub fn reopen_to_write(fd: BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    open_at(CWD, &path, OFlags::RDWR | OFlags::NONBLOCK)
}

/// File systems whose files are the kernel speaking: reading one may wait for ever, or take a
/// message away from whom it is for (`/proc/kmsg`, `trace_pipe`). Numbers from `linux/magic.h`.
const KERNELS_OWN: &[u64] = &[
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6165_676c, // pstore
    0xcafe_4a11, // bpf
    0xde5e_81e4, // efivarfs
    0x6265_6570, // configfs
    0xf97c_ff8c, // selinuxfs
    0x4249_4e4d, // binfmt_misc
    0x0187,      // autofs
];

/// File systems of this host alone, on which a file's change time tells of every write.
const KEEP_TIMES: &[u64] = &[
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683e, // btrfs
    0xf2f5_2010, // f2fs
    0x2fc1_2fc1, // zfs
    0xca45_1a4e, // bcachefs
    0x0102_1994, // tmpfs
];

/// The magic number of the file system that a descriptor's file is on, if that can be told.
pub fn file_system(fd: BorrowedFd<'_>) -> Option<u64> {
    let found = rustix::fs::fstatfs(fd).ok()?;
    // It has 32 bits, whatever the type that it comes in.
    Some(u64::from(found.f_type as u32))
}

pub fn is_kernels_own(file_system: u64) -> bool {
    KERNELS_OWN.contains(&file_system)
}

pub fn keeps_times(file_system: u64) -> bool {
    KEEP_TIMES.contains(&file_system)
}

/// `O_NOATIME` is for the owner and root; others read without it.
pub fn without_atime(
    open: impl Fn(OFlags) -> rustix::io::Result<OwnedFd>,
) -> rustix::io::Result<OwnedFd> {
    match open(OFlags::NOATIME) {
        Err(Errno::PERM) => open(OFlags::empty()),
        other => other,
    }
}

/// `statx` of an open thing.
pub fn stat(fd: impl AsFd) -> rustix::io::Result<Statx> {
    stat_at(fd, OsStr::new(""), AtFlags::EMPTY_PATH)
}

/// `statx` of a name, without following a symlink and without mounting anything.
pub fn stat_at(folder: impl AsFd, name: &OsStr, flags: AtFlags) -> rustix::io::Result<Statx> {
    retry_on_intr(|| {
        rustix::fs::statx(
            &folder,
            name,
            flags | AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT,
            StatxFlags::BASIC_STATS | StatxFlags::BTIME | StatxFlags::MNT_ID,
        )
    })
}

/// Whether it is of that inode.
pub fn is(stat: &Statx, expected: &Identity) -> bool {
    identity(stat).is_same_file(expected)
}

pub fn identity(stat: &Statx) -> Identity {
    let born = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
    Identity {
        device: rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor),
        inode: stat.stx_ino,
        born: born.then(|| timestamp(stat.stx_btime)),
    }
}

pub fn timestamp(time: rustix::fs::StatxTimestamp) -> FileTime {
    FileTime {
        seconds: time.tv_sec,
        nanoseconds: time.tv_nsec,
    }
}

/// An errno with words of ours; the kind, by which callers tell errors apart, stays.
pub fn said(errno: Errno, words: &str) -> io::Error {
    let plain = io::Error::from(errno);
    io::Error::new(plain.kind(), format!("{words} ({plain})"))
}
