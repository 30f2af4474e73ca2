//! What libvirt said of a pool volume before it went.

use std::path::PathBuf;

use super::Pooled;

/// One volume among a domain's disks, gone with it or kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedVolume {
    pub pooled: Pooled,
    pub path: PathBuf,
    /// `vol-dumpxml`; or why libvirt did not tell it (the pool is not started).
    pub xml: Result<String, String>,
}
