//! The removal flags.

use super::access::Verdict;
use crate::journal::mirror::frozen;
use crate::model;

frozen!(struct StorageFlags = model::StorageFlags {
    named: Option<Vec<String>>,
    all: bool,
    managed: bool,
    unmanaged: bool,
    keep: bool,
});

frozen!(struct Removal = model::Removal {
    storage: StorageFlags,
    managed_save: bool,
    snapshots_metadata: bool,
    checkpoints_metadata: bool,
    nvram: Option<Verdict>,
    tpm: Option<Verdict>,
    wipe_storage: bool,
    delete_volume_snapshots: bool,
    accept_unseen: bool,
    override_protection: bool,
    stop_first: bool,
    graceful: Option<u64>,
} else {
    accept_not_redefinable: false,
    accept_broken_chain: false,
});
