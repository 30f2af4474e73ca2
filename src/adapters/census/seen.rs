//! What a look has found so far.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, StatxFlags};
use rustix::io::Errno;

use crate::model::{User, UserKind};
use crate::ports::{Outsider, Sighting};

pub type Key = (u64, u64);

#[derive(Default)]
pub struct Seen {
    found: HashMap<Key, Vec<Outsider>>,
    told: HashSet<(Key, User)>,
    /// Some process's open files or mounts could not be looked at.
    denied: bool,
    unseen: BTreeSet<String>,
}

impl Seen {
    pub fn user(&mut self, key: Key, kind: UserKind, name: &str, how: &str) {
        self.outsider(
            key,
            Outsider {
                user: User {
                    kind,
                    name: name.to_owned(),
                    how: how.to_owned(),
                },
                guest: None,
                locks_for_guests: false,
            },
        );
    }

    pub fn outsider(&mut self, key: Key, outsider: Outsider) {
        if self.told.insert((key, outsider.user.clone())) {
            self.found.entry(key).or_default().push(outsider);
        }
    }

    pub fn deny(&mut self) {
        self.denied = true;
    }

    pub fn unseen(&mut self, what: String) {
        self.unseen.insert(what);
    }

    pub fn finish(mut self) -> Sighting {
        let uid = rustix::process::geteuid();
        // Without root's rights others may be hidden altogether (`hidepid`, a PID namespace). Root
        // is kept from single processes only, and for those the kernel answers, file by file.
        if !uid.is_root() {
            self.unseen.insert(format!(
                "what other users' processes have open or mounted, which user {} may not see",
                uid.as_raw()
            ));
        }
        Sighting {
            users: self.found,
            unseen: self.unseen.into_iter().collect(),
            blind: self.denied,
            as_root: uid.is_root(),
        }
    }
}

/// What stands behind a path.
pub struct Found {
    pub key: Key,
    pub kind: FileType,
    /// Of a device node, the device it is.
    pub device: u64,
}

/// `stat`, symlinks followed, without waiting for the server of a network file system.
pub fn stat(path: impl AsRef<Path>) -> rustix::io::Result<Found> {
    stat_at(CWD, path.as_ref().as_os_str(), AtFlags::empty())
}

pub fn stat_at(
    folder: impl std::os::fd::AsFd,
    name: &OsStr,
    flags: AtFlags,
) -> rustix::io::Result<Found> {
    let flags = flags | AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    let stat = rustix::io::retry_on_intr(|| {
        rustix::fs::statx(&folder, name, flags, StatxFlags::BASIC_STATS)
    })?;
    Ok(Found {
        key: (
            rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor),
            stat.stx_ino,
        ),
        kind: FileType::from_raw_mode(stat.stx_mode.into()),
        device: rustix::fs::makedev(stat.stx_rdev_major, stat.stx_rdev_minor),
    })
}

/// Whether an error means that we may not look, and not that there is nothing any more.
pub fn is_denied(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::PermissionDenied
        || error.raw_os_error() == Some(Errno::PERM.raw_os_error())
}
