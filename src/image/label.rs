//! The label of a file system that an image holds: by it cloud-init knows its seed, an ISO or a FAT
//! image called `cidata`.

/// How many bytes [`label`] wants to see: up to the end of ISO 9660's primary volume descriptor.
pub const LABEL_BYTES: usize = 0x8000 + 2048;

/// ISO 9660 (ECMA-119, 8.4): the descriptor lies in sector 16, the volume identifier at byte 40 of
/// it.
const DESCRIPTOR: usize = 0x8000;
const ISO_LABEL: std::ops::Range<usize> = DESCRIPTOR + 40..DESCRIPTOR + 72;

/// FAT's boot sector: the words `FAT12`, `FAT16` or `FAT32` after the label's 11 bytes (Microsoft's
/// FAT specification, "Extended BPB").
const FAT_LABELS: [usize; 2] = [43, 71];
const FAT_LABEL_BYTES: usize = 11;

/// The label without the blanks that fill it; `None` for what is neither.
pub fn label(bytes: &[u8]) -> Option<String> {
    iso(bytes).or_else(|| fat(bytes))
}

fn iso(bytes: &[u8]) -> Option<String> {
    let descriptor = bytes.get(DESCRIPTOR..)?;
    descriptor
        .starts_with(b"\x01CD001")
        .then(|| bytes.get(ISO_LABEL).map(text))?
}

fn fat(bytes: &[u8]) -> Option<String> {
    if bytes.get(510..512) != Some(b"\x55\xaa") {
        return None;
    }
    FAT_LABELS.into_iter().find_map(|at| {
        let after = at + FAT_LABEL_BYTES;
        let is_fat = bytes.get(after..)?.starts_with(b"FAT");
        is_fat.then(|| bytes.get(at..after).map(text))?
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .trim_end_matches(['\0', ' '])
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(parts: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; LABEL_BYTES];
        for (at, part) in parts {
            bytes[*at..at + part.len()].copy_from_slice(part);
        }
        bytes
    }

    #[test]
    fn a_seed_is_known_by_its_label() {
        let iso = filled(&[
            (DESCRIPTOR, b"\x01CD001\x01"),
            (ISO_LABEL.start, b"cidata  "),
        ]);
        assert_eq!(label(&iso).as_deref(), Some("cidata"));
        let fat12 = filled(&[(43, b"CIDATA     FAT12   "), (510, b"\x55\xaa")]);
        assert_eq!(label(&fat12).as_deref(), Some("CIDATA"));
        let fat32 = filled(&[(71, b"cidata     FAT32   "), (510, b"\x55\xaa")]);
        assert_eq!(label(&fat32).as_deref(), Some("cidata"));
    }

    #[test]
    fn what_is_cut_off_or_empty_has_no_label() {
        let whole = filled(&[(DESCRIPTOR, b"\x01CD001\x01"), (ISO_LABEL.start, b"x")]);
        for length in [0, 60, 511, DESCRIPTOR + 3, DESCRIPTOR + 50] {
            assert_eq!(label(&whole[..length]), None, "{length}");
        }
        assert_eq!(label(&filled(&[])), None);
        assert_eq!(label(&filled(&[(510, b"\x55\xaa")])), None);
    }
}
