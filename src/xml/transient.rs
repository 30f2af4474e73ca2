//! `<transient/>` disks in the XML of a guest that runs: libvirt dumps the overlay that it deletes
//! at the guest's end as the disk, and the disk as what is below it. Defined like that, the domain
//! would never start again.

use roxmltree::Node;

use super::edit::{Edits, spliced};
use super::{DiskXml, XmlError, child, children, parse};

/// The domain's XML with each such disk as the operator wrote it. Everything else stays byte by
/// byte.
///
/// # Errors
/// [`XmlError`], as [`DomainXml::read`](super::DomainXml::read) has them.
pub fn without_overlays(xml: &str) -> Result<String, XmlError> {
    let document = parse(xml, "domain")?;
    let mut edits = Edits::new();
    let devices = children(document.root_element(), "devices");
    for disk in devices.flat_map(|devices| children(devices, "disk")) {
        if DiskXml::read(disk)?.overlay.is_some() {
            lift(xml, disk, &mut edits);
        }
    }
    Ok(spliced(xml, edits))
}

/// Puts the image below in the disk's place.
fn lift(xml: &str, disk: Node<'_, '_>, edits: &mut Edits) {
    let Some(base) = child(disk, "backingStore") else {
        return;
    };
    let mut value = |node: Option<Node>, name: &str, from: Option<Node>| {
        let old = node.and_then(|node| node.attribute_node(name));
        let new = from.and_then(|from| from.attribute_node("type"));
        if let (Some(old), Some(new)) = (old, new) {
            edits.push((old.range_value(), xml[new.range_value()].to_owned()));
        }
    };
    value(Some(disk), "type", Some(base));
    value(child(disk, "driver"), "type", child(base, "format"));
    let part = |name| child(base, name).map(|node| xml[node.range()].to_owned());
    if let (Some(old), Some(new)) = (child(disk, "source"), part("source")) {
        edits.push((old.range(), new));
    }
    edits.push((base.range(), part("backingStore").unwrap_or_default()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{DomainXml, Source};

    fn domain(disk: &str) -> String {
        format!(
            "<domain type='qemu'><name>web</name><uuid>8ec47aa2-a33c-41c1-bdfc-0356006f9c62</uuid>\
             <devices>{disk}</devices></domain>"
        )
    }

    #[test]
    fn the_disk_takes_its_overlays_place() {
        let dumped = "<disk type='file' device='disk'><driver name='qemu' type='qcow2' \
                      cache='none'/>\
            <source file='/i/a&amp;b.raw.TRANSIENT-web' index='3'/>\
            <backingStore type='block' index='1'><format type='raw'/>\
            <source dev='/i/a&amp;b.raw'><seclabel model='dac' relabel='no'/></source>\
            <backingStore/></backingStore><target dev='vda' bus='virtio'/><transient/></disk>";
        let written = "<disk type='block' device='disk'><driver name='qemu' type='raw' \
                       cache='none'/>\
            <source dev='/i/a&amp;b.raw'><seclabel model='dac' relabel='no'/></source>\
            <backingStore/><target dev='vda' bus='virtio'/><transient/></disk>";
        let lifted = without_overlays(&domain(dumped)).unwrap();
        assert_eq!(lifted, domain(written));
        assert_eq!(without_overlays(&lifted).unwrap(), lifted);
        let disks = |xml: &str| DomainXml::read(xml).unwrap().disks;
        let (mut dumped, lifted) = (disks(&domain(dumped)), disks(&lifted));
        let overlay = dumped[0].overlay.take();
        assert_eq!(overlay.unwrap().to_str(), Some("/i/a&b.raw.TRANSIENT-web"));
        assert_eq!(dumped, lifted);
        assert_eq!(lifted[0].source, Source::Block("/i/a&b.raw".into()));
    }

    #[test]
    fn a_volumes_overlay_is_known_by_its_name() {
        let dumped = "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>\
            <source file='/p/web.qcow2.TRANSIENT-web'/>\
            <backingStore type='volume'><format type='qcow2'/><source pool='p' volume='web.qcow2'/>\
            </backingStore><target dev='vda'/><transient/></disk>";
        let written = "<disk type='volume' device='disk'><driver name='qemu' type='qcow2'/>\
            <source pool='p' volume='web.qcow2'/><target dev='vda'/><transient/></disk>";
        assert_eq!(without_overlays(&domain(dumped)).unwrap(), domain(written));
    }

    #[test]
    fn an_ordinary_overlay_stays_what_it_is() {
        for disk in [
            "<disk><driver type='qcow2'/><source file='/i/a.s1'/><backingStore type='file'>\
             <source file='/i/a'/></backingStore><target dev='vda'/><transient/></disk>",
            "<disk><driver type='qcow2'/><source file='/i/a.TRANSIENT-web'/>\
             <backingStore type='file'><source file='/i/a'/></backingStore><target \
             dev='vda'/></disk>",
        ] {
            let xml = domain(disk);
            assert_eq!(without_overlays(&xml).unwrap(), xml);
        }
    }
}
