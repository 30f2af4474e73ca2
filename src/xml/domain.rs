//! `<domain>`: everything by which a domain uses this host.

use std::path::PathBuf;

use roxmltree::Node;
use uuid::Uuid;

use super::{
    DiskXml, Element, FileUse, QemuXml, Source, XmlError, attribute, child, child_text, children,
    disk, parse, required_text, text, uses,
};

/// `<os>`, as far as it names files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FirmwareXml {
    pub loader: Option<PathBuf>,
    /// `<nvram>PATH</nvram>`, or the path of its `<source>`. An inactive domain with
    /// `firmware='efi'` that was never started may have an `<nvram>` without a path, or none.
    pub nvram: Option<PathBuf>,
    pub nvram_template: Option<PathBuf>,
    /// The NVRAM is on the network, say: its `<source>` has a type other than file and block. In
    /// words that tell one such place from another.
    pub nvram_elsewhere: Option<String>,
    pub kernel: Option<PathBuf>,
    pub initrd: Option<PathBuf>,
    pub dtb: Option<PathBuf>,
    pub acpi_tables: Vec<PathBuf>,
    /// Of these, the images in a format that may stand on others, and as what they are used.
    pub images: Vec<(&'static str, PathBuf, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TpmBackend {
    Emulator,
    /// The host's own device.
    Passthrough(Option<PathBuf>),
    /// A swtpm that somebody else runs.
    External,
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TpmXml {
    pub backend: TpmBackend,
    /// `1.2` or `2.0`.
    pub version: Option<String>,
    pub persistent_state: bool,
    pub profile: Option<String>,
    /// `<source path>`, libvirt 10.10 and newer: the state is there and not in libvirt's folder.
    pub state: Option<PathBuf>,
    /// `dir` or `file`, beside [`TpmXml::state`].
    pub state_kind: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainXml {
    /// `qemu`, `kvm` …
    pub kind: String,
    pub name: String,
    pub uuid: Uuid,
    pub title: Option<String>,
    pub description: Option<String>,
    pub disks: Vec<DiskXml>,
    pub firmware: FirmwareXml,
    pub tpms: Vec<TpmXml>,
    uses: Vec<FileUse>,
    qemu: QemuXml,
    metadata: Vec<Element>,
}

impl DomainXml {
    /// Reads what `virsh dumpxml` writes.
    ///
    /// # Errors
    /// XML that is none or no domain's, a missing name, UUID or target, a disk device that is not
    /// known.
    pub fn read(xml: &str) -> Result<Self, XmlError> {
        let document = parse(xml, "domain")?;
        let root = document.root_element();
        let uuid = required_text(root, "uuid")?;
        let (uses, qemu) = uses::read(root);
        Ok(Self {
            kind: attribute(root, "type").unwrap_or_default(),
            name: required_text(root, "name")?,
            uuid: Uuid::try_parse(uuid.trim()).map_err(|_| XmlError::Uuid(uuid))?,
            title: child_text(root, "title"),
            description: child_text(root, "description"),
            disks: disks(root)?,
            firmware: firmware(root),
            tpms: devices(root, "tpm").map(tpm).collect(),
            uses,
            qemu,
            metadata: child(root, "metadata")
                .into_iter()
                .flat_map(|metadata| metadata.children().filter(Node::is_element))
                .map(Element::read)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Every host file that the XML names, and as what; see [`FileUse`].
    pub fn uses(&self) -> &[FileUse] {
        &self.uses
    }

    /// What is handed to QEMU behind libvirt's back.
    pub fn qemu(&self) -> &QemuXml {
        &self.qemu
    }

    /// Whether both have the same disks, by target and source, and the same metadata: live and
    /// inactive XML of one domain differ in much else that means nothing.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        let disks = |xml: &Self| -> Vec<_> {
            let disks = xml.disks.iter();
            disks
                .map(|disk| (disk.target.clone(), disk.source.clone()))
                .collect()
        };
        self.metadata == other.metadata && disks(self) == disks(other)
    }

    /// Whether libvirt deletes the state of its TPM when the domain ends without having been
    /// defined: wherever that state is, unless the XML says `persistent_state='yes'` (seen with
    /// 11.3).
    pub fn tpm_ends_with_it(&self) -> bool {
        let ends = |tpm: &TpmXml| tpm.backend == TpmBackend::Emulator && !tpm.persistent_state;
        self.tpms.iter().any(ends)
    }

    /// The domain's metadata in `namespace`: libvirt keeps at most one element of each.
    pub fn metadata_element(&self, namespace: &str) -> Option<&Element> {
        self.metadata
            .iter()
            .find(|element| element.namespace.as_deref() == Some(namespace))
    }
}

/// A `<domain>` inside a snapshot or a checkpoint. Those of very old libvirt have a UUID only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedDomain {
    pub disks: Vec<DiskXml>,
    pub firmware: FirmwareXml,
    uses: Vec<FileUse>,
    qemu: QemuXml,
}

impl EmbeddedDomain {
    pub(super) fn read(root: Node<'_, '_>) -> Result<Self, XmlError> {
        let (uses, qemu) = uses::read(root);
        Ok(Self {
            disks: disks(root)?,
            firmware: firmware(root),
            uses,
            qemu,
        })
    }

    /// Every host file that this state of the domain names.
    pub fn uses(&self) -> &[FileUse] {
        &self.uses
    }

    /// See [`DomainXml::qemu`].
    pub fn qemu(&self) -> &QemuXml {
        &self.qemu
    }
}

fn devices<'a, 'i>(root: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    children(root, "devices").flat_map(move |devices| children(devices, name))
}

fn disks(root: Node<'_, '_>) -> Result<Vec<DiskXml>, XmlError> {
    devices(root, "disk").map(DiskXml::read).collect()
}

fn firmware(root: Node<'_, '_>) -> FirmwareXml {
    let Some(os) = child(root, "os") else {
        return FirmwareXml::default();
    };
    let path = |name| child_text(os, name).map(PathBuf::from);
    let mut firmware = FirmwareXml {
        loader: path("loader"),
        kernel: path("kernel"),
        initrd: path("initrd"),
        dtb: path("dtb"),
        acpi_tables: children(os, "acpi")
            .flat_map(|acpi| children(acpi, "table"))
            .filter_map(text)
            .map(PathBuf::from)
            .collect(),
        ..FirmwareXml::default()
    };
    if let Some(nvram) = child(os, "nvram") {
        firmware.nvram_template = attribute(nvram, "template").map(PathBuf::from);
        match child(nvram, "source") {
            None => {
                firmware.nvram = text(nvram)
                    .filter(|text| !text.trim().is_empty())
                    .map(PathBuf::from);
            }
            Some(source) => match nvram.attribute("type") {
                None | Some("file") => {
                    firmware.nvram = attribute(source, "file").map(PathBuf::from)
                }
                Some("block") => firmware.nvram = attribute(source, "dev").map(PathBuf::from),
                Some(other) => {
                    firmware.nvram_elsewhere = Some(match disk::source(nvram, other) {
                        Source::Network {
                            protocol,
                            name,
                            hosts,
                        } => format!(
                            "{protocol}:{} at {}",
                            name.unwrap_or_default(),
                            hosts.join(", ")
                        ),
                        Source::Volume { pool, volume } => format!("volume {pool}/{volume}"),
                        _ => other.to_owned(),
                    });
                }
            },
        }
    }
    let loader = child(os, "loader");
    let nvram = child(os, "nvram");
    let formats = [
        ("firmware", &firmware.loader, loader, "format"),
        ("NVRAM", &firmware.nvram, nvram, "format"),
        (
            "NVRAM template",
            &firmware.nvram_template,
            nvram,
            "templateFormat",
        ),
    ];
    firmware.images = formats
        .into_iter()
        .filter_map(|(how, path, node, name)| {
            let format = attribute(node?, name)?;
            (format != "raw").then_some((how, path.clone()?, format))
        })
        .collect();
    firmware
}

fn tpm(node: Node<'_, '_>) -> TpmXml {
    let backend = child(node, "backend");
    let inner = |name| backend.and_then(|backend| child(backend, name));
    let kind = backend
        .and_then(|backend| attribute(backend, "type"))
        .unwrap_or_default();
    let is_emulator = kind == "emulator";
    TpmXml {
        backend: match kind.as_str() {
            "emulator" => TpmBackend::Emulator,
            "passthrough" => TpmBackend::Passthrough(
                inner("device")
                    .and_then(|device| attribute(device, "path"))
                    .map(PathBuf::from),
            ),
            "external" => TpmBackend::External,
            _ => TpmBackend::Other(kind),
        },
        version: backend.and_then(|backend| attribute(backend, "version")),
        persistent_state: backend.and_then(|backend| backend.attribute("persistent_state"))
            == Some("yes"),
        profile: inner("profile").and_then(|profile| {
            attribute(profile, "name").or_else(|| attribute(profile, "source"))
        }),
        state: inner("source")
            .filter(|_| is_emulator)
            .and_then(|source| attribute(source, "path"))
            .map(PathBuf::from),
        state_kind: inner("source")
            .filter(|_| is_emulator)
            .and_then(|source| attribute(source, "type")),
    }
}
