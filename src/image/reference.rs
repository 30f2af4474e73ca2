//! What a backing or data file's name in a header means, by QEMU's rules (`path_has_protocol`,
//! `bdrv_get_full_backing_filename`), and by libvirt's where libvirt decides for QEMU.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{HeaderError, json};

/// Where a name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Absolute, but neither normalised nor resolved.
    File(PathBuf),
    /// No local file: the reference as it is spelled, without passwords.
    Remote(String),
}

/// A name understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub location: Location,
    /// The format that the name itself declares (`json:` only).
    pub format: Option<String>,
}

/// Protocols behind which there is no file of this host. What is not listed is not understood:
/// QEMU has protocols that wrap local files (`fat:`, `blkdebug:` …), and to take one of them for
/// remote would hide a file's user.
const REMOTE: &[&str] = &[
    "ftp", "ftps", "gluster", "http", "https", "iscsi", "iser", "nbd", "nfs", "null-aio",
    "null-co", "nvme", "rbd", "sheepdog", "ssh", "vxhs",
];

/// Protocols that are another spelling of a local path.
pub(super) const LOCAL: &[&str] = &["file", "host_cdrom", "host_device"];

pub(super) fn is_remote(protocol: &str) -> bool {
    // gluster+unix, nbd+tcp, sheepdog+tcp: the transport is no protocol of its own.
    let base = protocol.split('+').next().unwrap_or(protocol);
    REMOTE.contains(&base)
}

/// Understands `name`, which the header of an image in `folder` gives its `what` ("backing file").
///
/// `folder` is that of the image as it is *spelled*: neither QEMU nor libvirt looks through a
/// symlink to find out what a relative name is relative to (checked with qemu-img 10.0.2).
pub fn locate(name: &[u8], folder: &Path, what: &'static str) -> Result<Named, HeaderError> {
    let refuse = |why: &str| Err(refusal(name, what, why));
    if name.is_empty() {
        return refuse("which is empty");
    }
    if let Some(text) = name.strip_prefix(b"json:") {
        return json::locate_options(text).map_err(|why| refusal(name, what, &why));
    }
    let plain = |path: &[u8]| Named {
        location: Location::File(folder.join(OsStr::from_bytes(path))),
        format: None,
    };
    let Some(protocol) = protocol(name) else {
        return Ok(plain(name));
    };
    if LOCAL.contains(&protocol) {
        let rest = &name[protocol.len() + 1..];
        return match rest.starts_with(b"/") {
            true => Ok(plain(rest)),
            false => refuse("which depends on the folder that QEMU is started in"),
        };
    }
    if is_remote(protocol) {
        return Ok(Named {
            location: Location::Remote(without_secrets(name)),
            format: None,
        });
    }
    refuse("whose protocol is not known")
}

/// QEMU's `path_has_protocol`: a colon before any slash. A protocol that is no text is not known
/// anyway, and reads as an empty one.
fn protocol(name: &[u8]) -> Option<&str> {
    let end = name.iter().position(|byte| matches!(byte, b':' | b'/'))?;
    (name[end] == b':').then(|| std::str::from_utf8(&name[..end]).unwrap_or(""))
}

fn refusal(name: &[u8], what: &'static str, why: &str) -> HeaderError {
    HeaderError::Name {
        what,
        name: without_secrets(name),
        why: why.to_owned(),
    }
}

/// For messages: printable, of bearable length, and without what might be a password. Users and
/// passwords stand before an `@`, options of rbd after the second colon, those of URIs after `?`;
/// a `json:` reference may hold them anywhere.
pub(super) fn without_secrets(name: &[u8]) -> String {
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

    fn file(name: &[u8]) -> PathBuf {
        match locate(name, Path::new("/pool"), "backing file") {
            Ok(Named {
                location: Location::File(path),
                ..
            }) => path,
            other => panic!("{other:?}"),
        }
    }

    fn remote(name: &str) -> String {
        match locate(name.as_bytes(), Path::new("/pool"), "backing file") {
            Ok(Named {
                location: Location::Remote(text),
                ..
            }) => text,
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
    fn what_is_not_understood_is_refused() {
        for name in [
            "fat:/etc",
            "blkdebug::/x",
            "file:x",
            "no-such:x",
            ":x",
            "json:",
            "json:{}",
            "FILE:/x",
        ] {
            assert!(
                locate(name.as_bytes(), Path::new("/p"), "backing file").is_err(),
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_name_is_answered_and_a_file_is_absolute(name in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(named) = locate(&name, Path::new("/p"), "backing file")
                && let Location::File(path) = named.location
            {
                prop_assert!(path.is_absolute());
            }
        }
    }
}
