//! Everything libvirt knows about a domain that is not a file: what rollback defines again.

use std::fmt;

/// XML that may hold passwords (`VIR_DOMAIN_XML_SECURE`). Never printed by accident: its `Debug`
/// gives the length alone, and the text is had only by asking for it by name.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretXml(String);

impl SecretXml {
    pub fn new(xml: String) -> Self {
        Self(xml)
    }

    /// The text with its secrets: for libvirt, the journal and the quarantine's 0600 files.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretXml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretXml({} bytes)", self.0.len())
    }
}

/// Whether libvirt starts the domain at boot: always, at the next boot only, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Autostart {
    pub always: bool,
    /// Autostart once, at the next boot; libvirt 11.2 and newer.
    pub once: bool,
}

/// One snapshot's metadata, as `snapshot-dumpxml --security-info` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub name: String,
    pub parent: Option<String>,
    pub xml: SecretXml,
}

/// One checkpoint's metadata. Its bitmap lives in the qcow2 file and goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub name: String,
    pub parent: Option<String>,
    pub xml: SecretXml,
}

/// The domain as libvirt can be told it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// `dumpxml --inactive --security-info`.
    pub xml: SecretXml,
    pub autostart: Autostart,
    /// Parents before children, the order in which `--redefine` accepts them.
    pub snapshots: Vec<Snapshot>,
    pub current_snapshot: Option<String>,
    /// Parents before children.
    pub checkpoints: Vec<Checkpoint>,
}
