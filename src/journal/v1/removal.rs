//! The removal flags.

use serde::{Deserialize, Serialize};

use super::access::Verdict;
use crate::model;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    pub named: Option<Vec<String>>,
    pub all: bool,
    pub managed: bool,
    pub unmanaged: bool,
    pub keep: bool,
    pub managed_save: bool,
    pub snapshots_metadata: bool,
    pub checkpoints_metadata: bool,
    pub nvram: Option<Verdict>,
    pub tpm: Option<Verdict>,
    pub wipe_storage: bool,
    pub delete_volume_snapshots: bool,
    pub accept_unseen: bool,
    pub override_protection: bool,
    pub stop_first: bool,
    pub graceful: Option<u64>,
}

impl From<&model::Removal> for Removal {
    fn from(removal: &model::Removal) -> Self {
        let model::Removal {
            storage:
                model::StorageFlags {
                    named,
                    all,
                    managed,
                    unmanaged,
                    keep,
                },
            managed_save,
            snapshots_metadata,
            checkpoints_metadata,
            nvram,
            tpm,
            wipe_storage,
            delete_volume_snapshots,
            accept_unseen,
            override_protection,
            stop_first,
            graceful,
        } = removal.clone();
        Self {
            named,
            all,
            managed,
            unmanaged,
            keep,
            managed_save,
            snapshots_metadata,
            checkpoints_metadata,
            nvram: nvram.map(Verdict::from),
            tpm: tpm.map(Verdict::from),
            wipe_storage,
            delete_volume_snapshots,
            accept_unseen,
            override_protection,
            stop_first,
            graceful,
        }
    }
}

impl From<Removal> for model::Removal {
    fn from(removal: Removal) -> Self {
        let Removal {
            named,
            all,
            managed,
            unmanaged,
            keep,
            managed_save,
            snapshots_metadata,
            checkpoints_metadata,
            nvram,
            tpm,
            wipe_storage,
            delete_volume_snapshots,
            accept_unseen,
            override_protection,
            stop_first,
            graceful,
        } = removal;
        Self {
            storage: model::StorageFlags {
                named,
                all,
                managed,
                unmanaged,
                keep,
            },
            managed_save,
            snapshots_metadata,
            checkpoints_metadata,
            nvram: nvram.map(model::Verdict::from),
            tpm: tpm.map(model::Verdict::from),
            wipe_storage,
            delete_volume_snapshots,
            accept_unseen,
            override_protection,
            stop_first,
            graceful,
        }
    }
}
