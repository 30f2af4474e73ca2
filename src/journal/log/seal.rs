//! A closed transaction's records in one, and out of it again.

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::read::Records;
use crate::journal::envelope::{self, MAX_PAYLOAD};
use crate::journal::format::Sealed;
use crate::journal::{Fault, decode, encode};

/// Beyond this size a transaction's records stay apart.
const LARGEST: usize = MAX_PAYLOAD;
/// Of zlib's ten levels: beyond it XML gets slower and no smaller.
const LEVEL: u8 = 6;

/// `None` where the whole is too large for one record.
pub(super) fn seal(id: u64, records: &Records) -> Result<Option<Vec<u8>>, Fault> {
    let whole = together(records);
    if whole.len() > LARGEST {
        return Ok(None);
    }
    let sealed = Sealed {
        id,
        size: whole.len() as u64,
        packed: compress_to_vec(&whole, LEVEL),
    };
    Ok(Some(encode(&sealed)?))
}

/// The records one after the other.
pub(super) fn together(records: &Records) -> Vec<u8> {
    let mut whole = records.begin.clone();
    for entry in &records.entries {
        whole.extend_from_slice(entry);
    }
    whole
}

pub(super) fn unseal(id: u64, record: &[u8]) -> Result<Records, Fault> {
    apart(id, &unpacked(id, record)?)
}

/// The records that are sealed, one after the other.
pub(super) fn unpacked(id: u64, record: &[u8]) -> Result<Vec<u8>, Fault> {
    let name = || format!("the sealed transaction {id}");
    let sealed: Sealed = decode(record).map_err(|error| Fault::record(name(), error))?;
    if sealed.id != id {
        return Fault::damaged(format!("{} is stored as another", name()));
    }
    let whole = decompress_to_vec_with_limit(&sealed.packed, LARGEST)
        .map_err(|error| Fault::Damaged(format!("{}: {error}", name())))?;
    if whole.len() as u64 != sealed.size {
        return Fault::damaged(format!("{} has another size", name()));
    }
    Ok(whole)
}

/// Takes apart what [`together`] has made.
pub(super) fn apart(id: u64, whole: &[u8]) -> Result<Records, Fault> {
    let name = || format!("the sealed transaction {id}");
    let mut parts = Vec::new();
    let mut rest = whole;
    while !rest.is_empty() {
        let frame = envelope::open(rest).map_err(|error| Fault::record(name(), error))?;
        let (part, after) = rest.split_at(rest.len() - frame.rest.len());
        parts.push(part.to_vec());
        rest = after;
    }
    if parts.is_empty() {
        return Fault::damaged(format!("{} is empty", name()));
    }
    let begin = parts.remove(0);
    Ok(Records {
        begin,
        entries: parts,
    })
}
