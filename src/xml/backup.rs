//! `<domainbackup>`: a backup job that runs.

use super::{Source, XmlError, attribute, child, children, disk, parse};

/// One disk of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupDisk {
    pub target: String,
    /// Where the copy goes (push), or what keeps the old bytes meanwhile (pull).
    pub file: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupXml {
    /// The copy is fetched from the guest, and the files are scratch: they go when the job ends.
    pub is_pull: bool,
    pub disks: Vec<BackupDisk>,
}

impl BackupXml {
    /// Reads what `virsh backup-dumpxml` writes.
    ///
    /// # Errors
    /// XML that is none or no backup's, or a disk without a name.
    pub fn read(xml: &str) -> Result<Self, XmlError> {
        let document = parse(xml, "domainbackup")?;
        let root = document.root_element();
        let disks = children(root, "disks").flat_map(|disks| children(disks, "disk"));
        Ok(Self {
            is_pull: attribute(root, "mode").as_deref() == Some("pull"),
            disks: disks
                .map(|node| {
                    let file = ["scratch", "target"].map(|name| child(node, name));
                    let file = file.into_iter().flatten().next();
                    Ok(BackupDisk {
                        target: attribute(node, "name")
                            .ok_or(XmlError::Missing("a backup disk's name"))?,
                        file: file.map_or(Source::None, |file| {
                            disk::source_of(file, &disk::kind(node))
                        }),
                    })
                })
                .collect::<Result<_, _>>()?,
        })
    }
}
