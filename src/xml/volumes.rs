//! Disks that are named by pool and volume, for a question to libvirt that is not about them: to
//! find the file, libvirt reads it, and its access time would tell of it.

use super::edit::{Edits, applied};
use super::{XmlError, child, children, parse};

/// The domain's XML with a file of no meaning in the place of each volume.
///
/// # Errors
/// It is not XML, or not a domain's.
pub fn without_volumes(xml: &str) -> Result<String, XmlError> {
    let document = parse(xml, "domain")?;
    let mut edits = Edits::new();
    let devices = children(document.root_element(), "devices");
    let disks = devices.flat_map(|devices| children(devices, "disk"));
    for named in disks.flat_map(|disk| disk.descendants()) {
        let kind = named.attribute_node("type");
        let source = child(named, "source");
        let (Some(kind), Some(source)) = (kind, source) else {
            continue;
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
    Ok(applied(xml, edits))
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
        let after = "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>\
            <source file='/dev/null' name='x' index='1'/><target dev='vda'/></disk>\
            <disk type='file'><source file='/y'/><target dev='vdb'/></disk>";
        assert_eq!(without_volumes(&domain(before)).unwrap(), domain(after));
    }
}
