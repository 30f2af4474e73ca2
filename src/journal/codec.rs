//! Records to bytes and back. The one place that names bincode.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::envelope::{self, Kind, MAX_PAYLOAD};
use super::error::{DecodeError, EncodeError};

/// A struct that is stored as a record of its own.
pub trait Record: Serialize + DeserializeOwned {
    const KIND: Kind;
    /// The format that it is written in: bincode's bytes do not describe themselves.
    const VERSION: u16;

    /// What the payload of a record of an older format says.
    ///
    /// # Errors
    /// Any [`DecodeError`].
    fn older(version: u16, payload: &[u8]) -> Result<Self, DecodeError>;
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
    if sealed.kind != R::KIND as u16 {
        return Err(DecodeError::Kind {
            found: sealed.kind,
            expected: R::KIND as u16,
        });
    }
    let record = if sealed.version == R::VERSION {
        value(sealed.payload)?
    } else {
        R::older(sealed.version, sealed.payload)?
    };
    Ok((record, sealed.rest))
}

/// A payload's value.
pub(super) fn value<T: DeserializeOwned>(payload: &[u8]) -> Result<T, DecodeError> {
    options()
        .deserialize(payload)
        .map_err(|error| DecodeError::Malformed(error.to_string()))
}

/// The value of a record whose version the caller has looked at.
pub(super) fn payload_of<T: DeserializeOwned>(
    record: &[u8],
    kind: envelope::Kind,
) -> Result<T, DecodeError> {
    let sealed = envelope::open(record)?;
    if sealed.kind != kind as u16 {
        return Err(DecodeError::Kind {
            found: sealed.kind,
            expected: kind as u16,
        });
    }
    if !sealed.rest.is_empty() {
        return Err(DecodeError::Malformed("bytes follow it".into()));
    }
    value(sealed.payload)
}
