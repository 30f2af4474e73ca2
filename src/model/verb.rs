//! By which verb something was decided.

/// The verb of a later command that decided something of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    Commit,
    Rollback,
    Recover,
    Purge,
    Hold,
    Release,
    /// Took it into a new journal.
    Rebuild,
    /// One that this version does not know.
    Other(String),
}

impl Verb {
    pub fn word(&self) -> &str {
        match self {
            Self::Commit => "commit",
            Self::Rollback => "rollback",
            Self::Recover => "recover",
            Self::Purge => "purge",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Rebuild => "rebuild",
            Self::Other(word) => word,
        }
    }

    /// Whether it can lead to a domain that is there again.
    pub fn takes_back(&self) -> bool {
        matches!(self, Self::Rollback | Self::Recover)
    }

    pub fn from_word(word: String) -> Self {
        match word.as_str() {
            "commit" => Self::Commit,
            "rollback" => Self::Rollback,
            "recover" => Self::Recover,
            "purge" => Self::Purge,
            "hold" => Self::Hold,
            "release" => Self::Release,
            "rebuild" => Self::Rebuild,
            _ => Self::Other(word),
        }
    }
}
