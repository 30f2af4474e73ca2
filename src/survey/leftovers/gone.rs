//! Domains that libvirt has, and whose disks are not there any more.

use std::path::{Path, PathBuf};

use crate::model::{Device, DomainRef};
use crate::ports::Described;
use crate::xml::{DiskXml, DomainXml, Source};

use super::super::Survey;
use super::super::chain::{self, Hides, Start};

/// A file that a domain names and that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    pub domain: DomainRef,
    /// The guest runs: what was unlinked under it is there as long as it does.
    pub active: bool,
    pub target: String,
    /// As the XML or the image above spells it.
    pub path: PathBuf,
    pub part: Part,
    /// Not one of the domain's own disks is left.
    pub is_all: bool,
}

/// What the missing file is to the domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Read-write and its own.
    Disk,
    /// A CD-ROM, a floppy, a read-only or shareable disk: the guest is whole without it.
    Medium,
    /// The image that names it is there.
    Backing { of: PathBuf },
}

/// A disk that is not there, and that may come back: nothing is mounted where it lies, or it is a
/// device that is not attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    pub domain: DomainRef,
    pub target: String,
    pub path: PathBuf,
    /// Where nothing is mounted; `None` for a device.
    pub folder: Option<PathBuf>,
}

impl Survey<'_> {
    pub(super) fn gone(&self, domains: &[Described]) -> (Vec<Gone>, Vec<Away>) {
        let (mut gone, mut away) = (Vec::new(), Vec::new());
        for domain in domains {
            // One whose XML is not understood is noted already.
            let Ok(xml) = DomainXml::read(domain.xml.reveal()) else {
                continue;
            };
            let own = xml.disks.iter().filter(|disk| is_own(disk)).count();
            let from = gone.len();
            for disk in &xml.disks {
                self.disk_gone(domain, disk, &mut gone, &mut away);
            }
            let found = &mut gone[from..];
            let lost = found.iter().filter(|one| one.part == Part::Disk).count();
            for one in found {
                one.is_all = own > 0 && lost == own;
            }
        }
        (gone, away)
    }

    fn disk_gone(
        &self,
        domain: &Described,
        disk: &DiskXml,
        gone: &mut Vec<Gone>,
        away: &mut Vec<Away>,
    ) {
        let Some(path) = self.local(&disk.source) else {
            return;
        };
        let start = Start {
            path: &path,
            format: Some(disk.format.as_deref().unwrap_or("raw")),
            offset: disk.offset,
        };
        let walk = chain::walk(self.storage, start);
        let top = walk.layers.first().map(|layer| layer.path.clone());
        let missing = walk
            .obstacles
            .iter()
            .filter(|it| it.hides == Hides::Missing);
        for path in missing.map(|it| it.what.path.clone()) {
            // A symlink that leads nowhere is told by the name that the XML has.
            let path = match top {
                None => self.local(&disk.source).unwrap_or(path),
                Some(_) => path,
            };
            let device = matches!(disk.source, Source::Block(_)) && top.is_none();
            let folder = self.unmounted(&path);
            if device || folder.is_some() {
                away.push(Away {
                    domain: domain.status.domain.clone(),
                    target: disk.target.clone(),
                    path,
                    folder: folder.filter(|_| !device),
                });
                continue;
            }
            gone.push(Gone {
                domain: domain.status.domain.clone(),
                active: domain.status.active,
                target: disk.target.clone(),
                path,
                part: match &top {
                    Some(of) => Part::Backing { of: of.clone() },
                    None if is_own(disk) => Part::Disk,
                    None => Part::Medium,
                },
                is_all: false,
            });
        }
    }

    /// The file of this host that a source names, in a pool that serves it or that is a plain
    /// folder.
    fn local(&self, source: &Source) -> Option<PathBuf> {
        if let Source::Volume { pool, .. } = source
            && !self.pools.is_there(pool)
        {
            return None;
        }
        self.pools.file(source)
    }

    /// The place at which the host says that something ought to be mounted; else the folder to
    /// which the path leads, if it is as such a place is: empty, and never written to since it was
    /// made. From one that was, the file was removed.
    fn unmounted(&self, path: &Path) -> Option<PathBuf> {
        let mut places = self.storage.unmounted().into_iter();
        if let Some(place) = places.find(|place| path.starts_with(place)) {
            return Some(place);
        }
        for folder in path.ancestors().skip(1) {
            let real = self.storage.resolve(folder).ok()?.real;
            let Some(facts) = self.storage.glance(&real).ok()? else {
                continue;
            };
            let is_new = facts
                .identity
                .born
                .is_none_or(|born| facts.modified <= born);
            let is_empty = self.storage.list(&real).is_ok_and(|it| it.is_empty());
            return (is_new && is_empty).then_some(real);
        }
        None
    }
}

fn is_own(disk: &DiskXml) -> bool {
    let is_disk = matches!(disk.device, Device::Disk | Device::Lun);
    is_disk && !disk.readonly && !disk.shareable
}
