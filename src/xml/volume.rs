//! `<volume>`.

use std::path::PathBuf;

use super::{XmlError, attribute, child, child_text, parse, required_text};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeXml {
    pub name: String,
    /// `file`, `block`, `dir`, `network`, `netdir`, `ploop`.
    pub kind: String,
    /// `raw`, `qcow2` …
    pub format: Option<String>,
    pub path: PathBuf,
    /// What libvirt read in the image's header when the pool was last refreshed.
    pub backing: Option<PathBuf>,
}

impl VolumeXml {
    /// Reads what `virsh vol-dumpxml` writes.
    ///
    /// # Errors
    /// XML that is none or no volume's, no name or no path.
    pub fn read(xml: &str) -> Result<Self, XmlError> {
        let document = parse(xml, "volume")?;
        let root = document.root_element();
        let target = child(root, "target").ok_or(XmlError::Missing("the volume's <target>"))?;
        Ok(Self {
            name: required_text(root, "name")?,
            kind: attribute(root, "type").unwrap_or_else(|| "file".to_owned()),
            format: child(target, "format").and_then(|format| attribute(format, "type")),
            path: required_text(target, "path").map(PathBuf::from)?,
            backing: child(root, "backingStore")
                .and_then(|backing| child_text(backing, "path"))
                .map(PathBuf::from),
        })
    }
}
