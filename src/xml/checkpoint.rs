//! `<domaincheckpoint>`.

use super::{EmbeddedDomain, XmlError, child, child_text, parse, required_text};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointXml {
    pub name: String,
    pub parent: Option<String>,
    /// The domain as it was.
    pub domain: Option<EmbeddedDomain>,
}

impl CheckpointXml {
    /// Reads what `virsh checkpoint-dumpxml` writes.
    ///
    /// # Errors
    /// XML that is none or no checkpoint's, or no name.
    pub fn read(xml: &str) -> Result<Self, XmlError> {
        let document = parse(xml, "domaincheckpoint")?;
        let root = document.root_element();
        Ok(Self {
            name: required_text(root, "name")?,
            parent: child(root, "parent").and_then(|parent| child_text(parent, "name")),
            domain: child(root, "domain")
                .map(EmbeddedDomain::read)
                .transpose()?,
        })
    }
}
