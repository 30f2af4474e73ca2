//! Where an image's backing file is, read from its own header so that nothing else is touched.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The backing file that a qcow2 header names, as an absolute path; `None` for any other file.
/// The layout is QEMU's docs/interop/qcow2.txt: magic, version, offset (8 bytes) and length (4),
/// big-endian.
pub fn backing_file(file: &File, path: &str) -> Option<String> {
    let mut header = [0; 20];
    file.read_exact_at(&mut header, 0).ok()?;
    let offset = u64::from_be_bytes(header[8..16].try_into().ok()?);
    let length = u32::from_be_bytes(header[16..20].try_into().ok()?);
    if header[..4] != *b"QFI\xfb" || offset == 0 {
        return None;
    }
    let mut name = vec![0; length.min(1023) as usize];
    file.read_exact_at(&mut name, offset).ok()?;
    let name = String::from_utf8(name).ok()?;
    // "json:{…}" and "nbd://…" name no file that a test could look at.
    if name.contains(':') {
        return None;
    }
    Path::new(path)
        .parent()?
        .join(name)
        .to_str()
        .map(str::to_owned)
}
