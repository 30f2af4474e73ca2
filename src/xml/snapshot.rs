//! `<domainsnapshot>`.

use std::path::PathBuf;

use roxmltree::Node;

use super::{
    EmbeddedDomain, Source, XmlError, attribute, child, child_text, children, disk, parse,
    required_text,
};

/// Where a snapshot keeps a disk's or the memory's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotKind {
    No,
    /// Inside the qcow2 image.
    Internal,
    /// In a file of its own.
    External,
    /// `manual`: the administrator takes care of the disk.
    Manual,
}

/// One disk of a snapshot. For an external one `source` is the *overlay* that the guest writes to
/// from then on; the image with the state is the disk's source in [`SnapshotXml::domain`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotDisk {
    pub target: String,
    pub kind: SnapshotKind,
    pub source: Source,
    /// `<driver type>`, of the overlay.
    pub format: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotXml {
    pub name: String,
    pub parent: Option<String>,
    /// `running`, `shutoff`, `disk-snapshot` …
    pub state: Option<String>,
    pub memory: SnapshotKind,
    pub memory_file: Option<PathBuf>,
    pub disks: Vec<SnapshotDisk>,
    /// `<revertDisks>`, libvirt 9.9 and newer: overlays made by reverting to this snapshot.
    pub revert_disks: Vec<SnapshotDisk>,
    /// The domain as it was; live where the guest was running.
    pub domain: Option<EmbeddedDomain>,
    pub inactive_domain: Option<EmbeddedDomain>,
}

impl SnapshotXml {
    /// Reads what `virsh snapshot-dumpxml` writes.
    ///
    /// # Errors
    /// XML that is none or no snapshot's, no name, a word for the kind that is not known.
    pub fn read(xml: &str) -> Result<Self, XmlError> {
        let document = parse(xml, "domainsnapshot")?;
        let root = document.root_element();
        let memory = child(root, "memory");
        let embedded = |name| child(root, name).map(EmbeddedDomain::read).transpose();
        Ok(Self {
            name: required_text(root, "name")?,
            parent: child(root, "parent").and_then(|parent| child_text(parent, "name")),
            state: child_text(root, "state"),
            memory: memory.map_or(Ok(SnapshotKind::No), kind)?,
            memory_file: memory
                .and_then(|memory| attribute(memory, "file"))
                .map(PathBuf::from),
            disks: disks(root, "disks")?,
            revert_disks: disks(root, "revertDisks")?,
            domain: embedded("domain")?,
            inactive_domain: embedded("inactiveDomain")?,
        })
    }
}

fn kind(node: Node<'_, '_>) -> Result<SnapshotKind, XmlError> {
    match node.attribute("snapshot") {
        Some("no") => Ok(SnapshotKind::No),
        Some("internal") => Ok(SnapshotKind::Internal),
        Some("external") => Ok(SnapshotKind::External),
        Some("manual") => Ok(SnapshotKind::Manual),
        None if node.has_attribute("file") || child(node, "source").is_some() => {
            Ok(SnapshotKind::External)
        }
        None => Ok(SnapshotKind::No),
        Some(other) => Err(XmlError::Unknown {
            what: "the kind of snapshot",
            word: other.to_owned(),
        }),
    }
}

fn disks(root: Node<'_, '_>, name: &str) -> Result<Vec<SnapshotDisk>, XmlError> {
    child(root, name)
        .into_iter()
        .flat_map(|disks| children(disks, "disk"))
        .map(|node| {
            Ok(SnapshotDisk {
                target: attribute(node, "name")
                    .ok_or(XmlError::Missing("a snapshot disk's name"))?,
                kind: kind(node)?,
                source: disk::source(node, &disk::kind(node)),
                format: disk::format(node),
            })
        })
        .collect()
}
