//! Every path that a domain's XML names.
//!
//! Law 5 lives by this list being complete, and libvirt grows new elements with every release. So
//! the walk takes every value that is an absolute path, wherever it stands, and a short list says
//! what is *not* a file of this host. libvirt accepts no relative path for a disk.

use std::path::PathBuf;

use roxmltree::Node;

/// One file a domain names, and as what: `disk vda`, `NVRAM`, `log of serial`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileUse {
    pub how: String,
    pub path: PathBuf,
}

const QEMU: &str = "http://libvirt.org/schemas/domain/qemu/1.0";

/// Elements whose text and attributes are prose, another program's, or paths inside the guest.
const NOT_OURS: [&str; 10] = [
    "metadata",
    "title",
    "description",
    "partition",
    "cmdline",
    "init",
    "initarg",
    "initdir",
    "initenv",
    "target",
];

/// What is written in QEMU's syntax and not in libvirt's, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QemuXml {
    /// `<qemu:arg value>`: the words that are added to the command line.
    pub arguments: Vec<String>,
    /// Every other value: of environment variables, of devices' properties.
    pub values: Vec<String>,
}

pub(super) fn read(domain: Node<'_, '_>) -> (Vec<FileUse>, QemuXml) {
    let mut uses = Vec::new();
    let mut qemu = QemuXml::default();
    // A stack of our own: the document may be nested deeper than a thread's stack is.
    let mut pending = vec![domain];
    while let Some(node) = pending.pop() {
        if node.tag_name().namespace() == Some(QEMU) {
            let into = match node.tag_name().name() {
                "arg" => &mut qemu.arguments,
                _ => &mut qemu.values,
            };
            into.extend(node.attributes().map(|one| one.value().to_owned()));
        } else if NOT_OURS.contains(&node.tag_name().name()) {
            continue;
        } else {
            own_paths(node, &mut uses);
        }
        let first = pending.len();
        pending.extend(node.children().filter(Node::is_element));
        pending[first..].reverse();
    }
    let mut seen = std::collections::HashSet::new();
    uses.retain(|found| seen.insert(found.clone()));
    (uses, qemu)
}

fn own_paths(node: Node<'_, '_>, uses: &mut Vec<FileUse>) {
    let mut push = |how: String, path: &str| {
        uses.push(FileUse {
            how,
            path: PathBuf::from(path),
        });
    };
    for attribute in node.attributes() {
        if attribute.value().starts_with('/') && !is_no_file(node, attribute.name()) {
            push(how(node, Some(attribute.name())), attribute.value());
        }
    }
    if let Some(text) = super::text(node)
        && text.starts_with('/')
    {
        push(how(node, None), &text);
    }
}

/// Sockets and terminals are nobody's storage, and a network's names are paths on another host.
fn is_no_file(node: Node<'_, '_>, attribute: &str) -> bool {
    let is_chardev_source = node.tag_name().name() == "source" && attribute == "path";
    let parent_kind = node.parent().and_then(|parent| parent.attribute("type"));
    attribute == "socket"
        || attribute == "tty"
        || (node.has_attribute("protocol") && matches!(attribute, "name" | "query"))
        || (is_chardev_source
            && (matches!(parent_kind, Some("unix" | "pty" | "vhostuser"))
                || node.attribute("type") == Some("unix")))
}

fn how(node: Node<'_, '_>, attribute: Option<&str>) -> String {
    let tag = node.tag_name().name();
    let ancestors = || node.ancestors().filter(Node::is_element);
    if let Some(disk) = ancestors().find(|above| above.tag_name().name() == "disk") {
        let target = super::child(disk, "target")
            .and_then(|target| target.attribute("dev"))
            .or_else(|| disk.attribute("name"))
            .unwrap_or("?");
        let part = ancestors()
            .map(|above| above.tag_name().name())
            .find_map(|name| match name {
                "backingStore" => Some("backing file of "),
                "dataStore" => Some("data file of "),
                "mirror" => Some("block job target of "),
                _ => None,
            })
            .unwrap_or("");
        return match tag {
            "source" | "mirror" | "disk" => format!("{part}disk {target}"),
            other => format!("{other} of {part}disk {target}"),
        };
    }
    let parent = node
        .parent()
        .filter(Node::is_element)
        .map_or("domain", |parent| parent.tag_name().name());
    match (parent, tag, attribute) {
        ("os", "loader", None) => "firmware".into(),
        ("os", "nvram", None) | ("nvram", "source", _) => "NVRAM".into(),
        ("os", "nvram", Some("template")) => "NVRAM template".into(),
        ("os", other, _) => other.into(),
        ("acpi", "table", _) => "ACPI table".into(),
        ("backend", "source" | "device", _)
            if ancestors().any(|above| above.tag_name().name() == "tpm") =>
        {
            "TPM".into()
        }
        (device, "log", _) => format!("log of {device}"),
        ("filesystem", _, _) => "file system".into(),
        (device, "source" | "backend", _) => device.into(),
        ("devices" | "domain", other, _) => other.into(),
        (outer, inner, _) => format!("{inner} of {outer}"),
    }
}
