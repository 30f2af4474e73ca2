//! One command at a time for each domain, whatever journals they write to.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::HypervisorError;

/// Domains that are held for the life of the value.
pub trait LockedDomains {}

#[derive(Debug, Error)]
pub enum LockError {
    #[error("another process works on domain {domain}: {holder}")]
    Held { domain: String, holder: String },
    #[error("domain {domain} cannot be locked: {}: {cause}", path.display())]
    Unusable {
        domain: String,
        path: PathBuf,
        cause: io::Error,
    },
    #[error(transparent)]
    Hypervisor(#[from] HypervisorError),
}
