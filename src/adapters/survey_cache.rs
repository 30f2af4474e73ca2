//! What is remembered from one command to the next, and from one look to the next within a command.
//!
//! Two things, each as long as a file has the same device, inode, size, modification and change
//! time: that an image stands on no other file, and what libvirt says of an inactive domain whose
//! file is that one. The second holds for one process of libvirt's alone: it reads its files when
//! it starts, and a file that was edited by hand says something else until then.
//!
//! Nothing in here is worth anything when it is missing, and a command that cannot read or write it
//! does without. It is never believed of what is about to be moved: an image that stands on others
//! is always read, and so is every image of the domains in question; what libvirt says of these,
//! and of all that name one of their files, is always asked (`survey::users`).
//!
//! A change time is as fine as the kernel's clock tick. So a file that was changed a moment before
//! it was read is not remembered: it may have been changed again in the same tick. Nor is one on a
//! file system whose times another host may keep, or whose times are whole seconds.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{OFlags, Statx};
use uuid::Uuid;

use crate::journal::remembered::{Alone, Daemon, Defined, Remembered, Stamp};
use crate::journal::{decode, encode};

/// `STATE/survey`.
const NAME: &str = "survey";

/// Bytes of the file, and about as many in memory.
const LARGEST: usize = 32 << 20;
/// Images; each takes some 60 bytes.
const MOST_IMAGES: usize = 200_000;

/// Many ticks of any kernel's clock.
const SETTLED: Duration = Duration::from_millis(100);

pub struct SurveyCache {
    /// Where it is kept; `None`: nowhere.
    path: Option<PathBuf>,
    known: Mutex<Option<Known>>,
}

#[derive(Default)]
struct Known {
    images: HashMap<(u64, u64), (Stamp, String)>,
    daemon: Option<Daemon>,
    definitions: HashMap<Uuid, (Stamp, String)>,
    /// Bytes of all definitions.
    length: usize,
    /// How much of it is not in the file.
    news: usize,
}

impl std::fmt::Debug for SurveyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SurveyCache").finish_non_exhaustive()
    }
}

/// What is looked at, as `statx` has it.
pub fn stamp(stat: &Statx) -> Stamp {
    let time = |time: rustix::fs::StatxTimestamp| (time.tv_sec, time.tv_nsec);
    Stamp {
        device: rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor),
        inode: stat.stx_ino,
        size: stat.stx_size,
        modified: time(stat.stx_mtime),
        changed: time(stat.stx_ctime),
    }
}

/// A moment before something is read.
pub fn now() -> Option<Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH).ok()
}

/// Whether a change after `then` shows in the stamp, whenever it comes.
fn is_settled(stamp: &Stamp, then: Option<Duration>) -> bool {
    let (seconds, nanoseconds) = stamp.changed;
    let Ok(seconds) = u64::try_from(seconds) else {
        return false;
    };
    let changed = Duration::new(seconds, nanoseconds);
    nanoseconds != 0 && then.is_some_and(|then| changed + SETTLED <= then)
}

