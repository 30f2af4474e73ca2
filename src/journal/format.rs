//! The one module that names the format's version: what is written, and how what an older version
//! wrote is read. Everybody else says `journal::Begin`, `journal::Entry` …
//!
//! A record of an older format becomes one of the current format by way of the model: the older
//! structs know only how to be loaded.

use super::codec::{self, Record};
use super::envelope::{self, Kind};
use super::error::DecodeError;
use super::mirror::{Load, Mirror};
use super::{v1, v2};
use crate::model;

pub use v2::{
    Begin, Block, Definition, Entry, EventKind, Extent, Format, Head, Mark, Notice, RECENT,
    SavedPlan, Sealed, Summary, Watched,
};

/// What is written.
pub const CURRENT: u16 = 2;

/// Ties a struct of the current format to its kind, and says what an older one's becomes.
macro_rules! record {
    ($kind:ident: $current:ty $(, 1 => |$old:ident: $older:ty| $conversion:expr)?) => {
        impl Record for $current {
            const KIND: Kind = Kind::$kind;
            const VERSION: u16 = CURRENT;

            fn older(version: u16, payload: &[u8]) -> Result<Self, DecodeError> {
                let _ = payload;
                match version {
                    $(1 => {
                        let $old: $older = codec::value(payload)?;
                        Ok($conversion)
                    })?
                    _ => Err(DecodeError::Malformed(format!(
                        "format {version} has no such record"
                    ))),
                }
            }
        }
    };
}

record!(Format: Format);
record!(Head: Head);
record!(Mark: Mark);
record!(Summary: Summary);
record!(Sealed: Sealed);
record!(Block: Block);
record!(Begin: Begin, 1 => |old: v1::Begin| Begin::from(&old.load()));
record!(Event: Entry, 1 => |old: v1::Entry| Entry {
    sequence: old.sequence,
    transaction: old.transaction,
    at: old.at,
    clock_back: None,
    kind: match old.kind {
        v1::EventKind::Began { record } => EventKind::Began { record },
        // Only `Began` is the log's own.
        other => match other.load() {
            Some(kind) => EventKind::from(&kind),
            None => return Err(DecodeError::Malformed("it has no meaning".into())),
        },
    },
});
record!(SavedPlan: SavedPlan, 1 => |old: v1::SavedPlan| SavedPlan {
    uri: old.uri,
    removal: Mirror::store(&Load::<model::Removal>::load(old.removal)),
    plan: Mirror::store(&Load::<model::Plan>::load(old.plan)),
    definition: old.definition,
});
record!(Watched: Watched, 1 => |old: v1::Watched| {
    Mirror::store(&Load::<model::Watched>::load(old))
});

/// The format that a record is written in.
///
/// # Errors
/// What is wrong with its frame.
pub fn version_of(record: &[u8]) -> Result<u16, DecodeError> {
    Ok(envelope::open(record)?.version)
}

/// Whether a record that has been decoded is one of format 1.
pub(super) fn is_of_format_1(record: &[u8]) -> bool {
    envelope::version(record) == Some(1)
}
