//! Failure story: a domain used another's image through an element nobody had thought of, and the
//! image was retired. And: XML is written by people, and read while their disks are at stake.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::model::Device;

// Dumps of libvirt 11.3, as they are.
const INACTIVE: &str = include_str!("samples/inactive.xml");
const LIVE: &str = include_str!("samples/live.xml");
const SNAPSHOT: &str = include_str!("samples/snapshot.xml");
const CHECKPOINT: &str = include_str!("samples/checkpoint.xml");
const POOL: &str = include_str!("samples/pool.xml");
const VOLUME: &str = include_str!("samples/volume.xml");

fn image(name: &str) -> PathBuf {
    Path::new("/var/lib/libvirt/images").join(name)
}

/// A domain with these elements among its devices.
fn with_devices(devices: &str) -> DomainXml {
    with_body(&format!("<devices>{devices}</devices>"))
}

fn with_body(body: &str) -> DomainXml {
    let xml = format!(
        "<domain type='kvm' xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><name>d</name>\
         <uuid>0658204c-1e5b-47aa-8aee-0f3f0d5c0f4e</uuid>{body}</domain>"
    );
    DomainXml::read(&xml).unwrap()
}

fn uses(domain: &DomainXml) -> Vec<(&str, &str)> {
    domain
        .uses()
        .iter()
        .map(|found| (found.how.as_str(), found.path.to_str().unwrap()))
        .collect()
}

#[test]
fn a_real_domain_is_read() {
    let domain = DomainXml::read(INACTIVE).unwrap();
    assert_eq!(
        (domain.name.as_str(), domain.kind.as_str()),
        ("web", "qemu")
    );
    assert_eq!(domain.title.as_deref(), Some("A web server"));
    let [vda, vdb, sda, sdb] = domain.disks.as_slice() else {
        panic!("{:?}", domain.disks);
    };
    assert_eq!(vda.source, Source::File(image("web.qcow2")));
    assert_eq!(vda.format.as_deref(), Some("qcow2"));
    assert!(!vda.readonly && !vda.shareable && vda.backing.is_empty() && !vda.backing_ends);
    let volume = Source::Volume {
        pool: "default".into(),
        volume: "web-data.raw".into(),
    };
    assert_eq!((&vdb.source, vdb.shareable), (&volume, true));
    assert_eq!((sda.device, sda.readonly), (Device::Cdrom, true));
    assert_eq!(sda.startup_policy.as_deref(), Some("optional"));
    assert_eq!(sdb.source, Source::None);
    assert_eq!(
        domain.firmware.nvram.as_deref(),
        Some(Path::new("/var/lib/libvirt/qemu/nvram/web_VARS.fd"))
    );
    assert_eq!(domain.tpms[0].backend, TpmBackend::Emulator);
    assert_eq!(domain.tpms[0].version.as_deref(), Some("2.0"));
    let policy = domain
        .metadata_element("https://virt-retire.org/xmlns/policy/1")
        .unwrap();
    assert_eq!(policy.children[0].attribute("fate"), Some("remove"));
    assert!(policy.raw.starts_with("<p:policy"), "{}", policy.raw);
    assert_eq!(domain.metadata_element("urn:none"), None);
}

#[test]
fn a_live_domain_tells_its_chain() {
    let domain = DomainXml::read(LIVE).unwrap();
    let vda = &domain.disks[0];
    assert_eq!(vda.backing.len(), 1);
    assert_eq!(vda.backing[0].source, Source::File(image("base.qcow2")));
    assert!(vda.backing_ends);
    assert!(uses(&domain).contains(&(
        "backing file of disk vda",
        "/var/lib/libvirt/images/base.qcow2"
    )));
}

