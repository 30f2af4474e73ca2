//! The names of what there is, for the completion of a command line: read-only, and nothing where
//! libvirt does not answer.

use virt::connect::Connect;
use virt::domain::Domain;

use super::Libvirt;
use super::event_loop::prepare_library;
use crate::xml::DomainXml;

/// A connection that cannot change anything.
pub struct Names {
    connection: Connect,
}

impl Libvirt {
    /// `None` where libvirt does not let us in. May wait as long as libvirt does.
    pub fn names(uri: Option<&str>) -> Option<Names> {
        prepare_library();
        let uri = uri.filter(|uri| !uri.contains('\0'));
        let connection = Connect::open_read_only(uri).ok()?;
        Some(Names { connection })
    }
}

impl Names {
    /// Every domain's name.
    pub fn domains(&self) -> Vec<String> {
        let domains = self.connection.list_all_domains(0).unwrap_or_default();
        let name = |domain: &Domain| domain.name().ok();
        domains.iter().filter_map(name).collect()
    }

    /// The targets of a domain's disks.
    pub fn targets(&self, domain: &str) -> Vec<String> {
        let found = self.connection.lookup_domain_by_name(domain);
        let xml: Option<String> = found.and_then(|domain| domain.xml_desc(0)).ok();
        let read = xml.and_then(|xml| DomainXml::read(&xml).ok());
        let disks = read.map(|xml| xml.disks).unwrap_or_default();
        disks.into_iter().map(|disk| disk.target).collect()
    }

    /// Every volume, as POOL/VOLUME.
    pub fn volumes(&self) -> Vec<String> {
        let pools = self
            .connection
            .list_all_storage_pools(0)
            .unwrap_or_default();
        let mut volumes = Vec::new();
        for pool in pools {
            let Ok(name) = pool.name() else { continue };
            let listed = pool.list_all_volumes(0).unwrap_or_default();
            let listed = listed.iter().filter_map(|volume| volume.name().ok());
            volumes.extend(listed.map(|volume| format!("{name}/{volume}")));
        }
        volumes
    }
}
