//! A file name with a protocol before it, by QEMU's rules (`path_has_protocol`, each driver's
//! `bdrv_parse_filename`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::named::{LOCAL, Location, Named, is_remote, relative, without_secrets};

/// More protocols than anyone stacks.
const DEEPEST: usize = 8;

/// Who understands what stands after `json:`.
pub type Json<'a> = &'a dyn Fn(&[u8]) -> Named;

/// Understands `name`, which is given in `folder`.
pub fn locate(name: &[u8], folder: &Path, json: Json) -> Named {
    below(name, folder, json, DEEPEST)
}

fn below(name: &[u8], folder: &Path, json: Json, depth: usize) -> Named {
    let Some(depth) = depth.checked_sub(1) else {
        return Named::doubt("which has too many layers");
    };
    if name.is_empty() {
        return Named::doubt("which is empty");
    }
    if let Some(text) = name.strip_prefix(b"json:") {
        return json(text);
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
        "blkdebug" | "blkverify" => two(rest, folder, json, depth),
        _ => Named::doubt("whose protocol is not known"),
    }
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

fn two(rest: &[u8], folder: &Path, json: Json, depth: usize) -> Named {
    let Some(colon) = rest.iter().position(|byte| *byte == b':') else {
        return Named::doubt("which names no image");
    };
    let (first, image) = (&rest[..colon], &rest[colon + 1..]);
    let image = match image.starts_with(b"/") || protocol(image).is_some() {
        true => below(image, folder, json, depth),
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
