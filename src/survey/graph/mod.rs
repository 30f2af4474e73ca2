//! Who uses which inode: the domains of the connection, images that nobody has attached, and
//! whoever else on this host has a file open, mounted or attached.
//!
//! Built once per command. Files are compared by device and inode, so that hard links, symlinks,
//! bind mounts and other spellings of a path are one file.

mod domains;
mod images;
mod missing;

pub(super) use images::Depth;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::model::{DomainRef, FileFacts, Identity, SecretXml, User, UserKind};
use crate::ports::{Outsider, Sighting, StorageView};

use super::cached::CachedStorage;

type Key = (u64, u64);

struct Use {
    /// The domain, if the user is one: its own uses do not stand in its way.
    owner: Option<Uuid>,
    user: User,
}

#[derive(Default)]
pub(super) struct Graph {
    uses: HashMap<Key, Vec<Use>>,
    outside: Sighting,
    active: HashSet<Uuid>,
    /// The live XML of running domains.
    running: HashMap<Uuid, SecretXml>,
    /// Images of domains that are being retired.
    attached: HashSet<Key>,
    /// Folders whose images have been looked into.
    scanned: HashSet<Key>,
    /// Those of them with all below.
    descended: HashSet<Key>,
    /// Where the domains' images lie.
    folders: BTreeSet<PathBuf>,
    /// Images of domains that are not there.
    missing: Vec<missing::Missing>,
    /// `<transient/>` disks, and whose they are.
    transient: HashMap<Key, Vec<DomainRef>>,
    unseen: BTreeSet<String>,
    /// The same of one domain's own chains: to itself nobody is a stranger.
    unseen_of: BTreeSet<(Uuid, String)>,
}

impl Graph {
    pub(super) fn set_outside(&mut self, mut sighting: Sighting) {
        self.unseen.extend(std::mem::take(&mut sighting.unseen));
        self.outside = sighting;
    }

    /// See [`Sighting::blind`].
    pub(super) fn is_blind(&self) -> bool {
        self.outside.blind
    }

    /// See [`Sighting::as_root`].
    pub(super) fn is_seen_by_root(&self) -> bool {
        self.outside.as_root
    }

    pub(super) fn add_unseen(&mut self, what: String) {
        self.unseen.insert(what);
    }

    /// Everyone who uses the file, but for the domain `owner` and, while it runs, its processes: by
    /// any of the inodes that it is, and by a folder around it.
    pub(super) fn users_of(
        &self,
        storage: &CachedStorage,
        path: &Path,
        facts: &FileFacts,
        owner: Uuid,
    ) -> Vec<User> {
        let faces = storage.faces(path, facts).into_iter();
        let mut users: Vec<User> = faces.flat_map(|key| self.users(key, owner)).collect();
        // Of a folder in which everybody keeps everything, what is open tells.
        let around = path.ancestors().skip(1);
        for folder in around.take_while(|folder| !storage.is_systems(folder)) {
            let Ok(Some(found)) = storage.glance(folder) else {
                continue;
            };
            let uses = self.uses.get(&found.identity.key()).into_iter().flatten();
            let others = uses.filter(|found| found.owner.is_some_and(|of| of != owner));
            users.extend(others.map(|found| User {
                how: format!("below the {}", found.user.how),
                ..found.user.clone()
            }));
        }
        users.sort();
        users.dedup();
        users
    }

    /// Everyone who uses the inode, but for the domain `owner` and, while it runs, its processes.
    pub(super) fn users(&self, key: Key, owner: Uuid) -> Vec<User> {
        let uses = self.uses.get(&key).map_or(&[][..], Vec::as_slice);
        let known = |guest: Uuid| uses.iter().any(|found| found.owner == Some(guest));
        let inside = uses
            .iter()
            .filter(|found| found.owner != Some(owner))
            .map(|found| &found.user);
        let outside = self
            .outside
            .users
            .get(&key)
            .into_iter()
            .flatten()
            .filter(|one| !self.is_own(one, owner, known))
            .map(|one| &one.user);
        let mut users: Vec<User> = inside.chain(outside).cloned().collect();
        users.sort();
        users.dedup();
        users
    }

    /// A process that is the owner's own, or that stands for a domain which is listed anyway. A
    /// process only says itself whose it is: libvirt must agree that the guest is up.
    fn is_own(&self, one: &Outsider, owner: Uuid, known: impl Fn(Uuid) -> bool) -> bool {
        let runs = |uuid: &Uuid| self.active.contains(uuid);
        match one.guest {
            Some(guest) if guest == owner => runs(&guest),
            Some(guest) => runs(&guest) && known(guest),
            None => one.locks_for_guests && runs(&owner),
        }
    }

    /// Whether a process is seen that has it open, whosever it is.
    pub(super) fn is_open(&self, identity: &Identity) -> bool {
        let seen = self.outside.users.get(&identity.key());
        seen.is_some_and(|users| users.iter().any(|one| one.user.kind == UserKind::Process))
    }

    pub(super) fn is_active(&self, domain: Uuid) -> bool {
        self.active.contains(&domain)
    }

    pub(super) fn running_xml(&self, domain: Uuid) -> Option<&SecretXml> {
        self.running.get(&domain)
    }

    /// What could not be looked at of others than the domain `owner`, in words.
    pub(super) fn unseen(&self, owner: Uuid) -> impl Iterator<Item = &String> {
        let others = self
            .unseen_of
            .iter()
            .filter(move |(whose, _)| *whose != owner);
        self.unseen.iter().chain(others.map(|(_, what)| what))
    }

    /// The inode is an image of a domain, which libvirt need not have any more.
    pub(super) fn attach(&mut self, key: Key) {
        self.attached.insert(key);
    }

    fn is_attached(&self, key: Key) -> bool {
        if self.attached.contains(&key) {
            return true;
        }
        self.uses
            .get(&key)
            .is_some_and(|uses| uses.iter().any(|found| found.owner.is_some()))
    }

    fn add(&mut self, key: Key, owner: Option<Uuid>, user: User) {
        self.uses.entry(key).or_default().push(Use { owner, user });
    }

    /// Where the domains' images lie.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        self.folders.iter().cloned().collect()
    }

    /// The domain for whose `<transient/>` disk libvirt made this overlay; a crash leaves it
    /// behind. libvirt calls it `DISK.TRANSIENT-DOMAIN`, and before 8.0 `DISK.TRANSIENT`.
    fn overlaid_by(&self, overlay: &Path, disk: &Path, key: Key) -> Option<&DomainRef> {
        let name = overlay.file_name()?.to_str()?;
        let rest = name.strip_prefix(disk.file_name()?.to_str()?)?;
        let of = rest.strip_prefix(".TRANSIENT")?;
        let owners = self.transient.get(&key)?;
        match of.strip_prefix('-') {
            Some(domain) => owners.iter().find(|owner| owner.name == domain),
            None if of.is_empty() => owners
                .first()
                .filter(|first| owners.iter().all(|owner| owner == *first)),
            None => None,
        }
    }

    fn add_image(&mut self, key: Key, owner: Option<Uuid>, name: &Path, how: &str) {
        let user = User {
            kind: UserKind::Image,
            name: name.display().to_string(),
            how: how.to_owned(),
        };
        self.add(key, owner, user);
    }
}
