//! `<disk>`: what a guest's drive is made of.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use roxmltree::Node;

use super::{XmlError, attribute, child};
use crate::model::Device;

/// `<source>`, as far as it says where the bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An empty drive.
    None,
    File(PathBuf),
    Block(PathBuf),
    /// A folder shown to the guest as a FAT disk.
    Dir(PathBuf),
    Volume {
        pool: String,
        volume: String,
    },
    Network {
        protocol: String,
        name: Option<String>,
        /// `HOST`, `HOST:PORT` or a socket's path.
        hosts: Vec<String>,
    },
    /// vhostuser, vhostvdpa, nvme and whatever libvirt learns next, in words.
    Other(String),
}

impl Source {
    /// The path on this host, where it has one of its own.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Source::File(path) | Source::Block(path) | Source::Dir(path) => Some(path),
            Source::None | Source::Volume { .. } | Source::Network { .. } | Source::Other(_) => {
                None
            }
        }
    }
}

/// One image that the XML itself names below, beside or instead of a disk's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerXml {
    /// `file`, `block` …
    pub kind: String,
    pub source: Source,
    pub format: Option<String>,
    /// See [`DiskXml::offset`].
    pub offset: u64,
    pub data_store: Option<Source>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskXml {
    /// `vda`: unique within a domain.
    pub target: String,
    pub device: Device,
    /// `type`: file, block, dir, network, volume, nvme, vhostuser, vhostvdpa.
    pub kind: String,
    pub source: Source,
    /// `<driver type>`. libvirt takes a disk without one for raw.
    pub format: Option<String>,
    /// Where in the source the image begins, in bytes: `<slices>` show a window of it.
    pub offset: u64,
    pub readonly: bool,
    pub shareable: bool,
    pub transient: bool,
    /// What the guest writes to while it runs, in place of a `<transient/>` disk. libvirt made it
    /// and deletes it at the guest's end: everything else here is of the disk itself, which is the
    /// first `<backingStore>` of what libvirt dumps.
    pub overlay: Option<PathBuf>,
    /// `optional`, `requisite`, `mandatory`: whether a guest starts without the medium.
    pub startup_policy: Option<String>,
    /// From the image below the disk's own downwards. A live domain's XML always has it; an
    /// inactive one's only where the administrator wrote it.
    pub backing: Vec<LayerXml>,
    /// The chain ends with an empty `<backingStore/>`: there is nothing below, whatever the last
    /// image's header says.
    pub backing_ends: bool,
    /// `<dataStore>`, libvirt 10.10 and newer: the qcow2 image's external data file.
    pub data_store: Option<LayerXml>,
    /// The other end of a running block job (copy, active commit).
    pub mirror: Option<LayerXml>,
}

impl DiskXml {
    pub(super) fn read(node: Node<'_, '_>) -> Result<Self, XmlError> {
        let kind = kind(node);
        let device = match node.attribute("device") {
            None | Some("disk") => Device::Disk,
            Some("lun") => Device::Lun,
            Some("cdrom") => Device::Cdrom,
            Some("floppy") => Device::Floppy,
            Some(other) => {
                return Err(XmlError::Unknown {
                    what: "the disk device",
                    word: other.to_owned(),
                });
            }
        };
        let (backing, backing_ends) = backing(node);
        let disk = Self {
            target: child(node, "target")
                .and_then(|target| attribute(target, "dev"))
                .ok_or(XmlError::Missing("a disk's <target dev>"))?,
            device,
            source: source(node, &kind),
            format: format(node),
            offset: offset(node),
            readonly: child(node, "readonly").is_some(),
            shareable: child(node, "shareable").is_some(),
            transient: child(node, "transient").is_some(),
            overlay: None,
            startup_policy: child(node, "source")
                .and_then(|source| attribute(source, "startupPolicy")),
            backing,
            backing_ends,
            data_store: data_store(node).map(layer),
            mirror: child(node, "mirror").map(mirror),
            kind,
        };
        Ok(disk.at_rest())
    }

    /// The disk as it is when no guest runs on it.
    fn at_rest(mut self) -> Self {
        let overlay = match (&self.source, self.backing.first()) {
            (Source::File(top), Some(base)) if self.transient => {
                is_overlay(top, &base.source).then(|| top.clone())
            }
            _ => None,
        };
        if overlay.is_some() {
            let base = self.backing.remove(0);
            self.kind = base.kind;
            self.source = base.source;
            self.format = base.format;
            self.offset = base.offset;
            self.data_store = base.data_store.map(|source| LayerXml {
                kind: "file".to_owned(),
                source,
                format: Some("raw".to_owned()),
                offset: 0,
                data_store: None,
            });
            self.overlay = overlay;
        }
        self
    }
}

/// What libvirt calls the overlay of a `<transient/>` disk: `DISK.TRANSIENT-DOMAIN` (seen with
/// 11.3), and before 8.0 `DISK.TRANSIENT`.
const OVERLAY: &str = ".TRANSIENT";

