//! `<pool>`.

use std::path::PathBuf;

use super::{XmlError, attribute, child, child_text, parse, required_text};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolXml {
    pub name: String,
    /// `dir`, `fs`, `logical`, `rbd` …
    pub kind: String,
    /// Where its volumes appear on this host; pools on the network have none.
    pub target: Option<PathBuf>,
}

impl PoolXml {
    /// Reads what `virsh pool-dumpxml` writes.
    ///
    /// # Errors
    /// XML that is none or no pool's, no name or no type.
    pub fn read(xml: &str) -> Result<Self, XmlError> {
        let document = parse(xml, "pool")?;
        let root = document.root_element();
        Ok(Self {
            name: required_text(root, "name")?,
            kind: attribute(root, "type").ok_or(XmlError::Missing("the pool's type"))?,
            target: child(root, "target")
                .and_then(|target| child_text(target, "path"))
                .map(PathBuf::from),
        })
    }
}