#[test]
fn every_file_of_a_real_domain_is_a_use() {
    let domain = DomainXml::read(INACTIVE).unwrap();
    for expected in [
        ("disk vda", "/var/lib/libvirt/images/web.qcow2"),
        ("disk sda", "/var/lib/libvirt/images/seed.iso"),
        ("NVRAM", "/var/lib/libvirt/qemu/nvram/web_VARS.fd"),
        ("serial", "/var/log/libvirt/web-serial.log"),
        ("log of serial", "/var/log/libvirt/web.log"),
        ("rng", "/dev/urandom"),
        ("emulator", "/usr/bin/qemu-system-x86_64"),
    ] {
        assert!(
            uses(&domain).contains(&expected),
            "{expected:?}: {:#?}",
            uses(&domain)
        );
    }
    assert!(uses(&domain).iter().any(|(how, _)| *how == "firmware"));
    // Prose, other programs' metadata, a cgroup.
    for not in ["/not/a/use", "/no", "/machine"] {
        assert!(uses(&domain).iter().all(|(_, path)| *path != not), "{not}");
    }
}

#[test]
fn files_of_rarer_devices_are_uses() {
    let domain = with_devices(
        "<filesystem type='mount'><source dir='/srv/share'/><target dir='/in/guest'/></filesystem>\
         <memory model='nvdimm'><source><path>/srv/nvdimm</path></source></memory>\
         <tpm><backend type='emulator'><source type='dir' path='/srv/tpm'/></backend></tpm>\
         <serial type='unix'><source mode='bind' path='/run/socket'/></serial>\
         <console type='pty' tty='/dev/pts/3'><source path='/dev/pts/3'/></console>\
         <shiny new='/srv/unheard-of'/>\
         <disk type='file'><source file='/srv/a'><dataStore type='file'><format type='raw'/>\
         <source file='/srv/a.data'/></dataStore></source><target dev='vda'/>\
         <mirror type='file' job='copy'><format type='qcow2'/><source \
         file='/srv/copy'/></mirror></disk>\
         <disk type='network'><source protocol='nfs' name='/remote'><host name='h' \
         port='1'/></source>\
         <target dev='vdb'/></disk>",
    );
    assert_eq!(
        uses(&domain),
        [
            ("file system", "/srv/share"),
            ("path of source", "/srv/nvdimm"),
            ("TPM", "/srv/tpm"),
            ("shiny", "/srv/unheard-of"),
            ("disk vda", "/srv/a"),
            ("data file of disk vda", "/srv/a.data"),
            ("block job target of disk vda", "/srv/copy"),
        ]
    );
    assert_eq!(domain.tpms[0].state.as_deref(), Some(Path::new("/srv/tpm")));
    let vda = &domain.disks[0];
    assert_eq!(
        vda.data_store.as_ref().unwrap().source,
        Source::File("/srv/a.data".into())
    );
    assert_eq!(
        vda.mirror.as_ref().unwrap().format.as_deref(),
        Some("qcow2")
    );
    assert_eq!(
        domain.disks[1].source,
        Source::Network {
            protocol: "nfs".into(),
            name: Some("/remote".into()),
            hosts: vec!["h:1".into()],
        }
    );
}

#[test]
fn firmware_is_read_in_all_its_forms() {
    let os = |inner: &str| with_body(&format!("<os>{inner}</os>")).firmware;
    let forms = [
        ("<nvram>/a b </nvram>", Some("/a b ")),
        ("<nvram template='/t'/>", None),
        ("<nvram>\n</nvram>", None),
        ("<nvram type='file'><source file='/a'/></nvram>", Some("/a")),
        (
            "<nvram type='block'><source dev='/dev/a'/></nvram>",
            Some("/dev/a"),
        ),
    ];
    for (xml, nvram) in forms {
        assert_eq!(os(xml).nvram.as_deref(), nvram.map(Path::new), "{xml}");
    }
    let network = os(
        "<nvram type='network'><source protocol='iscsi' name='q'><host name='h' port='1'/></source>\
         </nvram>",
    );
    assert_eq!(network.nvram, None);
    assert_eq!(network.nvram_elsewhere.as_deref(), Some("iscsi:q at h:1"));
    let direct = os("<kernel>/k</kernel><initrd>/i</initrd><dtb>/d</dtb>\
                     <acpi><table type='slic'>/s</table></acpi>");
    assert_eq!(direct.acpi_tables, [PathBuf::from("/s")]);
    assert_eq!(direct.kernel.as_deref(), Some(Path::new("/k")));
}

