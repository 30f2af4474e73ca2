//! Which format an image has, from its first bytes.

/// How many bytes [`guess`] wants to see: VDI's signature is the one furthest in.
pub const MAGIC_BYTES: usize = 512;

/// What [`guess`] calls a guest's state that libvirt has saved: no format of QEMU's.
pub const SAVED_STATE: &str = "libvirt-save";

/// Offset, bytes, QEMU's name of the format. The source is the `probe` function of each of QEMU's
/// block drivers. Formats that QEMU knows by a trailer alone (fixed VHD, DMG) name no other file,
/// so that to take them for raw loses nothing.
const TABLE: &[(usize, &[u8], &str)] = &[
    (0, b"QFI\xfb\x00\x00\x00\x01", "qcow"),
    // Of any version: a version that is not known is then an error, and never raw.
    (0, b"QFI\xfb", "qcow2"),
    (0, b"QED\0", "qed"),
    (0, b"KDMV", "vmdk"),
    (0, b"COWD", "vmdk"),
    (0, b"# Disk DescriptorFile", "vmdk"),
    (0x40, b"\x7f\x10\xda\xbe", "vdi"),
    (0, b"vhdxfile", "vhdx"),
    (0, b"conectix", "vpc"),
    (0, b"LUKS\xba\xbe", "luks"),
    (0, b"WithoutFreeSpace", "parallels"),
    (0, b"WithouFreSpacExt", "parallels"),
    (0, b"LibvirtQemudSave", SAVED_STATE),
    (0, b"Bochs Virtual HD Image", "bochs"),
    (0, b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop", "cloop"),
];

/// The format whose signature `bytes` carry; `None` for none, which QEMU takes as raw.
pub fn guess(bytes: &[u8]) -> Option<&'static str> {
    if is_vmdk_descriptor(bytes) {
        return Some("vmdk");
    }
    TABLE
        .iter()
        .find(|(offset, magic, _)| {
            bytes
                .get(*offset..)
                .is_some_and(|rest| rest.starts_with(magic))
        })
        .map(|(_, _, format)| *format)
}

/// QEMU's `vmdk_probe` lets comment lines and blank lines come before a line `version=1` … `3`.
fn is_vmdk_descriptor(bytes: &[u8]) -> bool {
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line.first() {
            Some(b'#') => continue,
            _ if line.iter().all(|byte| *byte == b' ') => continue,
            _ => return matches!(line, b"version=1" | b"version=2" | b"version=3"),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_zeros_are_raw() {
        assert_eq!(guess(b""), None);
        assert_eq!(guess(&[0; MAGIC_BYTES]), None);
    }

    #[test]
    fn a_qcow2_of_a_version_to_come_is_not_raw() {
        assert_eq!(guess(b"QFI\xfb\0\0\0\x09"), Some("qcow2"));
        assert_eq!(guess(b"QFI\xfb\0\0\0\x01"), Some("qcow"));
    }

    #[test]
    fn a_vmdk_descriptor_may_begin_with_other_comments() {
        assert_eq!(guess(b"# mine\n\nversion=1\nCID=1"), Some("vmdk"));
        assert_eq!(guess(b"#!/bin/sh\nversion=4\n"), None);
    }
}
