//! What a backing or data file's name in a header means, by QEMU's rules (`path_has_protocol`,
//! `bdrv_get_full_backing_filename`, each driver's `bdrv_parse_filename`), and by libvirt's where
//! libvirt decides for QEMU.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::options::Options;

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

/// QEMU's driver for a folder that it shows as a disk; libvirt calls it `fat`. Whatever other driver
/// is given a folder can't open it.
pub const FOLDER: &str = "vvfat";

/// Protocols that are another spelling of a local path.
pub(super) const LOCAL: &[&str] = &["file", "host_cdrom", "host_device"];

/// libvirt starts QEMU there: what a name without a folder means on QEMU's own command line.
pub(super) const START: &str = "/";

/// More protocols than anyone stacks.
const DEEPEST: usize = 8;

pub(super) fn is_remote(protocol: &str) -> bool {
    // gluster+unix, nbd+tcp, sheepdog+tcp: the transport is no protocol of its own.
    let base = protocol.split('+').next().unwrap_or(protocol);
    REMOTE.contains(&base)
}

/// Understands `name`, which the header of an image in `folder` gives.
///
/// `folder` is that of the image as it is *spelled*: neither QEMU nor libvirt looks through a
/// symlink to find out what a relative name is relative to (checked with qemu-img 10.0.2).
pub fn locate(name: &[u8], folder: &Path) -> Named {
    locate_below(name, folder, DEEPEST)
}

pub(super) fn locate_below(name: &[u8], folder: &Path, depth: usize) -> Named {
    let Some(depth) = depth.checked_sub(1) else {
        return Named::doubt("which has too many layers");
    };
    if name.is_empty() {
        return Named::doubt("which is empty");
    }
    if let Some(text) = name.strip_prefix(b"json:") {
        return match Options::from_json(text) {
            Ok(options) => options.node(),
            Err(why) => Named::doubt(format!("which is {why}")),
        };
    }
    let Some(protocol) = protocol(name) else {
        return Named::file(folder.join(OsStr::from_bytes(name)));
    };
    let rest = &name[protocol.len() + 1..];
    if LOCAL.contains(&protocol) {
        return match rest.starts_with(b"/") {
            true => Named::file(OsStr::from_bytes(rest)),
            false => relative(rest, folder),
        };
    }
    if is_remote(protocol) {
        return Named::one(Location::Remote(without_secrets(name)));
    }
    match protocol {
        "fat" => fat(rest, folder),
        // blkdebug:CONFIG:IMAGE and blkverify:RAW:IMAGE, where the first is a plain path.
        "blkdebug" | "blkverify" => two(rest, folder, depth),
        _ => Named::doubt("whose protocol is not known"),
    }
}

/// Depends on the folder that QEMU is started in, which nobody knows of an image by itself.
pub(super) fn relative(name: &[u8], folder: &Path) -> Named {
    let name = OsStr::from_bytes(name);
    Named::file(folder.join(name))
        .and(Named::file(Path::new(START).join(name)))
        .doubted("which depends on the folder that QEMU is started in")
}

/// `fat:[12:|16:|32:][floppy:][rw:]FOLDER` (`vvfat_parse_filename`).
fn fat(rest: &[u8], folder: &Path) -> Named {
    // The folder is what comes after the last colon.
    let path = rest.rsplit(|byte| *byte == b':').next().unwrap_or(rest);
    let named = match path.starts_with(b"/") {
        true => Named::file(OsStr::from_bytes(path)),
        false => relative(path, folder),
    };
    named.of_folder()
}

fn two(rest: &[u8], folder: &Path, depth: usize) -> Named {
    let Some(colon) = rest.iter().position(|byte| *byte == b':') else {
        return Named::doubt("which names no image");
    };
    let (first, image) = (&rest[..colon], &rest[colon + 1..]);
    let image = match image.starts_with(b"/") || protocol(image).is_some() {
        true => locate_below(image, folder, depth),
        false => relative(image, folder),
    };
    match first {
        b"" => image,
        _ if first.starts_with(b"/") => image.and(Named::file(OsStr::from_bytes(first))),
        _ => image.and(relative(first, folder)),
    }
}

