//! One command at a time for each domain of this host, whatever journals they write to.
//!
//! The journal's own lock keeps apart who shares a state folder. Two folders know nothing of each
//! other: both would plan the same domain, and the slower one would put back what the other has
//! retired. So whoever changes a domain also holds a file below `/run/virt-retire` (root), or below
//! `virt-retire` in the user's runtime folder, locked with flock(2). The kernel lets go when the
//! process ends, however it ends.
//!
//! The file's name is the libvirt and the domain's UUID. A libvirt is known by the inode of the
//! folder where it keeps its domains' state, which is the same after a restart of its daemon and by
//! whichever URI it is reached, and another one for each session user and for a private libvirt in
//! a mount namespace of its own.
//!
//! Root's commands and those of a user who may use root's libvirt do not see each other's locks: in
//! a folder that both can write to, any user could stop root for good.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use uuid::Uuid;

use crate::model::DomainRef;
use crate::ports::{HypervisorError, HypervisorView, LockError, LockedDomains, StorageView};

const POLL: Duration = Duration::from_millis(20);

/// The domains are held for the life of the value.
pub struct DomainLocks {
    _held: Vec<Held>,
}

impl LockedDomains for DomainLocks {}

struct Held {
    path: PathBuf,
    _file: File,
}

impl Drop for Held {
    fn drop(&mut self) {
        // While it is still locked: who waits for it sees that the name has gone, and makes it
        // anew.
        let _ = fs::remove_file(&self.path);
    }
}

/// How long to wait for another command, and what that one is told.
pub struct Waiting<'a> {
    pub wait: Duration,
    /// What another process is told that it waits for: `undefine web1`.
    pub purpose: &'a str,
    /// Called once with the holder.
    pub on_wait: &'a mut dyn FnMut(&str),
}

impl DomainLocks {
    /// Holds all of them, each once. Always in one order, so that two commands never wait for each
    /// other.
    ///
    /// # Errors
    /// [`LockError::Held`] when `wait` is over; nothing is held then.
    pub fn take(
        hypervisor: &dyn HypervisorView,
        storage: &dyn StorageView,
        domains: &[DomainRef],
        waiting: &mut Waiting,
    ) -> Result<Self, LockError> {
        let instance = instance(hypervisor, storage)?;
        let mut domains: Vec<&DomainRef> = domains.iter().collect();
        domains.sort_by_key(|domain| domain.uuid);
        domains.dedup_by_key(|domain| domain.uuid);
        let folder = folder();
        let until = Instant::now().checked_add(waiting.wait);
        let mut held = Vec::new();
        for domain in domains {
            let unusable = |path: &Path, cause| LockError::Unusable {
                domain: domain.name.clone(),
                path: path.to_owned(),
                cause,
            };
            ready(&folder).map_err(|cause| unusable(&folder, cause))?;
            let path = folder.join(name(&instance, domain.uuid));
            let file = lock(&path, until, waiting).map_err(|cause| unusable(&path, cause))?;
            let Some(file) = file else {
                return Err(LockError::Held {
                    domain: domain.name.clone(),
                    holder: holder(&path),
                });
            };
            held.push(Held { path, _file: file });
        }
        Ok(Self { _held: held })
    }
}

fn name(instance: &str, domain: Uuid) -> String {
    format!("{instance}-{domain}.lock")
}

/// What tells this libvirt from others on the host.
fn instance(
    hypervisor: &dyn HypervisorView,
    storage: &dyn StorageView,
) -> Result<String, HypervisorError> {
    let state = hypervisor.state_folders()?.managed_save;
    for folder in state.ancestors() {
        let there = storage
            .resolve(folder)
            .and_then(|it| storage.glance(&it.real));
        if let Ok(Some(facts)) = there {
            let (device, inode) = facts.identity.key();
            return Ok(format!("{device:x}-{inode:x}"));
        }
    }
    Ok("libvirt".into())
}

fn folder() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return "/run/virt-retire".into();
    }
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    // As libvirt's own session daemon looks for its folder (g_get_user_runtime_dir).
    absolute("XDG_RUNTIME_DIR")
        .or_else(|| absolute("XDG_CACHE_HOME"))
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("virt-retire")
}

/// Makes the folder, or sees that it is ours alone.
fn ready(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new()
                .mode(0o700)
                .recursive(true)
                .create(folder)?;
        }
        other => other?,
    }
    let found = fs::symlink_metadata(folder)?;
    let me = rustix::process::geteuid().as_raw();
    if !found.is_dir() || found.uid() != me || found.mode() & 0o022 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("it must be a folder of user {me} that nobody else can write to"),
        ));
    }
    Ok(())
}

/// `None` when the time is over.
fn lock(path: &Path, until: Option<Instant>, waiting: &mut Waiting) -> io::Result<Option<File>> {
    let mut told = false;
    loop {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                // Whoever held it before has taken the name away: then this is nobody's lock.
                let mine = file.metadata()?;
                let there = fs::symlink_metadata(path);
                if !there.is_ok_and(|it| (it.dev(), it.ino()) == (mine.dev(), mine.ino())) {
                    continue;
                }
                file.set_len(0)?;
                let since = super::clock::now().strftime("%Y-%m-%dT%H:%M:%SZ");
                let pid = std::process::id();
                // Who it is helps a person; no room for it is no reason to stop.
                let _ = writeln!(file, "{} (process {pid}, since {since})", waiting.purpose);
                return Ok(Some(file));
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let left = until.map_or(POLL, |until| {
            until.saturating_duration_since(Instant::now())
        });
        if left.is_zero() {
            return Ok(None);
        }
        if !told {
            (waiting.on_wait)(&holder(path));
            told = true;
        }
        std::thread::sleep(POLL.min(left));
    }
}

fn holder(path: &Path) -> String {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(400).read_to_string(&mut text));
    match read {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "another virt-retire".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting<'a>(on_wait: &'a mut dyn FnMut(&str), wait: u64) -> Waiting<'a> {
        Waiting {
            wait: Duration::from_millis(wait),
            purpose: "undefine web",
            on_wait,
        }
    }

    #[test]
    fn a_second_holder_waits_and_is_told_for_whom() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let mut silent = |_: &str| panic!("nobody holds it yet");
        let first = lock(&path, None, &mut waiting(&mut silent, 0)).unwrap();
        let first = Held {
            path: path.clone(),
            _file: first.unwrap(),
        };
        let mut heard = String::new();
        let mut listen = |holder: &str| heard = holder.to_owned();
        let until = Instant::now().checked_add(Duration::from_millis(60));
        let second = lock(&path, until, &mut waiting(&mut listen, 60)).unwrap();
        assert!(second.is_none());
        assert!(heard.starts_with("undefine web (process "), "{heard}");
        drop(first);
        assert!(!path.exists(), "nothing is left lying about");
        let third = lock(&path, until, &mut waiting(&mut silent, 0)).unwrap();
        assert!(third.is_some());
    }

    #[test]
    fn a_lock_whose_name_was_taken_away_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let mut silent = |_: &str| {};
        let old = lock(&path, None, &mut waiting(&mut silent, 0)).unwrap();
        fs::remove_file(&path).unwrap();
        let new = lock(&path, None, &mut waiting(&mut silent, 0)).unwrap();
        assert!(old.is_some() && new.is_some() && path.exists());
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(ready(&open).is_err());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(ready(&link).is_err());
        assert!(ready(&folder.path().join("new")).is_ok());
    }
}
