//! A rollback that does not put everything back as it was, because it no longer can.

use std::path::{Path, PathBuf};

use super::SecretXml;

/// In what a rollback departs from what was saved. Made out once, durable before the rollback's
/// first effect and then only read, so that a recovery goes on in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Amendment {
    /// A definition that the operator has repaired, in place of the saved one.
    pub xml: Option<SecretXml>,
    /// The files come back and libvirt is told nothing: the domain stays undefined.
    pub files_only: bool,
    /// Of each file and of each name in the XML that is another one now: the old path and the new.
    pub paths: Vec<(PathBuf, PathBuf)>,
}

impl Amendment {
    /// What `path` is called now.
    pub fn moved<'p>(&'p self, path: &'p Path) -> &'p Path {
        let new = self.paths.iter().find(|(old, _)| old == path);
        new.map_or(path, |(_, new)| new)
    }
}