/// The names that an overlay of this disk may have.
pub fn overlay_names(disk: &Path, domain: &str) -> [PathBuf; 2] {
    let with = |end: &str| {
        let mut name = disk.as_os_str().to_owned();
        name.push(OVERLAY);
        name.push(end);
        PathBuf::from(name)
    };
    [with(&format!("-{domain}")), with("")]
}

fn is_overlay(top: &Path, base: &Source) -> bool {
    let top = top.as_os_str().as_bytes();
    let is_end = |rest: &[u8]| rest.is_empty() || rest.starts_with(b"-");
    match base.path() {
        Some(base) => top
            .strip_prefix(base.as_os_str().as_bytes())
            .and_then(|rest| rest.strip_prefix(OVERLAY.as_bytes()))
            .is_some_and(is_end),
        // Of a volume the XML does not say the path.
        None => Path::new(OsStr::from_bytes(top))
            .file_name()
            .is_some_and(|name| name.to_string_lossy().contains(".TRANSIENT-")),
    }
}

pub(super) fn format(node: Node<'_, '_>) -> Option<String> {
    child(node, "driver").and_then(|driver| attribute(driver, "type"))
}

fn offset(node: Node<'_, '_>) -> u64 {
    child(node, "source")
        .and_then(|source| child(source, "slices"))
        .into_iter()
        .flat_map(|slices| super::children(slices, "slice"))
        // libvirt knows no other kind, and no more than one of it.
        .find(|slice| slice.attribute("type") == Some("storage"))
        .and_then(|slice| slice.attribute("offset")?.parse().ok())
        .unwrap_or(0)
}

pub(super) fn kind(node: Node<'_, '_>) -> String {
    attribute(node, "type").unwrap_or_else(|| "file".to_owned())
}

/// Reads the `<source>` inside `node`, whose `type` is `kind`.
pub(super) fn source(node: Node<'_, '_>, kind: &str) -> Source {
    child(node, "source").map_or(Source::None, |source| source_of(source, kind))
}

/// The same of an element that is a source under another name.
pub(super) fn source_of(source: Node<'_, '_>, kind: &str) -> Source {
    let path = |name| attribute(source, name).map(PathBuf::from);
    match kind {
        "file" => path("file").map_or(Source::None, Source::File),
        "block" => path("dev").map_or(Source::None, Source::Block),
        "dir" => path("dir").map_or(Source::None, Source::Dir),
        "volume" => match (attribute(source, "pool"), attribute(source, "volume")) {
            (Some(pool), Some(volume)) => Source::Volume { pool, volume },
            _ => Source::None,
        },
        "network" => Source::Network {
            protocol: attribute(source, "protocol").unwrap_or_default(),
            name: attribute(source, "name"),
            hosts: super::children(source, "host").map(host).collect(),
        },
        other => {
            let mut words = vec![other.to_owned()];
            words.extend(
                source
                    .attributes()
                    .map(|attribute| format!("{}={}", attribute.name(), attribute.value())),
            );
            Source::Other(words.join(" "))
        }
    }
}

fn host(node: Node<'_, '_>) -> String {
    match (
        attribute(node, "name"),
        attribute(node, "port"),
        attribute(node, "socket"),
    ) {
        (Some(name), Some(port), _) => format!("{name}:{port}"),
        (Some(name), None, _) => name,
        (None, _, socket) => socket.unwrap_or_default(),
    }
}

/// `<dataStore>` is a child of `<source>`.
fn data_store<'a, 'i>(node: Node<'a, 'i>) -> Option<Node<'a, 'i>> {
    child(node, "source").and_then(|source| child(source, "dataStore"))
}

fn layer(node: Node<'_, '_>) -> LayerXml {
    let kind = kind(node);
    LayerXml {
        source: source(node, &kind),
        format: child(node, "format").and_then(|format| attribute(format, "type")),
        offset: offset(node),
        data_store: data_store(node).map(|store| source(store, &self::kind(store))),
        kind,
    }
}

/// Before libvirt 1.2.1 a mirror had its file and format as attributes; they are still written.
fn mirror(node: Node<'_, '_>) -> LayerXml {
    let mut mirror = layer(node);
    if mirror.source == Source::None
        && let Some(file) = attribute(node, "file")
    {
        mirror.source = Source::File(file.into());
        mirror.format = mirror.format.or_else(|| attribute(node, "format"));
    }
    mirror
}

/// A loop and no recursion: the nesting is as deep as the document's author likes.
fn backing(disk: Node<'_, '_>) -> (Vec<LayerXml>, bool) {
    let mut layers = Vec::new();
    let mut above = disk;
    while let Some(store) = child(above, "backingStore") {
        // libvirt's own test for the end of a chain: no type and no source.
        if store.attribute("type").is_none() && child(store, "source").is_none() {
            return (layers, true);
        }
        layers.push(layer(store));
        above = store;
    }
    (layers, false)
}
