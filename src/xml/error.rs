//! Why XML was not understood.

use thiserror::Error;

/// The text of every variant is free of values that may be secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum XmlError {
    #[error("it is no XML: {0}")]
    NotXml(String),
    #[error("<{expected}> was expected, and <{found}> found")]
    Root {
        expected: &'static str,
        found: String,
    },
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("'{0}' is no UUID")]
    Uuid(String),
    /// A word of which nothing is known, where guessing would decide over data.
    #[error("{what} '{word}' is not known")]
    Unknown { what: &'static str, word: String },
    #[error("its elements are nested deeper than {0}")]
    TooDeep(usize),
}
