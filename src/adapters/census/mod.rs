//! [`Census`] from `/proc` and `/sys`, and from the kernel's own answer whether a file is open.
//!
//! What is found is compared by device and inode as `stat` tells them, never by name: names in
//! `/proc` and `/sys` are those of another moment and of another mount namespace. Whatever is gone
//! while it is looked at uses nothing.

mod blocks;
mod lease;
mod locks;
mod loops;
mod mounts;
mod processes;
mod seen;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::model::{FileFacts, FileKind, User, UserKind};
use crate::ports::{Asked, Census, Entry, Outsider, Sighting};

use super::files;
use lease::Answer;
use seen::Seen;

/// How often, and how far apart, somebody must be seen to count as more than a passer-by. A pool's
/// refresh has a file open for less than a millisecond.
const LOOKS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(60);

/// Entries below a folder that are looked at one by one.
const MOST_BELOW: usize = 100_000;

/// So long a look that was taken ahead is still one of now.
const FRESH: Duration = Duration::from_secs(1);

/// The host this process runs on.
#[derive(Debug, Clone, Default)]
pub struct HostCensus {
    ahead: Arc<Mutex<Option<Ahead>>>,
}

/// A look that is being taken.
#[derive(Debug)]
struct Ahead {
    since: Instant,
    taken: JoinHandle<Sighting>,
}

impl HostCensus {
    /// Begins the look that will be asked for in a moment. To show its locks the kernel stops
    /// everybody who locks a file and waits until all have noticed, 15 ms on a small machine: time
    /// in which libvirt and the journal can be asked.
    pub fn look_ahead(&self) {
        let ahead = Ahead {
            since: Instant::now(),
            taken: thread::spawn(look),
        };
        *self.ahead() = Some(ahead);
    }

    fn ahead(&self) -> MutexGuard<'_, Option<Ahead>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look() -> Sighting {
    let mut seen = Seen::default();
    let mounts = mounts::read(&mut seen);
    processes::look(&mut seen);
    locks::look(&mut seen);
    blocks::look(&mounts, &mut seen);
    seen.finish()
}

impl Census for HostCensus {
    fn look(&self) -> Sighting {
        // Whoever comes after a look is found when the file is about to be moved (`holders`).
        let ahead = self.ahead().take();
        let fresh = ahead.filter(|ahead| ahead.since.elapsed() < FRESH);
        fresh
            .and_then(|ahead| ahead.taken.join().ok())
            .unwrap_or_else(look)
    }

    fn holders(&self, path: &Path, facts: &FileFacts) -> Asked {
        let mut layer = None;
        let keys = match facts.kind {
            FileKind::Directory => below(path, facts),
            FileKind::BlockDevice => vec![facts.identity.key()],
            FileKind::Regular => {
                layer = files::overlays::beneath(path);
                let beneath = layer.as_ref().map(|(_, found)| found.identity.key());
                [facts.identity.key()].into_iter().chain(beneath).collect()
            }
            // A symlink is read and never held.
            FileKind::Symlink | FileKind::Other => return certain(Vec::new()),
        };
        let mut constant: Option<Vec<Outsider>> = None;
        let mut always_held = true;
        // A device is told by its holders in /sys.
        let mut is_certain = facts.kind == FileKind::BlockDevice;
        for tried in 0..LOOKS {
            if tried > 0 {
                thread::sleep(PAUSE);
            }
            let answer = match (ask(path, facts), &layer) {
                // The kernel answers for the one inode alone.
                (Answer::Free, Some((name, found))) => match ask(name, found) {
                    Answer::Another => Answer::Free,
                    of_layer => of_layer,
                },
                (answer, _) => answer,
            };
            is_certain |= answer != Answer::Unknown;
            let now = match answer {
                // Nobody has it open, so that only a mount of the file itself is left. Of a folder
                // that is said of its files; the folder itself may be where a process stands.
                Answer::Free if facts.kind != FileKind::Directory => mounted(&keys),
                Answer::Another => return certain(Vec::new()),
                Answer::Free | Answer::Held | Answer::Unknown => users_of(&keys, look()),
            };
            always_held &= answer == Answer::Held;
            let told = |holders| Asked {
                holders,
                is_certain,
            };
            if now.iter().any(|one| one.user.kind != UserKind::Process) {
                return told(now);
            }
            let left: Vec<Outsider> = match constant {
                None => now,
                Some(before) => before.into_iter().filter(|one| now.contains(one)).collect(),
            };
            if left.is_empty() && !always_held {
                return told(left);
            }
            constant = Some(left);
        }
        let holders = match constant {
            Some(left) if !left.is_empty() => left,
            _ => vec![nameless()],
        };
        Asked {
            holders,
            is_certain,
        }
    }
}

fn certain(holders: Vec<Outsider>) -> Asked {
    Asked {
        holders,
        is_certain: true,
    }
}

/// The kernel says that the file is open, and no process that we can see has it.
fn nameless() -> Outsider {
    Outsider {
        user: User {
            kind: UserKind::Process,
            name: "that cannot be seen from here".into(),
            how: "open by the kernel, or in another PID namespace by".into(),
        },
        guest: None,
        locks_for_guests: false,
    }
}

fn mounted(keys: &[(u64, u64)]) -> Vec<Outsider> {
    let mut seen = Seen::default();
    mounts::read(&mut seen);
    users_of(keys, seen.finish())
}

fn users_of(keys: &[(u64, u64)], mut sighting: Sighting) -> Vec<Outsider> {
    keys.iter()
        .filter_map(|key| sighting.users.remove(key))
        .flatten()
        .collect()
}

/// The kernel's answer for a file, or for all regular files of a folder together.
fn ask(path: &Path, facts: &FileFacts) -> Answer {
    if facts.kind != FileKind::Directory {
        return lease::ask(path, facts.kind, &facts.identity);
    }
    let mut together = Answer::Free;
    for entry in entries_below(path) {
        if entry.kind == FileKind::Regular {
            match lease::ask(&entry.path, entry.kind, &entry.identity) {
                Answer::Held => return Answer::Held,
                Answer::Unknown => together = Answer::Unknown,
                Answer::Free | Answer::Another => {}
            }
        }
    }
    together
}

/// The folder and all that is below it.
fn below(path: &Path, facts: &FileFacts) -> Vec<(u64, u64)> {
    let mut keys = vec![facts.identity.key()];
    keys.extend(entries_below(path).iter().map(|entry| entry.identity.key()));
    keys
}

fn entries_below(path: &Path) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut pending: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in files::list(&folder).unwrap_or_default() {
            if entries.len() >= MOST_BELOW {
                return entries;
            }
            if entry.kind == FileKind::Directory {
                pending.push(entry.path.clone());
            }
            entries.push(entry);
        }
    }
    entries
}
