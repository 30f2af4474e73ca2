//! Records to bytes and back. The one place that names bincode.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::envelope::{self, Kind, MAX_PAYLOAD};
use super::error::{DecodeError, EncodeError};

/// A struct that is stored as a record of its own.
pub trait Record: Serialize + DeserializeOwned {
    const KIND: Kind;
    /// Counted up with any change of the struct: bincode's bytes do not describe themselves.
    const VERSION: u16;
}

/// Both ways alike: variable-length integers, the size limit, no trailing bytes.
fn options() -> impl Options {
    bincode::DefaultOptions::new()
        .with_limit(MAX_PAYLOAD as u64)
        .reject_trailing_bytes()
}

/// # Errors
/// [`EncodeError::TooLarge`]; the other kind only for a struct that serde cannot write.
pub fn encode<R: Record>(record: &R) -> Result<Vec<u8>, EncodeError> {
    Ok(envelope::seal(R::KIND as u16, R::VERSION, &bytes(record)?))
}

/// The payload alone, for what is hashed and not stored.
pub(super) fn bytes(value: &impl Serialize) -> Result<Vec<u8>, EncodeError> {
    options().serialize(value).map_err(|error| match *error {
        bincode::ErrorKind::SizeLimit => EncodeError::TooLarge { limit: MAX_PAYLOAD },
        other => EncodeError::Unwritable(other.to_string()),
    })
}

/// Decodes a record that is all of `bytes`.
///
/// # Errors
/// Any [`DecodeError`].
pub fn decode<R: Record>(bytes: &[u8]) -> Result<R, DecodeError> {
    match decode_first(bytes)? {
        (record, []) => Ok(record),
        (_, _) => Err(DecodeError::Malformed("bytes follow it".into())),
    }
}

/// Decodes the record at the beginning of `bytes`, and gives what follows it.
///
/// # Errors
/// Any [`DecodeError`].
pub fn decode_first<R: Record>(bytes: &[u8]) -> Result<(R, &[u8]), DecodeError> {
    let sealed = envelope::open(bytes)?;
    // The version first: a newer program may have renumbered the kinds.
    if sealed.version > R::VERSION {
        return Err(DecodeError::Newer {
            found: sealed.version,
            known: R::VERSION,
        });
    }
    if sealed.version != R::VERSION {
        return Err(DecodeError::Malformed("there is no format 0".into()));
    }
    if sealed.kind != R::KIND as u16 {
        return Err(DecodeError::Kind {
            found: sealed.kind,
            expected: R::KIND as u16,
        });
    }
    let record = options()
        .deserialize(sealed.payload)
        .map_err(|error| DecodeError::Malformed(error.to_string()))?;
    Ok((record, sealed.rest))
}
