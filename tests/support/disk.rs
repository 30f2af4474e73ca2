//! Disks of a test's guest: where they come from, and content one can tell apart.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, XattrFlags};

use super::host::PrivateHost;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Home {
    /// A volume of the pool `default`, named by its path.
    Pool,
    /// The same, named by pool and volume: `<disk type='volume'>`.
    Volume,
    /// A file that no pool owns.
    Unmanaged,
}

#[derive(Debug, Clone)]
pub struct Disk {
    home: Home,
    name: String,
    format: String,
    device: String,
    elements: String,
    mebibytes: u64,
    base: Option<(String, String)>,
    existing: bool,
    target: Option<String>,
}

impl Disk {
    /// A volume of the pool `default`, which the domain names by its path.
    pub fn pool(name: &str) -> Self {
        Disk {
            home: Home::Pool,
            name: name.into(),
            format: if name.ends_with(".qcow2") {
                "qcow2"
            } else {
                "raw"
            }
            .into(),
            device: "disk".into(),
            elements: String::new(),
            mebibytes: 8,
            base: None,
            existing: false,
            target: None,
        }
    }

    /// A volume of the pool `default`, which the domain names by pool and volume.
    pub fn volume(name: &str) -> Self {
        Disk {
            home: Home::Volume,
            ..Disk::pool(name)
        }
    }

    /// A file outside of any pool: a name in the host's `images`, or an absolute path.
    pub fn unmanaged(name: &str) -> Self {
        Disk {
            home: Home::Unmanaged,
            ..Disk::pool(name)
        }
    }

    /// Its format, where the name does not say it (.qcow2 is qcow2, all else raw).
    pub fn format(mut self, format: &str) -> Self {
        self.format = format.into();
        self
    }

    pub fn size_mib(mut self, mebibytes: u64) -> Self {
        self.mebibytes = mebibytes;
        self
    }

    pub fn readonly(mut self) -> Self {
        self.elements.push_str("<readonly/>");
        self
    }

    pub fn shareable(mut self) -> Self {
        self.elements.push_str("<shareable/>");
        self
    }

    pub fn cdrom(mut self) -> Self {
        self.device = "cdrom".into();
        self.readonly()
    }

    pub fn floppy(mut self) -> Self {
        self.device = "floppy".into();
        self
    }

    /// Makes it a qcow2 overlay on the image at `path`, which must exist.
    pub fn on_base(mut self, path: &str, format: &str) -> Self {
        self.format = "qcow2".into();
        self.base = Some((path.into(), format.into()));
        self
    }

    /// The file is there already: the domain only names it.
    pub fn existing(mut self) -> Self {
        self.existing = true;
        self
    }

    pub fn target(mut self, target: &str) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Its path inside the host.
    pub fn path(&self, host: &PrivateHost) -> String {
        match self.home {
            _ if self.name.starts_with('/') => self.name.clone(),
            Home::Unmanaged => format!("{}/{}", host.images, self.name),
            Home::Pool | Home::Volume => format!("{}/{}", host.pool, self.name),
        }
    }

    /// Creates it with content and odd attributes, unless it exists.
    pub(super) fn create(&self, host: &PrivateHost) {
        if self.existing {
            return;
        }
        let path = self.path(host);
        let capacity = format!("{}M", self.mebibytes);
        if self.home != Home::Unmanaged {
            let mut words = vec!["vol-create-as", "default", &self.name, &capacity];
            words.extend(["--format", &self.format]);
            // A raw volume is fully allocated unless told otherwise, and then has no holes to lose.
            words.extend(["--allocation", "0"]);
            if let Some((base, format)) = &self.base {
                words.extend(["--backing-vol", base, "--backing-vol-format", format]);
            }
            host.virsh(&words);
        } else {
            let mut words = vec!["qemu-img", "create", "-q", "-f", &self.format];
            if let Some((base, format)) = &self.base {
                words.extend(["-b", base, "-F", format]);
            }
            words.extend([path.as_str(), capacity.as_str()]);
            host.run(&words).expect(0);
        }
        fill(host, &path, &self.format, self.mebibytes);
        dress(host, &path);
    }

