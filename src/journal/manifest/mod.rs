//! The manifest: the journal's facts beside the quarantined files, for a person without this
//! program and for `rebuild` without the journal.
//!
//! Beside the readable `manifest.json` lies `record.bin`, the transaction's Begin record byte for
//! byte: what a program should trust, since JSON cannot hold every path; and `record.mac`, which
//! proves both ours.

mod json;
mod proof;
mod restore;

use std::path::PathBuf;

pub use json::{File, Manifest, Tree, Volume};
pub use proof::Key;

use super::{Begin, DecodeError, EncodeError, codec};
use crate::model::Transaction;

pub const MANIFEST: &str = "manifest.json";
pub const DOMAIN: &str = "domain.xml";
pub const RECORD: &str = "record.bin";
pub const PROOF: &str = "record.mac";

/// Every file to be written into the transaction's home, by its name relative to it. Some hold
/// secrets: mode 0600.
///
/// # Errors
/// [`EncodeError`] where the record is too large.
pub fn files_for(transaction: &Transaction) -> Result<Vec<(PathBuf, Vec<u8>)>, EncodeError> {
    let mut manifest = Manifest::of(transaction);
    manifest.restore = restore::by_hand(&manifest);
    let definition = &transaction.definition;
    let mut json = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| EncodeError::Unwritable(error.to_string()))?;
    json.push(b'\n');
    let mut files = vec![
        (PathBuf::from(DOMAIN), text(definition.xml.reveal())),
        (
            PathBuf::from(RECORD),
            codec::encode(&Begin::from(transaction))?,
        ),
    ];
    let snapshots = definition.snapshots.iter().map(|snapshot| &snapshot.xml);
    let checkpoints = definition
        .checkpoints
        .iter()
        .map(|checkpoint| &checkpoint.xml);
    for (index, xml) in snapshots.enumerate() {
        files.push((snapshot_file(index).into(), text(xml.reveal())));
    }
    for (index, xml) in checkpoints.enumerate() {
        files.push((checkpoint_file(index).into(), text(xml.reveal())));
    }
    // Last: whoever finds a manifest finds all that it names.
    files.push((PathBuf::from(MANIFEST), json));
    Ok(files)
}

/// Reads `record.bin`: the transaction as it began, without events.
///
/// # Errors
/// Any [`DecodeError`].
pub fn read_record(bytes: &[u8]) -> Result<Transaction, DecodeError> {
    let begin: Begin = codec::decode(bytes)?;
    Ok(begin.with_events(Vec::new()))
}

/// Reads `manifest.json`.
///
/// # Errors
/// [`DecodeError::Newer`] and [`DecodeError::Malformed`].
pub fn read_manifest(bytes: &[u8]) -> Result<Manifest, DecodeError> {
    let malformed = |error: serde_json::Error| DecodeError::Malformed(error.to_string());
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(malformed)?;
    // The version before the rest: a newer manifest may have another shape.
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(found) if found > u64::from(json::VERSION) => Err(DecodeError::Newer {
            found: u16::try_from(found).unwrap_or(u16::MAX),
            known: json::VERSION,
        }),
        _ => serde_json::from_value(value).map_err(malformed),
    }
}

fn snapshot_file(index: usize) -> String {
    format!("snapshots/{index:03}.xml")
}

fn checkpoint_file(index: usize) -> String {
    format!("checkpoints/{index:03}.xml")
}

fn text(xml: &str) -> Vec<u8> {
    xml.as_bytes().to_vec()
}
