//! The frame around every stored record (byte table: `migrations/0001-initial.md`).
//!
//! The frame is the same in every format version, so that an old program can tell "newer than I
//! am" from "damaged".

use super::error::DecodeError;

/// "virt-retire record".
const MAGIC: [u8; 4] = *b"VRtR";
const CHECKSUM_AT: usize = 12;
/// Bytes before the payload.
pub const HEADER: usize = 44;
/// Bytes. No honest record comes near; a length beyond it is damage, not a reason to allocate.
pub const MAX_PAYLOAD: usize = 64 << 20;

/// What a record is. The number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    Format = 1,
    Begin = 2,
    Event = 3,
    Summary = 4,
    Head = 5,
    SavedPlan = 6,
    Watched = 7,
    Mark = 8,
    Sealed = 9,
    Remembered = 10,
    Block = 11,
}

/// A frame whose checksum holds; its payload has not been looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed<'a> {
    pub kind: u16,
    pub version: u16,
    pub payload: &'a [u8],
    /// What follows the frame.
    pub rest: &'a [u8],
}

/// Frames a payload.
///
/// The caller has kept the payload within [`MAX_PAYLOAD`]; `codec::encode` does.
pub fn seal(kind: u16, version: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&kind.to_le_bytes());
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&checksum(&bytes, payload));
    bytes.extend_from_slice(payload);
    bytes
}

/// Opens the frame at the beginning of `bytes`.
///
/// # Errors
/// [`DecodeError::Truncated`], [`DecodeError::BadMagic`], [`DecodeError::Checksum`].
pub fn open(bytes: &[u8]) -> Result<Sealed<'_>, DecodeError> {
    let (header, after) = bytes
        .split_at_checked(HEADER)
        .ok_or(DecodeError::Truncated)?;
    if header[..4] != MAGIC {
        return Err(DecodeError::BadMagic);
    }
    let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
    if length > MAX_PAYLOAD {
        return Err(DecodeError::Checksum);
    }
    let (payload, rest) = after
        .split_at_checked(length)
        .ok_or(DecodeError::Truncated)?;
    if header[CHECKSUM_AT..] != checksum(&header[..CHECKSUM_AT], payload) {
        return Err(DecodeError::Checksum);
    }
    Ok(Sealed {
        kind: u16::from_le_bytes([header[4], header[5]]),
        version: u16::from_le_bytes([header[6], header[7]]),
        payload,
        rest,
    })
}

/// The format's version that a frame says, unchecked: enough where it has been opened before.
pub(super) fn version(bytes: &[u8]) -> Option<u16> {
    let version = bytes.get(6..8)?.try_into().ok()?;
    Some(u16::from_le_bytes(version))
}

fn checksum(header: &[u8], payload: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(header);
    hasher.update(payload);
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_again_and_leaves_the_rest() {
        let mut bytes = seal(3, 1, b"payload");
        bytes.extend_from_slice(b"next");
        let sealed = open(&bytes).unwrap();
        assert_eq!((sealed.kind, sealed.version), (3, 1));
        assert_eq!(sealed.payload, b"payload");
        assert_eq!(sealed.rest, b"next");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let good = seal(3, 1, b"payload");
        for at in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[at / 8] ^= 1 << (at % 8);
            assert!(open(&bad).is_err(), "bit {at}");
        }
        for length in 0..good.len() {
            assert_eq!(open(&good[..length]), Err(DecodeError::Truncated));
        }
    }
}
