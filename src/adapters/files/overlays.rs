//! Overlay file systems, from `/proc/self/mountinfo`: proc_pid_mountinfo(5), and the kernel's
//! `Documentation/filesystems/overlayfs.rst` for their options.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::facts;
use super::mounts::Fields;
use crate::model::FileFacts;
use crate::ports::{Layered, Mounted, Overlays};

/// Those that this process sees. None where the table cannot be read: then nothing may be moved at
/// all (see [`super::protected`]).
pub fn overlays() -> Overlays {
    let text = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    let lines = text.split(|byte| *byte == b'\n');
    Overlays::new(lines.filter_map(mounted).collect())
}

/// The file of a layer that the file at the real path is, with its name there.
pub fn beneath(path: &Path) -> Option<(PathBuf, FileFacts)> {
    overlays().beneath(path, |name| facts::glance(name).ok()?)
}

fn mounted(line: &[u8]) -> Option<Mounted> {
    let fields = Fields::read(line)?;
    let is_overlay = fields.kind == b"overlay";
    Some(Mounted {
        point: fields.point,
        overlay: is_overlay.then(|| Layered {
            root: fields.root,
            layers: layers(&fields.options),
        }),
    })
}

/// Of the options of an overlay, the topmost first. A colon or a comma of a name has a backslash
/// before it.
fn layers(options: &[u8]) -> Vec<PathBuf> {
    let mut upper = Vec::new();
    let mut lower = Vec::new();
    for option in split(options, b',') {
        let Some(at) = option.iter().position(|byte| *byte == b'=') else {
            continue;
        };
        let (key, value) = (&option[..at], &option[at + 1..]);
        match key {
            b"upperdir" => upper.push(plain(value)),
            b"lowerdir" => lower.extend(split(value, b':').map(plain)),
            b"lowerdir+" => lower.push(plain(value)),
            _ => {}
        }
    }
    let all = upper.into_iter().chain(lower);
    // One that was named from a folder that nobody knows any more leads nowhere.
    all.filter(|layer| layer.is_absolute()).collect()
}

fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut is_escaped = false;
    text.split(move |byte| {
        let is_end = *byte == separator && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    })
}

fn plain(name: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => bytes.extend(rest.next()),
            _ => bytes.push(*byte),
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_read_from_the_options() {
        let line = b"97 28 0:55 /sub /mg rw,relatime - overlay none \
            rw,lowerdir=/a\\134:b:/l\\040w,upperdir=/up\\134,x,workdir=/wk,lowerdir+=/m,lowerdir+=rel";
        let found = mounted(line).unwrap();
        assert_eq!(found.point, Path::new("/mg"));
        let overlay = found.overlay.unwrap();
        assert_eq!(overlay.root, Path::new("/sub"));
        let layers = ["/up,x", "/a:b", "/l w", "/m"].map(PathBuf::from);
        assert_eq!(overlay.layers, layers);
        let other = mounted(b"28 1 253:0 / / rw - ext4 /dev/vda rw").unwrap();
        assert_eq!(other.overlay, None);
        assert_eq!(mounted(b""), None);
    }
}
