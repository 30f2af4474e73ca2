//! What a backing or data file's name in a header means, by QEMU's rules (`path_has_protocol`,
//! `bdrv_get_full_backing_filename`, each driver's `bdrv_parse_filename`), and by libvirt's where
//! libvirt decides for QEMU.

use std::path::Path;

use super::filename;
use super::named::Named;
use super::options::Options;

/// Understands `name`, which the header of an image in `folder` gives.
///
/// `folder` is that of the image as it is *spelled*: neither QEMU nor libvirt looks through a
/// symlink to find out what a relative name is relative to (checked with qemu-img 10.0.2).
pub fn locate(name: &[u8], folder: &Path) -> Named {
    filename::locate(name, folder, &|text| match Options::from_json(text) {
        Ok(options) => options.node(),
        Err(why) => Named::doubt(format!("which is {why}")),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::image::{Location, NamedFile};
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::PathBuf;

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