impl SurveyCache {
    /// Kept below a state folder. Nothing is read before it is asked for, and none is made.
    pub fn below(state_dir: &Path) -> Self {
        Self {
            path: Some(state_dir.join(NAME)),
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get_or_insert_with(|| {
            let read = self.path.as_deref().and_then(|path| read(path).ok());
            read.flatten().map(Known::from).unwrap_or_default()
        });
        known
    }

    fn with<T>(&self, work: impl FnOnce(&mut Known) -> T) -> T {
        work(self.known().get_or_insert_default())
    }

    /// The format of an image of which it is known that it stands on nothing.
    pub fn alone(&self, stamp: &Stamp) -> Option<String> {
        self.with(|known| {
            let (then, format) = known.images.get(&(stamp.device, stamp.inode))?;
            (then == stamp).then(|| format.clone())
        })
    }

    /// The image of this stamp has been read after the moment `then`, and stands on nothing.
    pub fn note_alone(&self, stamp: Stamp, then: Option<Duration>, format: &str) {
        if !is_settled(&stamp, then) {
            return;
        }
        self.with(|known| {
            let key = (stamp.device, stamp.inode);
            if known.images.len() >= MOST_IMAGES && !known.images.contains_key(&key) {
                return;
            }
            let now = (stamp, format.to_owned());
            if known.images.get(&key) != Some(&now) {
                known.images.insert(key, now);
                known.news += 1;
            }
        });
    }

    /// What this daemon has said of the domain whose file has this stamp.
    pub fn definition(&self, daemon: &Daemon, domain: Uuid, stamp: &Stamp) -> Option<String> {
        self.with(|known| {
            let (then, xml) = known.definitions.get(&domain)?;
            let is_so = known.daemon.as_ref() == Some(daemon) && then == stamp;
            is_so.then(|| xml.clone())
        })
    }

    /// The daemon was asked after the moment `then`, while the file had this stamp.
    pub fn note_definition(
        &self,
        daemon: &Daemon,
        domain: Uuid,
        (stamp, then): (Stamp, Option<Duration>),
        xml: &str,
    ) {
        if !is_settled(&stamp, then) {
            return;
        }
        self.with(|known| {
            if known.daemon.as_ref() != Some(daemon) {
                known.daemon = Some(daemon.clone());
                known.definitions.clear();
                known.length = 0;
                known.news += 1;
            }
            if let Some((_, old)) = known.definitions.remove(&domain) {
                known.length -= old.len();
            }
            if known.length + xml.len() <= LARGEST / 2 {
                known.length += xml.len();
                known.definitions.insert(domain, (stamp, xml.to_owned()));
                known.news += 1;
            }
        });
    }

    /// Leaves it for the next command, where enough of it is new. Only in a state folder that is
    /// there and ours; whatever goes wrong costs time alone.
    pub fn keep(&self) {
        let Some(path) = &self.path else { return };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = known.as_ref() else { return };
        let total = known.images.len() + known.definitions.len();
        // All of it is written at once: not for one file in a thousand.
        if known.news > 0
            && known.news * 16 >= total
            && let Err(error) = write(path, &known.into())
        {
            tracing::debug!(%error, "nothing is remembered for the next command");
        }
    }
}

impl From<Remembered> for Known {
    fn from(read: Remembered) -> Self {
        let images = read.images.into_iter();
        let definitions: HashMap<_, _> = (read.definitions.into_iter())
            .map(|one| (Uuid::from_bytes(one.uuid), (one.stamp, one.xml)))
            .collect();
        Self {
            images: images
                .map(|one| {
                    let key = (one.stamp.device, one.stamp.inode);
                    (key, (one.stamp, one.format))
                })
                .collect(),
            daemon: read.daemon,
            length: definitions.values().map(|(_, xml)| xml.len()).sum(),
            definitions,
            news: 0,
        }
    }
}

impl From<&Known> for Remembered {
    fn from(known: &Known) -> Self {
        let image = |(stamp, format): &(Stamp, String)| Alone {
            stamp: *stamp,
            format: format.clone(),
        };
        let definition = |(uuid, (stamp, xml)): (&Uuid, &(Stamp, String))| Defined {
            uuid: *uuid.as_bytes(),
            stamp: *stamp,
            xml: xml.clone(),
        };
        Self {
            images: known.images.values().map(image).collect(),
            daemon: known.daemon.clone(),
            definitions: known.definitions.iter().map(definition).collect(),
        }
    }
}

/// Only a file that nobody else can have written.
fn read(path: &Path) -> io::Result<Option<Remembered>> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path)?;
    let found = file.metadata()?;
    let me = rustix::process::geteuid().as_raw();
    if !found.is_file() || found.uid() != me || found.mode() & 0o077 != 0 {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(decode(&bytes).ok())
}

/// Whole or not at all; not durable.
fn write(path: &Path, remembered: &Remembered) -> io::Result<()> {
    let bytes = encode(remembered).map_err(io::Error::other)?;
    let state_dir = path.parent().unwrap_or(Path::new("/"));
    let folder = fs::metadata(state_dir)?;
    let me = rustix::process::geteuid().as_raw();
    // A folder with nothing in it has no journal yet, and says so to whoever looks.
    if bytes.len() > LARGEST
        || folder.uid() != me
        || folder.mode() & 0o077 != 0
        || fs::read_dir(state_dir)?.next().is_none()
    {
        return Ok(());
    }
    let mut new = tempfile::Builder::new()
        .prefix(".survey-")
        .tempfile_in(state_dir)?;
    new.write_all(&bytes)?;
    new.persist(path)?;
    Ok(())
}

#[cfg(test)]
#[path = "survey_cache_tests.rs"]
mod tests;
