//! A domain's XML for a question to libvirt, without what libvirt would touch on the host to
//! answer.
//!
//! Seen with 11.3, in what `virConnectDomainXMLToNative` does: it reads the file of a volume that
//! is named by pool and volume, whose access time would tell of it; and whatever an interface is,
//! it makes a tap device for it and removes that again, which the host's network tools see, and
//! which takes 25 ms.

use roxmltree::Node;

use super::edit::{Edits, applied};
use super::{XmlError, child, children, parse};

/// What an interface may have without that libvirt asks its QEMU for something when the domain is
/// defined.
const PLAIN: [&str; 13] = [
    "address",
    "alias",
    "bandwidth",
    "boot",
    "filterref",
    "guest",
    "link",
    "mac",
    "model",
    "mtu",
    "source",
    "target",
    "virtualport",
];

/// The domain's XML with a file of no meaning in the place of each volume, and without its
/// interfaces.
///
/// # Errors
/// It is not XML, or not a domain's.
pub fn untouching(xml: &str) -> Result<String, XmlError> {
    let document = parse(xml, "domain")?;
    let mut edits = Edits::new();
    let devices = children(document.root_element(), "devices");
    for device in devices.flat_map(|devices| devices.children()) {
        match device.tag_name().name() {
            "interface" => edits.push((device.range(), String::new())),
            "disk" => device
                .descendants()
                .for_each(|named| file_for_volume(named, &mut edits)),
            _ => {}
        }
    }
    Ok(applied(xml, edits))
}

fn file_for_volume(named: Node<'_, '_>, edits: &mut Edits) {
    let kind = named.attribute_node("type");
    let source = child(named, "source");
    let (Some(kind), Some(source)) = (kind, source) else {
        return;
    };
    let pool = source.attribute_node("pool");
    let volume = source.attribute_node("volume");
    if let ("volume", Some(pool), Some(volume)) = (kind.value(), pool, volume) {
        edits.push((kind.range_value(), "file".into()));
        // `file='/dev/null'` is read; what else stands there is not.
        edits.push((pool.range_qname(), "file".into()));
        edits.push((pool.range_value(), "/dev/null".into()));
        edits.push((volume.range_qname(), "name".into()));
    }
}

/// Whether an interface has what one QEMU has and another has not (a driver's queues, a backend, a
/// partner for migration), so that a define may fail for it.
///
/// # Errors
/// It is not XML, or not a domain's.
pub fn interfaces_need_qemu(xml: &str) -> Result<bool, XmlError> {
    let document = parse(xml, "domain")?;
    let devices = children(document.root_element(), "devices");
    Ok(devices
        .flat_map(|devices| children(devices, "interface"))
        .any(|interface| {
            matches!(
                interface.attribute("type"),
                Some("vdpa" | "vhostuser" | "hostdev")
            ) || interface
                .children()
                .filter(Node::is_element)
                .any(|part| !PLAIN.contains(&part.tag_name().name()))
        }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_a_file_afterwards_and_the_rest_is_as_it_was() {
        let domain = |disk: &str| {
            format!("<domain type='qemu'><name>web</name><devices>{disk}</devices></domain>")
        };
        let before = "<disk type='volume' device='disk'><driver name='qemu' type='qcow2'/>\
            <source pool='a&amp;b' volume='x' index='1'/><target dev='vda'/></disk>\
            <disk type='file'><source file='/y'/><target dev='vdb'/></disk>";
        let before = format!("{before}<interface type='user'><mac address='x'/></interface>");
        let after = "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>\
            <source file='/dev/null' name='x' index='1'/><target dev='vda'/></disk>\
            <disk type='file'><source file='/y'/><target dev='vdb'/></disk>";
        assert_eq!(untouching(&domain(&before)).unwrap(), domain(after));
    }

    #[test]
    fn an_interface_that_a_define_may_fail_for_is_told_from_a_plain_one() {
        let needs = |kind: &str, part: &str| {
            let nic = format!("<interface type='{kind}'><mac address='x'/>{part}</interface>");
            let xml = format!("<domain><devices>{nic}</devices></domain>");
            interfaces_need_qemu(&xml).unwrap()
        };
        assert!(!needs(
            "network",
            "<source network='n'/><model type='virtio'/>"
        ));
        assert!(needs("network", "<driver queues='4'/>"));
        assert!(needs("user", "<backend type='passt'/>"));
        assert!(needs("vdpa", ""));
    }
}
