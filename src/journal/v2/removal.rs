//! The removal flags.

use super::access::Verdict;
use crate::journal::mirror::mirror;
use crate::model;

mirror!(struct StorageFlags = model::StorageFlags {
    named: Option<Vec<String>>,
    all: bool,
    managed: bool,
    unmanaged: bool,
    keep: bool,
});

mirror!(struct Removal = model::Removal {
    storage: StorageFlags,
    managed_save: bool,
    snapshots_metadata: bool,
    checkpoints_metadata: bool,
    nvram: Option<Verdict>,
    tpm: Option<Verdict>,
    wipe_storage: bool,
    delete_volume_snapshots: bool,
    accept_unseen: bool,
    accept_not_redefinable: bool,
    accept_broken_chain: bool,
    override_protection: bool,
    stop_first: bool,
    graceful: Option<u64>,
});