/// QEMU's `path_has_protocol`: a colon before any slash. A protocol that is no text is not known
/// anyway, and reads as an empty one.
fn protocol(name: &[u8]) -> Option<&str> {
    let end = name.iter().position(|byte| matches!(byte, b':' | b'/'))?;
    (name[end] == b':').then(|| std::str::from_utf8(&name[..end]).unwrap_or(""))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    fn files(named: &Named) -> Vec<&Path> {
        let paths = named.files.iter().filter_map(|file| match &file.location {
            Location::File(path) => Some(path.as_path()),
            Location::Remote(_) => None,
        });
        paths.collect()
    }

    fn file(name: &[u8]) -> PathBuf {
        let named = locate(name, Path::new("/pool"));
        match (&named.files[..], &named.doubt) {
            (
                [
                    NamedFile {
                        location: Location::File(path),
                        ..
                    },
                ],
                None,
            ) => path.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn remote(name: &str) -> String {
        match &locate(name.as_bytes(), Path::new("/pool")).files[..] {
            [
                NamedFile {
                    location: Location::Remote(text),
                    ..
                },
            ] => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_relative_name_is_joined_to_the_folder_as_spelled() {
        assert_eq!(file(b"base.qcow2"), Path::new("/pool/base.qcow2"));
        assert_eq!(file(b"../b"), Path::new("/pool/../b"));
        assert_eq!(file(b"/abs"), Path::new("/abs"));
        assert_eq!(
            file(b"\xff"),
            Path::new("/pool").join(OsStr::from_bytes(b"\xff"))
        );
    }

    #[test]
    fn a_colon_after_a_slash_is_no_protocol() {
        assert_eq!(file(b"./a:b"), Path::new("/pool/./a:b"));
        assert_eq!(file(b"/nbd:x"), Path::new("/nbd:x"));
        assert_eq!(file(b"file:/a:b"), Path::new("/a:b"));
        assert_eq!(file(b"file:///a"), Path::new("///a"));
    }

    #[test]
    fn a_filter_shows_the_image_behind_it() {
        assert_eq!(file(b"blkdebug::/x"), Path::new("/x"));
        assert_eq!(file(b"blkdebug::file:/x"), Path::new("/x"));
        assert_eq!(file(b"blkdebug::blkdebug::/x"), Path::new("/x"));
        let named = locate(b"blkverify:/raw:/image", Path::new("/pool"));
        assert_eq!(files(&named), [Path::new("/image"), Path::new("/raw")]);
        assert_eq!(named.doubt, None);
    }

    #[test]
    fn what_has_no_file_here_is_remote_and_keeps_its_passwords_to_itself() {
        assert_eq!(remote("nbd://host:10809/x"), "nbd://host:10809/x");
        assert_eq!(remote("nbd+unix:///x?socket=/s"), "nbd+unix:///x");
        assert_eq!(
            remote("nbd:localhost:1:exportname=x"),
            "nbd:localhost:1:exportname=x"
        );
        assert_eq!(remote("https://me:secret@h/x?token=1"), "https://h/x");
        assert_eq!(remote("rbd:pool/image:id=me:key=AAA"), "rbd:pool/image");
    }

    #[test]
    fn what_is_not_understood_is_doubted_and_what_is_seen_of_it_is_told() {
        for (name, seen) in [
            ("fat:/srv", &["/srv"][..]),
            ("fat:32:rw:/srv", &["/srv"]),
            ("file:x", &["/p/x", "/x"]),
            ("blkdebug:/no-image", &[]),
            ("blkdebug::x", &["/p/x", "/x"]),
            ("no-such:x", &[]),
            (":x", &[]),
            ("json:", &[]),
            ("json:{}", &[]),
            ("FILE:/x", &[]),
            ("", &[]),
        ] {
            let named = locate(name.as_bytes(), Path::new("/p"));
            assert!(named.doubt.is_some(), "{name}");
            let seen: Vec<&Path> = seen.iter().map(Path::new).collect();
            assert_eq!(files(&named), seen, "{name}");
        }
        let deep = format!("{}/x", "blkdebug::".repeat(1000));
        assert!(locate(deep.as_bytes(), Path::new("/p")).doubt.is_some());
    }

    proptest! {
        #[test]
        fn any_name_is_answered_and_a_file_is_absolute(
            name in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let named = locate(&name, Path::new("/p"));
            prop_assert!(named.doubt.is_some() || !named.files.is_empty());
            for path in files(&named) {
                prop_assert!(path.is_absolute());
            }
        }
    }
}