#[test]
fn what_is_handed_to_qemu_is_kept_in_its_order() {
    let domain = with_body(
        "<q:commandline><q:arg value='-drive'/><q:arg value='file=/a,,b.raw'/>\
         <q:env name='X' value='/e'/></q:commandline>",
    );
    assert_eq!(domain.qemu().arguments, ["-drive", "file=/a,,b.raw"]);
    assert_eq!(domain.qemu().values, ["X", "/e"]);
    assert!(
        domain
            .uses()
            .iter()
            .all(|found| found.how != "QEMU command line")
    );
}

#[test]
fn a_snapshot_a_checkpoint_a_pool_and_a_volume_are_read() {
    let snapshot = SnapshotXml::read(SNAPSHOT).unwrap();
    assert_eq!((snapshot.name.as_str(), snapshot.parent), ("warm", None));
    assert_eq!(snapshot.state.as_deref(), Some("running"));
    assert_eq!(snapshot.memory, SnapshotKind::External);
    assert_eq!(snapshot.memory_file, Some(image("web.mem")));
    assert_eq!(snapshot.disks[0].kind, SnapshotKind::External);
    assert_eq!(snapshot.disks[0].source, Source::File(image("web.warm")));
    assert_eq!(snapshot.disks[1].kind, SnapshotKind::No);
    let before = snapshot.inactive_domain.unwrap();
    assert_eq!(before.disks[0].source, Source::File(image("web.qcow2")));
    assert!(!before.uses().is_empty() && before.firmware.nvram.is_some());

    let checkpoint = CheckpointXml::read(CHECKPOINT).unwrap();
    assert_eq!(
        (checkpoint.name.as_str(), checkpoint.parent),
        ("first", None)
    );

    let pool = PoolXml::read(POOL).unwrap();
    assert_eq!((pool.name.as_str(), pool.kind.as_str()), ("default", "dir"));
    assert_eq!(pool.target, Some("/var/lib/libvirt/images".into()));

    let volume = VolumeXml::read(VOLUME).unwrap();
    assert_eq!(volume.path, image("web.qcow2"));
    assert_eq!(volume.backing, Some(image("base.qcow2")));
    assert_eq!(volume.format.as_deref(), Some("qcow2"));
}

#[test]
fn what_would_be_guessed_is_refused() {
    let bare = "<domain><name>d</name><uuid>0658204c-1e5b-47aa-8aee-0f3f0d5c0f4e</uuid>";
    let device =
        format!("{bare}<devices><disk device='tape'><target dev='st0'/></disk></devices></domain>");
    assert!(matches!(
        DomainXml::read(&device),
        Err(XmlError::Unknown { .. })
    ));
    let target = format!("{bare}<devices><disk/></devices></domain>");
    assert!(matches!(
        DomainXml::read(&target),
        Err(XmlError::Missing(_))
    ));
    assert!(matches!(
        DomainXml::read("<pool/>"),
        Err(XmlError::Root { .. })
    ));
    assert!(matches!(DomainXml::read(""), Err(XmlError::NotXml(_))));
    let entities = format!("<!DOCTYPE domain [<!ENTITY a 'b'>]>{INACTIVE}");
    assert!(matches!(
        DomainXml::read(&entities),
        Err(XmlError::NotXml(_))
    ));
}

