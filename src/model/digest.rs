//! A digest of a file in quarantine: what shows that its bytes are the ones that were put there.

use std::fmt;

/// The setting `digest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestKind {
    Sha256,
    Blake3,
}

impl DigestKind {
    pub const ALL: [DigestKind; 2] = [DigestKind::Sha256, DigestKind::Blake3];

    pub fn word(self) -> &'static str {
        match self {
            DigestKind::Sha256 => "sha256",
            DigestKind::Blake3 => "blake3",
        }
    }
}

/// As `sha256sum` and `b3sum` print it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    pub kind: DigestKind,
    /// In lower case.
    pub hex: String,
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.word(), self.hex)
    }
}
