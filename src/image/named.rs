//! What a name of QEMU's leads to, as values, and the words of its protocols.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where a name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Absolute, but neither normalised nor resolved.
    File(PathBuf),
    /// No local file: the reference as it is spelled, without passwords.
    Remote(String),
}

/// One file behind a name, and how it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    pub location: Location,
    /// The format that the name itself declares (`json:` and [`FOLDER`] only).
    pub format: Option<String>,
    /// Where in the file the image begins, in bytes: QEMU's raw driver shows a window of a file.
    pub offset: u64,
}

/// A name as far as it is understood: QEMU has names that lead to several files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    pub files: Vec<NamedFile>,
    /// Why these may not be all, or why one of them may not be meant: what completes "it names its
    /// backing file as …,".
    pub doubt: Option<String>,
}

impl Named {
    pub(super) fn doubt(why: impl Into<String>) -> Self {
        Self {
            files: Vec::new(),
            doubt: Some(why.into()),
        }
    }

    pub(super) fn one(location: Location) -> Self {
        Self {
            files: vec![NamedFile {
                location,
                format: None,
                offset: 0,
            }],
            doubt: None,
        }
    }

    pub(super) fn file(path: impl Into<PathBuf>) -> Self {
        Self::one(Location::File(path.into()))
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.files.extend(other.files);
        self.doubt = self.doubt.or(other.doubt);
        self
    }

    /// A folder, whose files QEMU shows as those of a disk.
    pub(super) fn of_folder(mut self) -> Self {
        for file in &mut self.files {
            file.format = Some(FOLDER.to_owned());
        }
        self.doubted("which shows a folder as a disk")
    }

    pub(super) fn doubted(self, why: impl Into<String>) -> Self {
        self.and(Self::doubt(why))
    }
}

/// Protocols behind which there is no file of this host. What is not listed is not understood: to
/// take a protocol that wraps local files for remote would hide a file's user.
const REMOTE: &[&str] = &[
    "ftp", "ftps", "gluster", "http", "https", "iscsi", "iser", "nbd", "nfs", "null-aio",
    "null-co", "nvme", "rbd", "sheepdog", "ssh", "vxhs",
];

/// QEMU's driver for a folder that it shows as a disk; libvirt calls it `fat`. Whatever other
/// driver is given a folder can't open it.
pub const FOLDER: &str = "vvfat";

/// Protocols that are another spelling of a local path.
pub(super) const LOCAL: &[&str] = &["file", "host_cdrom", "host_device"];

/// libvirt starts QEMU there: what a name without a folder means on QEMU's own command line.
pub(super) const START: &str = "/";

pub(super) fn is_remote(protocol: &str) -> bool {
    // gluster+unix, nbd+tcp, sheepdog+tcp: the transport is no protocol of its own.
    let base = protocol.split('+').next().unwrap_or(protocol);
    REMOTE.contains(&base)
}

/// Depends on the folder that QEMU is started in, which nobody knows of an image by itself.
pub(super) fn relative(name: &[u8], folder: &Path) -> Named {
    let name = OsStr::from_bytes(name);
    Named::file(folder.join(name))
        .and(Named::file(Path::new(START).join(name)))
        .doubted("which depends on the folder that QEMU is started in")
}

/// For messages: printable, of bearable length, and without what might be a password. Users and
/// passwords stand before an `@`, options of rbd after the second colon, those of URIs after `?`;
/// a `json:` reference may hold them anywhere.
pub fn without_secrets(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    if text.starts_with("json:") {
        return "json:{…}".into();
    }
    let text = match text.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit('@').next().unwrap_or(authority);
            let path = path.split('?').next().unwrap_or(path);
            format!("{scheme}://{host}{path}")
        }
        None if text.starts_with("rbd:") => {
            text.splitn(3, ':').take(2).collect::<Vec<_>>().join(":")
        }
        None => text.into_owned(),
    };
    let short: String = text.chars().take(256).collect();
    short.escape_debug().to_string()
}
