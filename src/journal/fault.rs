//! What goes wrong with a journal as a whole.

use std::io;
use std::path::Path;

use super::error::{DecodeError, EncodeError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    Io(String),
    Damaged(String),
    Newer {
        found: u32,
        known: u32,
    },
    /// The system's clock says a time at which the store cannot be opened.
    Clock(jiff::Timestamp),
}

impl Fault {
    pub fn io(what: &Path, error: impl Into<io::Error>) -> Self {
        Self::Io(format!("{}: {}", what.display(), error.into()))
    }

    /// A record that does not decode; `what` names it.
    pub fn record(what: impl std::fmt::Display, error: DecodeError) -> Self {
        match error {
            DecodeError::Newer { found, known } => Self::Newer {
                found: found.into(),
                known: known.into(),
            },
            other => Self::Damaged(format!("{what}: {other}")),
        }
    }

    pub fn damaged<T>(cause: impl Into<String>) -> Result<T, Self> {
        Err(Self::Damaged(cause.into()))
    }
}

impl From<EncodeError> for Fault {
    fn from(error: EncodeError) -> Self {
        Self::Io(error.to_string())
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(cause) | Self::Damaged(cause) => f.write_str(cause),
            Self::Newer { found, known } => {
                write!(f, "it has format {found}, and {known} is known here")
            }
            Self::Clock(now) => write!(f, "the system's clock says {now}"),
        }
    }
}
