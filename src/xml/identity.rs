//! A domain's XML under another identity: name, UUID, MAC addresses, and the NVRAM file that
//! libvirt names after it. Only those places are touched; every other byte stays as libvirt wrote
//! it.

use roxmltree::{Document, Node};

use super::edit::{Edits, applied, inside};
use super::{XmlError, child, children, text};

/// What a domain is called before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityChange {
    pub name: (String, String),
    pub uuid: (String, String),
    /// Of each interface, as the XML spells them.
    pub macs: Vec<(String, String)>,
    /// The NVRAM's path as the XML spells it.
    pub nvram: Option<(String, String)>,
}

/// The XML of a domain, a snapshot or a checkpoint, with every `<domain>` in it changed.
///
/// # Errors
/// [`XmlError::NotXml`].
pub fn change_identity(xml: &str, change: &IdentityChange) -> Result<String, XmlError> {
    let document = Document::parse(xml).map_err(|error| XmlError::NotXml(error.to_string()))?;
    let root = document.root_element();
    let mut edits = Vec::new();
    match root.tag_name().name() {
        "domain" => domain(root, change, &mut edits),
        _ => {
            for name in ["domain", "inactiveDomain"] {
                children(root, name).for_each(|inner| domain(inner, change, &mut edits));
            }
        }
    }
    Ok(applied(xml, edits))
}

/// The distinct MAC addresses of a domain's interfaces, as they are spelled.
///
/// # Errors
/// [`XmlError::NotXml`].
pub fn mac_addresses(xml: &str) -> Result<Vec<String>, XmlError> {
    let document = Document::parse(xml).map_err(|error| XmlError::NotXml(error.to_string()))?;
    let mut found: Vec<String> = Vec::new();
    for mac in macs(document.root_element()) {
        let address = mac.attribute("address").map(str::to_owned);
        found.extend(address.filter(|address| !found.contains(address)));
    }
    Ok(found)
}

fn domain(root: Node<'_, '_>, change: &IdentityChange, edits: &mut Edits) {
    let mut replace = |node: Option<Node>, (old, new): &(String, String)| {
        if let Some(node) = node
            && old != new
            && text(node).is_some_and(|text| text.trim() == old)
            && let Some(range) = inside(node)
        {
            edits.push((range, new.clone()));
        }
    };
    replace(child(root, "name"), &change.name);
    replace(child(root, "uuid"), &change.uuid);
    // libvirt refuses a domain whose SMBIOS says another UUID.
    for entry in children(root, "sysinfo")
        .flat_map(|info| children(info, "system"))
        .flat_map(|system| children(system, "entry"))
        .filter(|entry| entry.attribute("name") == Some("uuid"))
    {
        replace(Some(entry), &change.uuid);
    }
    let nvram = child(root, "os").and_then(|os| child(os, "nvram"));
    if let Some(path) = &change.nvram {
        replace(nvram, path);
        let source = nvram.and_then(|nvram| child(nvram, "source"));
        attribute(source, "file", std::slice::from_ref(path), edits);
    }
    for mac in macs(root) {
        attribute(Some(mac), "address", &change.macs, edits);
    }
}

fn macs<'a, 'i>(domain: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    children(domain, "devices")
        .flat_map(|devices| children(devices, "interface"))
        .flat_map(|interface| children(interface, "mac"))
}

fn attribute(node: Option<Node>, name: &str, changes: &[(String, String)], edits: &mut Edits) {
    let Some(attribute) = node.and_then(|node| node.attribute_node(name)) else {
        return;
    };
    let new = changes.iter().find(|(old, _)| old == attribute.value());
    if let Some((_, new)) = new {
        edits.push((attribute.range_value(), new.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";
    const NEW: &str = "11111111-2222-3333-4444-555555555555";

    fn change() -> IdentityChange {
        let pair = |old: &str, new: &str| (old.to_owned(), new.to_owned());
        IdentityChange {
            name: pair("a&b", "c<d"),
            uuid: pair(OLD, NEW),
            macs: vec![pair("52:54:00:00:00:01", "52:54:00:00:00:02")],
            nvram: Some(pair("/n/a&b_VARS.fd", "/n/c<d_VARS.fd")),
        }
    }

    fn domain(name: &str, uuid: &str, nvram: &str, mac: &str, tag: &str) -> String {
        format!(
            "<{tag} type='kvm'>\n  <name>{name}</name><uuid>{uuid}</uuid>\n\
             <metadata><x:name xmlns:x='urn:x'>a&amp;b</x:name></metadata>\
             <title>a&amp;b</title><os><nvram template='/t'>{nvram}</nvram></os>\
             <sysinfo type='smbios'><system><entry name='uuid'>{uuid}</entry>\
             <entry name='serial'>{OLD}</entry></system></sysinfo>\
             <devices><interface type='network'><mac address='{mac}'/></interface>\
             <interface type='network'><mac address='52:54:00:00:00:09'/></interface></devices>\
             </{tag}>"
        )
    }

    fn old(tag: &str) -> String {
        domain(
            "a&amp;b",
            OLD,
            "/n/a&amp;b_VARS.fd",
            "52:54:00:00:00:01",
            tag,
        )
    }

    fn new(tag: &str) -> String {
        domain("c&lt;d", NEW, "/n/c&lt;d_VARS.fd", "52:54:00:00:00:02", tag)
    }

    #[test]
    fn what_names_the_domain_changes_and_nothing_else() {
        let changed = change_identity(&old("domain"), &change()).unwrap();
        assert_eq!(changed, new("domain"));
    }

    #[test]
    fn domains_inside_snapshots_change_and_the_snapshots_name_does_not() {
        let whole = |one: String, other: String| {
            format!("<domainsnapshot><name>a&amp;b</name>{one}{other}</domainsnapshot>")
        };
        let before = whole(old("domain"), old("inactiveDomain"));
        let changed = change_identity(&before, &change()).unwrap();
        assert_eq!(changed, whole(new("domain"), new("inactiveDomain")));
    }

    #[test]
    fn every_address_is_found_once() {
        let macs = mac_addresses(&old("domain")).unwrap();
        assert_eq!(macs, ["52:54:00:00:00:01", "52:54:00:00:00:09"]);
    }
}
