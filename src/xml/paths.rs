//! The files that a domain's XML names, under other paths.

use roxmltree::{Document, Node};

use super::edit::{Edits, applied, inside};
use super::{XmlError, text};

/// Elements that are prose, another program's, or paths inside the guest.
const NOT_OURS: [&str; 8] = [
    "metadata",
    "title",
    "description",
    "name",
    "cmdline",
    "init",
    "initdir",
    "target",
];

/// Every absolute path that the XML of a domain, a snapshot or a checkpoint names, each once.
///
/// # Errors
/// [`XmlError::NotXml`].
pub fn paths(xml: &str) -> Result<Vec<String>, XmlError> {
    let mut found: Vec<String> = Vec::new();
    change_paths(xml, |path| {
        if !found.iter().any(|known| known == path) {
            found.push(path.to_owned());
        }
        None
    })?;
    Ok(found)
}

/// The emulators that the domains in an XML name, each once.
///
/// # Errors
/// [`XmlError::NotXml`].
pub fn emulators(xml: &str) -> Result<Vec<String>, XmlError> {
    let document = Document::parse(xml).map_err(|error| XmlError::NotXml(error.to_string()))?;
    let mut found: Vec<String> = Vec::new();
    let is_emulator = |node: &Node| {
        node.tag_name().name() == "emulator"
            && node.tag_name().namespace().is_none()
            && node
                .parent()
                .is_some_and(|parent| parent.tag_name().name() == "devices")
    };
    for emulator in document.descendants().filter(is_emulator).filter_map(text) {
        if !found.contains(&emulator) {
            found.push(emulator);
        }
    }
    Ok(found)
}

/// The XML with each path for which `other` knows another one changed. Metadata is other programs',
/// and stays as it is.
///
/// # Errors
/// [`XmlError::NotXml`].
pub fn change_paths(
    xml: &str,
    mut other: impl FnMut(&str) -> Option<String>,
) -> Result<String, XmlError> {
    let document = Document::parse(xml).map_err(|error| XmlError::NotXml(error.to_string()))?;
    let mut edits = Edits::new();
    below(document.root_element(), &mut other, &mut edits);
    Ok(applied(xml, edits))
}

fn below(node: Node<'_, '_>, other: &mut impl FnMut(&str) -> Option<String>, edits: &mut Edits) {
    // Not by recursion: XML that an operator gives may be as deep as he likes.
    let mut waiting = vec![node];
    while let Some(node) = waiting.pop() {
        for attribute in node.attributes() {
            if attribute.namespace().is_none()
                && attribute.value().starts_with('/')
                && let Some(new) = other(attribute.value())
            {
                edits.push((attribute.range_value(), new));
            }
        }
        if !node.children().any(|child| child.is_element())
            && let Some(old) = text(node)
            && old.starts_with('/')
            && let Some(range) = inside(node)
            && let Some(new) = other(&old)
        {
            edits.push((range, new));
        }
        waiting.extend(node.children().filter(|child| {
            child.is_element()
                && child.tag_name().namespace().is_none()
                && !NOT_OURS.contains(&child.tag_name().name())
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = "<domain><metadata><x:a xmlns:x='urn:x' file='/old/a'/></metadata>\
        <os><nvram template='/t'>/old/n&amp;m</nvram><loader>/fw</loader></os>\
        <devices><disk><source file='/old/a &quot;b&quot;'/><target dev='vda'/>\
        <backingStore><source dev=\"/old/c\"/></backingStore></disk></devices></domain>";

    #[test]
    fn paths_are_found_wherever_libvirt_writes_them() {
        let mut found = paths(XML).unwrap();
        found.sort();
        assert_eq!(found, ["/fw", "/old/a \"b\"", "/old/c", "/old/n&m", "/t"]);
    }

    #[test]
    fn what_is_mapped_changes_and_nothing_else() {
        let changed = change_paths(XML, |path| {
            path.strip_prefix("/old/")
                .map(|rest| format!("/n'ew/{rest}"))
        })
        .unwrap();
        let expected = XML
            .replace("/old/n&amp;m", "/n&apos;ew/n&amp;m")
            .replace("/old/a &quot;b&quot;", "/n&apos;ew/a &quot;b&quot;")
            .replace("/old/c", "/n&apos;ew/c");
        assert_eq!(changed, expected);
    }

    #[test]
    fn a_snapshots_own_files_are_found_too() {
        let xml = "<domainsnapshot><memory file='/m'/><disks><disk><source file='/o'/></disk>\
                   </disks><domain><os/></domain></domainsnapshot>";
        assert_eq!(paths(xml).unwrap().len(), 2);
    }
}
