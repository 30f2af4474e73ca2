//! Who outside libvirt uses files of this host: processes, loop devices, mounts, swap.

use std::collections::HashMap;
use std::path::Path;

use uuid::Uuid;

use crate::model::{FileFacts, User};

/// One user that libvirt does not tell of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outsider {
    pub user: User,
    /// The guest that the process runs for, where its command line says so: QEMU, swtpm. Anybody
    /// can write a command line, so it excuses nobody unless libvirt says that the guest is up.
    pub guest: Option<Uuid>,
    /// A lock manager's daemon: it opens the disks of running guests.
    pub locks_for_guests: bool,
}

/// Everything seen in one look, by device and inode.
#[derive(Debug, Clone, Default)]
pub struct Sighting {
    pub users: HashMap<(u64, u64), Vec<Outsider>>,
    /// What could not be looked at, in words that are the same the next time.
    pub unseen: Vec<String>,
    /// Some process withholds its open files even from root: a hardened init, another user
    /// namespace. Each file has to be asked about by [`Census::holders`].
    pub blind: bool,
    /// Whoever looked is root already.
    pub as_root: bool,
}

/// Who uses one file now.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub holders: Vec<Outsider>,
    /// Every descriptor of the file is known of, those of processes that nothing shows included.
    /// False on file systems that grant no leases.
    pub is_certain: bool,
}

pub trait Census {
    /// One look at the whole host.
    fn look(&self) -> Sighting;

    /// Who uses this one file now, looked at through a descriptor of it. Who has it open for a
    /// moment only (a pool's refresh, an indexer) is waited for, some tenths of a second at most.
    /// A name that is another file by now has no users here: the move itself refuses it.
    fn holders(&self, path: &Path, facts: &FileFacts) -> Asked;
}
