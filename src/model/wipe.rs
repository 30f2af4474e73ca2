//! What was overwritten before it was destroyed, and what may be said of it.

/// With what a file is overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WipeMethod {
    Zero,
    Random,
    /// Its blocks are given back by punching holes: a hint to the medium, and no overwriting.
    Discard,
}

impl WipeMethod {
    /// As the command line has it.
    pub fn word(self) -> &'static str {
        match self {
            WipeMethod::Zero => "zero",
            WipeMethod::Random => "random",
            WipeMethod::Discard => "discard",
        }
    }
}

/// A certificate for the file, or the folder's files, of one step: bytes, and only what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wiped {
    pub method: WipeMethod,
    /// Written over where they were.
    pub overwritten: u64,
    /// Left alone: extents that are shared with other files, files that have other names.
    pub shared: u64,
    /// Written, and by the file system elsewhere: what was there is still on the medium.
    pub elsewhere: u64,
    pub discarded: u64,
    /// `ext4`, `xfs` …
    pub file_system: String,
    /// `rotational`, `not rotational`, `unknown`, with the device's name.
    pub medium: String,
    /// What follows from that, in words of NIST SP 800-88r2.
    pub claim: String,
}
