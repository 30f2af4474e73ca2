//! Pure readers of libvirt's XML: text in, values out, no I/O.
//!
//! The only importer of `roxmltree`. Sources: libvirt's `formatdomain`, `formatsnapshot`,
//! `formatcheckpoint` and `formatstorage` pages and, where those are silent, dumps of libvirt 11.3.
//! An element that is not known is passed over, except that `uses` also finds paths in elements
//! that no one here has heard of.

mod backup;
mod checkpoint;
mod disk;
mod domain;
mod edit;
mod element;
mod error;
mod escape;
mod identity;
mod paths;
mod policy;
mod pool;
mod snapshot;
#[cfg(test)]
mod tests;
mod transient;
mod untouching;
mod uses;
mod volume;

pub use backup::{BackupDisk, BackupXml};
pub use checkpoint::CheckpointXml;
pub use disk::{DiskXml, LayerXml, Source, overlay_names};
pub use domain::{DomainXml, EmbeddedDomain, FirmwareXml, TpmBackend, TpmXml};
pub use element::Element;
pub use error::XmlError;
pub use escape::escape_line_breaks;
pub use identity::{IdentityChange, change_identity, mac_addresses};
pub use paths::{change_paths, emulators, paths};
pub use policy::{PolicyError, read_policy, read_policy_element, write_policy};
pub use pool::PoolXml;
pub use snapshot::{SnapshotDisk, SnapshotKind, SnapshotXml};
pub use transient::without_overlays;
pub use untouching::{interfaces_need_qemu, untouching};
pub use uses::{FileUse, QemuXml};
pub use volume::VolumeXml;

use roxmltree::{Document, Node};

/// Parses `text` and checks the root's name. A document type declaration is refused by the parser:
/// libvirt writes none, and entities are how small XML becomes large.
fn parse<'t>(text: &'t str, root: &'static str) -> Result<Document<'t>, XmlError> {
    let document = Document::parse(text).map_err(|error| XmlError::NotXml(error.to_string()))?;
    let found = document.root_element().tag_name().name();
    if found != root {
        return Err(XmlError::Root {
            expected: root,
            found: found.to_owned(),
        });
    }
    Ok(document)
}

/// The first child element of that name outside of any namespace, where libvirt's own elements are.
fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    children(node, name).next()
}

fn children<'a, 'i>(node: Node<'a, 'i>, name: &str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| {
        child.is_element()
            && child.tag_name().namespace().is_none()
            && child.tag_name().name() == name
    })
}

/// All text directly inside, whole and untrimmed: a file name may begin or end with a blank. A
/// comment in between splits it into several nodes.
fn text(node: Node<'_, '_>) -> Option<String> {
    let text: String = node
        .children()
        .filter(Node::is_text)
        .filter_map(|child| child.text())
        .collect();
    (!text.is_empty()).then_some(text)
}

fn child_text(node: Node<'_, '_>, name: &str) -> Option<String> {
    child(node, name).and_then(text)
}

/// An attribute that is there and not empty: libvirt treats `file=''` as no file.
fn attribute(node: Node<'_, '_>, name: &str) -> Option<String> {
    node.attribute(name)
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
}

fn required_text(node: Node<'_, '_>, name: &'static str) -> Result<String, XmlError> {
    child_text(node, name).ok_or(XmlError::Missing(name))
}
