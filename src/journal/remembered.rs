//! What one command leaves for the next (`STATE/survey`): no part of the journal, worthless when it
//! is missing, and never read into anything when it is damaged or of another version.

use serde::{Deserialize, Serialize};

use super::codec::Record;
use super::envelope::Kind;
use super::error::DecodeError;

/// A file as it was when it was read: unchanged as long as all of this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamp {
    pub device: u64,
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Seconds and nanoseconds.
    pub modified: (i64, u32),
    /// Nobody can set this one.
    pub changed: (i64, u32),
}

/// One process that answered as libvirt, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daemon {
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot: String,
    pub pid: i32,
    /// Clock ticks after the boot (`/proc/PID/stat`, field 22).
    pub started: u64,
}

/// An image that stands on no other file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alone {
    pub stamp: Stamp,
    /// As its magic has it: `raw`, `qcow2` …
    pub format: String,
}

/// An inactive definition, and libvirt's own file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defined {
    pub uuid: [u8; 16],
    pub stamp: Stamp,
    /// Without secrets.
    pub xml: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Remembered {
    pub images: Vec<Alone>,
    /// Who said what the definitions say.
    pub daemon: Option<Daemon>,
    pub definitions: Vec<Defined>,
}

impl Record for Remembered {
    const KIND: Kind = Kind::Remembered;
    const VERSION: u16 = 1;

    fn older(version: u16, _payload: &[u8]) -> Result<Self, DecodeError> {
        Err(DecodeError::Malformed(format!("version {version}")))
    }
}
