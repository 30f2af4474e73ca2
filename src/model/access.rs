//! How a domain uses a disk, as far as a disk's fate depends on it.

/// The contract's three kinds of access: `<readonly/>`, `<shareable/>`, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    ReadWrite,
    ReadOnly,
    Shared,
}

impl Access {
    /// `readonly` is the stronger word of the two.
    pub fn of(readonly: bool, shareable: bool) -> Self {
        match (readonly, shareable) {
            (true, _) => Access::ReadOnly,
            (false, true) => Access::Shared,
            (false, false) => Access::ReadWrite,
        }
    }

    /// The word the contract's JSON uses.
    pub fn word(self) -> &'static str {
        match self {
            Access::ReadWrite => "rw",
            Access::ReadOnly => "ro",
            Access::Shared => "shared",
        }
    }
}

/// `<disk device='…'>`: removable media are never removed by a general flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    Disk,
    Lun,
    Cdrom,
    Floppy,
}
