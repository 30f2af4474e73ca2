//! The qcow2 header, versions 2 and 3, by QEMU's `docs/interop/qcow2.rst` and with the limits of
//! QEMU's own reader (`qcow2_do_open`, `qcow2_read_extensions` in `block/qcow2.c`).
//!
//! Only what names other files is read. Every offset lies in the first cluster, so no header can
//! make a reader fetch more than 2 MiB.

use super::HeaderError;

const MAGIC: &[u8] = b"QFI\xfb";
const V2_HEADER: usize = 72;
const V3_HEADER: usize = 104;
/// QEMU's MIN_CLUSTER_BITS and MAX_CLUSTER_BITS.
const CLUSTER_BITS: std::ops::RangeInclusive<u32> = 9..=21;
const LONGEST_BACKING_NAME: usize = 1023;
/// `sizeof(bs->backing_format)`, with its terminating zero.
const LONGEST_FORMAT_NAME: usize = 15;
const BACKING_FORMAT: u32 = 0xE279_2ACA;
const DATA_FILE: u32 = 0x4441_5441;
const EXTERNAL_DATA_FILE: u64 = 1 << 2;
/// Dirty, corrupt, external data file, compression type, extended L2 entries.
const KNOWN_INCOMPATIBLE: u64 = 0b1_1111;

/// The names of other files in a qcow2 header, as they are spelled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Qcow2 {
    pub backing: Option<Vec<u8>>,
    pub backing_format: Option<Vec<u8>>,
    pub data_file: Option<Vec<u8>>,
}

/// How far the bytes that were given reach.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Whole(Qcow2),
    /// The first so many bytes of the image are needed, more than were given. An image that has
    /// no more is truncated.
    Need(usize),
}

/// Reads a header from the first bytes of an image. Ask again with more bytes when told so; the
/// count grows with each answer and never exceeds 2 MiB.
pub fn parse(bytes: &[u8]) -> Result<Outcome, HeaderError> {
    if bytes.len() < V2_HEADER {
        // Told at once where the magic is wrong already: a short file of another kind is not
        // truncated, it is another kind.
        return match bytes.starts_with(MAGIC) || MAGIC.starts_with(bytes) {
            true => Ok(Outcome::Need(V2_HEADER)),
            false => Err(HeaderError::NotQcow2),
        };
    }
    if !bytes.starts_with(MAGIC) {
        return Err(HeaderError::NotQcow2);
    }
    let version = be32(bytes, 4);
    let cluster_bits = be32(bytes, 20);
    if !CLUSTER_BITS.contains(&cluster_bits) {
        return Err(match version {
            2 | 3 => HeaderError::Damaged("its cluster size is impossible"),
            other => HeaderError::Version(other),
        });
    }
    let cluster = 1usize << cluster_bits;
    let (header, incompatible) = match version {
        2 => (V2_HEADER, 0),
        3 if bytes.len() < V3_HEADER => return Ok(Outcome::Need(V3_HEADER)),
        3 => (be32(bytes, 100) as usize, be64(bytes, 72)),
        other => return Err(HeaderError::Version(other)),
    };
    if version == 3 && !(V3_HEADER..=cluster).contains(&header) {
        return Err(HeaderError::Damaged("its header length is impossible"));
    }
    if incompatible & !KNOWN_INCOMPATIBLE != 0 {
        return Err(HeaderError::Features(incompatible & !KNOWN_INCOMPATIBLE));
    }
    let backing = backing_span(bytes, cluster)?;
    let end = backing.map_or(cluster, |(offset, _)| offset);
    if end < header {
        return Err(HeaderError::Damaged(
            "the backing file's name overlaps the header",
        ));
    }
    let mut found = Qcow2::default();
    if let Some(need) = extensions(bytes, header, end, &mut found)? {
        return Ok(Outcome::Need(need));
    }
    if let Some((offset, length)) = backing {
        match bytes.get(offset..offset + length) {
            Some(name) => found.backing = text(name),
            None => return Ok(Outcome::Need(offset + length)),
        }
    }
    if incompatible & EXTERNAL_DATA_FILE == 0 {
        // QEMU ignores the name of a data file in an image that has none.
        found.data_file = None;
    } else if found.data_file.is_none() {
        return Err(HeaderError::Damaged(
            "its data are in an external file that it does not name",
        ));
    }
    Ok(Outcome::Whole(found))
}

/// Offset and length of the backing file's name.
fn backing_span(bytes: &[u8], cluster: usize) -> Result<Option<(usize, usize)>, HeaderError> {
    let offset = be64(bytes, 8);
    if offset == 0 {
        return Ok(None);
    }
    let length = be32(bytes, 16) as usize;
    match usize::try_from(offset) {
        Ok(offset) if offset <= cluster => {
            if length > LONGEST_BACKING_NAME.min(cluster - offset) {
                return Err(HeaderError::Damaged("the backing file's name is too long"));
            }
            Ok(Some((offset, length)))
        }
        _ => Err(HeaderError::Damaged(
            "the backing file's name is outside the header",
        )),
    }
}

/// Reads header extensions from `offset` up to `end`; answers how many bytes it would need to
/// see, if it ran out of them.
fn extensions(
    bytes: &[u8],
    mut offset: usize,
    end: usize,
    found: &mut Qcow2,
) -> Result<Option<usize>, HeaderError> {
    while offset + 8 <= end {
        if bytes.len() < offset + 8 {
            return Ok(Some(offset + 8));
        }
        let (kind, length) = (be32(bytes, offset), be32(bytes, offset + 4) as usize);
        offset += 8;
        if kind == 0 {
            break;
        }
        if length > end - offset {
            return Err(HeaderError::Damaged("a header extension is too long"));
        }
        if matches!(kind, BACKING_FORMAT | DATA_FILE) {
            let Some(value) = bytes.get(offset..offset + length) else {
                return Ok(Some(offset + length));
            };
            if kind == DATA_FILE {
                found.data_file = text(value);
            } else if length > LONGEST_FORMAT_NAME {
                return Err(HeaderError::Damaged(
                    "the backing format's name is too long",
                ));
            } else {
                found.backing_format = text(value);
            }
        }
        offset += length.next_multiple_of(8);
    }
    Ok(None)
}

/// QEMU and libvirt end a name at its first zero byte, so two readers agree only if we do too.
fn text(bytes: &[u8]) -> Option<Vec<u8>> {
    let end = bytes.iter().position(|byte| *byte == 0);
    let name = &bytes[..end.unwrap_or(bytes.len())];
    (!name.is_empty()).then(|| name.to_vec())
}

/// The callers have checked that the bytes are there; zero is what a hole reads as.
fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|four| four.try_into().ok())
        .map_or(0, u32::from_be_bytes)
}

fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from(be32(bytes, at)) << 32 | u64::from(be32(bytes, at + 4))
}

#[cfg(test)]
#[path = "qcow2_tests.rs"]
mod tests;