    /// `buses` are the guest's for a CD-ROM; `index` is its number among disks of its kind.
    pub(super) fn xml(&self, host: &PrivateHost, cdrom_bus: &str, index: u8) -> (String, String) {
        let letter = char::from(b'a' + index);
        let (prefix, bus) = match (self.device.as_str(), cdrom_bus) {
            ("cdrom", "ide") => ("hd", "ide"),
            ("cdrom", bus) => ("sd", bus),
            ("floppy", _) => ("fd", "fdc"),
            _ => ("vd", "virtio"),
        };
        let target = self
            .target
            .clone()
            .unwrap_or_else(|| format!("{prefix}{letter}"));
        let (kind, source) = match self.home {
            Home::Volume => (
                "volume",
                format!("<source pool='default' volume='{}'/>", escaped(&self.name)),
            ),
            _ => (
                "file",
                format!("<source file='{}'/>", escaped(&self.path(host))),
            ),
        };
        let Disk {
            device,
            format,
            elements,
            ..
        } = self;
        let xml = format!(
            "<disk type='{kind}' device='{device}'><driver name='qemu' type='{format}'/>{source}\
             <target dev='{target}' bus='{bus}'/>{elements}</disk>"
        );
        (target, xml)
    }

    pub(super) fn kind(&self) -> &str {
        &self.device
    }
}

/// Writes content that differs from disk to disk, with holes between.
fn fill(host: &PrivateHost, path: &str, format: &str, mebibytes: u64) {
    let seed = blake3::hash(path.as_bytes());
    let last = (mebibytes << 20) - 4096;
    if format == "raw" {
        let mut random = vec![0; 70_000];
        blake3::Hasher::new_keyed(seed.as_bytes())
            .finalize_xof()
            .fill(&mut random);
        let mut file = fs::File::options()
            .write(true)
            .open(host.path(path))
            .unwrap();
        for (offset, bytes) in [
            (0, &random[..]),
            (last / 2, &random[..5000]),
            (last, &random[..4096]),
        ] {
            file.seek(SeekFrom::Start(offset)).unwrap();
            file.write_all(bytes).unwrap();
        }
        file.sync_all().unwrap();
    } else {
        let [one, two, ..] = seed.as_bytes();
        let writes = [
            format!("write -q -P {one} 0 70k"),
            format!("write -q -P {two} {last} 4k"),
        ];
        host.run(&[
            "qemu-io", "-f", format, "-c", &writes[0], "-c", &writes[1], path,
        ])
        .expect(0);
    }
}

/// Gives a file attributes that a careless copy loses: mode, owner, times to the nanosecond and
/// xattrs.
///
/// Its access time is a day ahead: with `relatime` the kernel then leaves it alone whoever reads
/// the file (libvirt reads image headers all the time), and a test sees whether virt-retire keeps
/// it.
pub fn dress(host: &PrivateHost, path: &str) {
    let file = host.path(path);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::chown(&file, Some(1207), Some(1208)).unwrap();
    rustix::fs::setxattr(&file, "user.origin", path.as_bytes(), XattrFlags::empty()).unwrap();
    rustix::fs::setxattr(&file, "trusted.origin", b"\0\xff", XattrFlags::empty()).unwrap();
    let tomorrow = now() + 86_400;
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: tomorrow,
            tv_nsec: 123_456_789,
        },
        last_modification: Timespec {
            tv_sec: 987_654_321,
            tv_nsec: 987_654_321,
        },
    };
    rustix::fs::utimensat(CWD, &file, &times, AtFlags::empty()).unwrap();
}

fn now() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    since.as_secs().try_into().unwrap()
}

/// For an attribute in single quotes. A newline would become a blank.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' | '<' | '\'' | '\n' | '\t' => escaped.push_str(&format!("&#{};", character as u32)),
            plain => escaped.push(plain),
        }
    }
    escaped
}
