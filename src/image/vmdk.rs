//! VMDK, as far as it names other files, by QEMU's own reader (`vmdk_parse_extents`,
//! `vmdk_parent_open` in `block/vmdk.c`). The names are in a text, which is a file of its own or
//! lies within the image.

/// Enough for the header of an image that holds its descriptor.
pub const HEADER: usize = 44;
const SECTOR: u64 = 512;
/// QEMU reads no descriptor that is longer (`vmdk_read_desc`).
const LONGEST: u64 = 1 << 20;

/// Names of other files, as they are spelled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vmdk {
    pub parent: Option<Vec<u8>>,
    /// Files with the data, if those are not in this one.
    pub extents: Vec<Vec<u8>>,
}

/// Where the descriptor lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// In bytes.
    pub offset: u64,
    pub length: usize,
    /// The data are in this file too: the extents that the text names are the file itself.
    pub holds_data: bool,
}

/// Where the text is, by the file's first [`HEADER`] bytes; `None` where only QEMU can tell.
pub fn descriptor(first: &[u8]) -> Option<Descriptor> {
    if first.starts_with(b"COWD") {
        return None;
    }
    if !first.starts_with(b"KDMV") {
        return Some(Descriptor {
            offset: 0,
            length: LONGEST as usize,
            holds_data: false,
        });
    }
    let number = |at: usize| Some(u64::from_le_bytes(first.get(at..at + 8)?.try_into().ok()?));
    let (capacity, sector, sectors) = (number(12)?, number(28)?, number(36)?);
    Some(Descriptor {
        offset: sector.checked_mul(SECTOR)?,
        length: usize::try_from(sectors.saturating_mul(SECTOR).min(LONGEST)).ok()?,
        // QEMU takes one without capacity for a descriptor in an image's clothes
        // (`vmdk_open_vmdk4`).
        holds_data: capacity != 0,
    })
}

/// Reads the text; see [`descriptor`].
pub fn names(text: &[u8], holds_data: bool) -> Vmdk {
    let text = text.split(|byte| *byte == 0).next().unwrap_or(text);
    let mut found = Vmdk::default();
    for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
        if let Some(rest) = strip_key(line, b"parentFileNameHint") {
            found.parent = quoted(rest).filter(|name| !name.is_empty());
        } else if !holds_data && is_extent(line) {
            found.extents.extend(quoted(line));
        }
    }
    found
}

fn strip_key<'t>(line: &'t [u8], key: &[u8]) -> Option<&'t [u8]> {
    line.trim_ascii_start()
        .strip_prefix(key)?
        .trim_ascii_start()
        .strip_prefix(b"=")
}

/// `RW 8192 FLAT "x-flat.vmdk" 0`
fn is_extent(line: &[u8]) -> bool {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    matches!(words.next(), Some(b"RW" | b"RDONLY" | b"NOACCESS"))
        && (words.next()).is_some_and(|size| size.iter().all(u8::is_ascii_digit))
}

/// What stands in quotes.
fn quoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut parts = text.splitn(3, |byte| *byte == b'"');
    parts.next()?;
    parts.next().map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_and_the_parent_are_named_in_the_text() {
        let text = b"# Disk DescriptorFile\nversion=1\nparentCID=1\n\
            parentFileNameHint=\"../golden.vmdk\"\n\
            RW 8192 FLAT \"a-flat.vmdk\" 0\r\nRW 8 ZERO\nRW 8192 SPARSE \"b s.vmdk\"\n\
            ddb.adapterType = \"RW 8\"\n";
        let found = names(text, false);
        assert_eq!(found.parent.as_deref(), Some(&b"../golden.vmdk"[..]));
        assert_eq!(
            found.extents,
            [b"a-flat.vmdk".to_vec(), b"b s.vmdk".to_vec()]
        );
        assert_eq!(names(text, true).extents.len(), 0);
    }

    #[test]
    fn a_sparse_image_holds_its_text_where_its_header_says() {
        let mut header = vec![0; HEADER];
        header[..4].copy_from_slice(b"KDMV");
        header[12] = 1;
        header[28] = 1;
        header[36] = 20;
        let found = descriptor(&header).expect("it has one");
        assert_eq!((found.offset, found.length), (512, 10240));
        assert!(found.holds_data);
        header[36..44].fill(0xff);
        assert_eq!(descriptor(&header).map(|found| found.length), Some(1 << 20));
        header[28..36].fill(0xff);
        assert_eq!(descriptor(&header), None);
        assert_eq!(descriptor(b"COWD"), None);
        assert_eq!(descriptor(b"KDMV"), None);
    }
}