#[test]
fn deep_nesting_ends_in_an_error_or_an_answer() {
    let deep = |name: &str| {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let disk = "<disk type='file'><source file='/a'/><target dev='vda'/>";
        [
            &format!("<domain><name>d</name><uuid>{}</uuid>", uuid::Uuid::nil()),
            "<metadata><p xmlns='urn:p'>",
            &if name == "m" {
                open.repeat(20_000)
            } else {
                String::new()
            },
            &if name == "m" {
                close.repeat(20_000)
            } else {
                String::new()
            },
            "</p></metadata><devices>",
            disk,
            &if name == "m" {
                String::new()
            } else {
                open.replace('>', " type='file'>").repeat(20_000) + &close.repeat(20_000)
            },
            "</disk></devices></domain>",
        ]
        .concat()
    };
    assert!(matches!(
        DomainXml::read(&deep("m")),
        Err(XmlError::TooDeep(_))
    ));
    let domain = DomainXml::read(&deep("backingStore")).unwrap();
    assert_eq!(domain.disks[0].backing.len(), 20_000);
}

fn read_with_every_reader(text: &str) {
    let escaped = escape_line_breaks(text);
    for xml in [text, &escaped] {
        let _ = DomainXml::read(xml).map(|domain| domain.uses().len());
        let _ = SnapshotXml::read(xml);
        let _ = CheckpointXml::read(xml);
        let _ = PoolXml::read(xml);
        let _ = VolumeXml::read(xml);
    }
}

/// One edit of a document: a range is replaced by a piece of itself, or by something odd.
type Edit = (prop::sample::Index, usize, prop::sample::Index, String);

fn mutated(sample: &str, edits: Vec<Edit>) -> String {
    let mut bytes = sample.as_bytes().to_vec();
    for (at, width, from, odd) in edits {
        if bytes.is_empty() {
            break;
        }
        let at = at.index(bytes.len());
        let end = (at + width).min(bytes.len());
        let from = from.index(bytes.len());
        let piece = bytes[from..(from + width).min(bytes.len())].to_vec();
        let new = if odd.is_empty() {
            piece
        } else {
            odd.into_bytes()
        };
        bytes.splice(at..end, new);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    #[test]
    fn no_xml_makes_a_reader_panic(
        sample in prop::sample::select(vec![INACTIVE, LIVE, SNAPSHOT, CHECKPOINT, POOL, VOLUME]),
        edits in prop::collection::vec(
            (
                any::<prop::sample::Index>(),
                0..40_usize,
                any::<prop::sample::Index>(),
                prop_oneof![
                    Just(String::new()),
                    "[<>/'\"&;=#x!\\[\\]\\-? \\n\\tä/0-9a-z]{1,6}",
                    Just("&#10;".to_owned()),
                    Just("<backingStore>".to_owned()),
                    Just("/>".to_owned()),
                ],
            ),
            0..12,
        ),
    ) {
        read_with_every_reader(&mutated(sample, edits));
    }

    /// Values are changed and tags are not, so that most of what comes out is XML.
    #[test]
    fn no_value_makes_a_reader_panic(
        sample in prop::sample::select(vec![INACTIVE, LIVE, SNAPSHOT, CHECKPOINT, POOL, VOLUME]),
        old in prop::sample::select(vec!["file", "vda", "disk", "cdrom", "/var", "qcow2", "external", "name"]),
        new in "[^<>&'\"\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]{0,8}",
    ) {
        read_with_every_reader(&sample.replace(old, &new));
    }

    /// Whatever a file is called, the path that is read is the path that was written.
    #[test]
    fn a_path_is_read_as_it_was_written(name in "[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\u{fffe}\\u{ffff}/]{1,20}") {
        let escaped = name
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('\'', "&apos;");
        let xml = format!(
            "<domain><name>d</name><uuid>{}</uuid><devices><disk type='file'>\
             <source file='/srv/{escaped}'/><target dev='vda'/></disk></devices></domain>",
            uuid::Uuid::nil()
        );
        let domain = DomainXml::read(&escape_line_breaks(&xml)).unwrap();
        let path = Path::new("/srv").join(&name);
        prop_assert_eq!(&domain.disks[0].source, &Source::File(path.clone()));
        prop_assert_eq!(&domain.uses()[0].path, &path);
    }
}
