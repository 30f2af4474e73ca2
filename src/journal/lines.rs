//! A journal as JSON lines: what `journal export` writes and `journal import` reads. First the
//! journal itself, then every record in the order in which it was written, in base64: a record may
//! hold secrets, and its very bytes are what the log's tree is over.

use std::io::{self, BufRead, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::mirror::{Load, Mirror};
use super::{CURRENT, Format, Time};

/// What one line has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Journal(Format),
    /// A transaction's first record.
    Begin(Vec<u8>),
    Entry {
        sequence: u64,
        record: Vec<u8>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "line")]
enum Line {
    Journal {
        format: u16,
        uuid: uuid::Uuid,
        created_at: jiff::Timestamp,
        migrated: u64,
    },
    Begin {
        record: String,
    },
    Event {
        sequence: u64,
        record: String,
    },
}

/// # Errors
/// `out` takes it not.
pub fn write(part: Part, out: &mut impl Write) -> io::Result<()> {
    let line = match part {
        Part::Journal(format) => Line::Journal {
            format: CURRENT,
            uuid: format.journal.load(),
            created_at: format.created_at.load(),
            migrated: format.migrated,
        },
        Part::Begin(record) => Line::Begin {
            record: STANDARD.encode(record),
        },
        Part::Entry { sequence, record } => Line::Event {
            sequence,
            record: STANDARD.encode(record),
        },
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

/// Bytes. No honest line is longer: a record has 64 MiB at most.
const LONGEST: u64 = 100 << 20;

/// What the next line has; `None` at the end.
///
/// # Errors
/// As [`read`].
pub fn next(input: &mut dyn BufRead) -> Result<Option<Part>, String> {
    let mut line = Vec::new();
    let read = input.take(LONGEST).read_until(b'\n', &mut line);
    match read.map_err(|error| format!("cannot be read: {error}"))? {
        0 => return Ok(None),
        _ if !line.ends_with(b"\n") => return Err("is cut off".into()),
        _ => {}
    }
    self::read(&line).map(Some)
}

/// One line, with its end or without.
///
/// # Errors
/// What is wrong with it, as the end of a sentence that begins with "the line".
pub fn read(line: &[u8]) -> Result<Part, String> {
    let line = serde_json::from_slice(line).map_err(|error| format!("is not one: {error}"))?;
    let bytes = |text: String| {
        STANDARD
            .decode(text)
            .map_err(|error| format!("has a record that is not base64: {error}"))
    };
    Ok(match line {
        Line::Journal { format, .. } if format != CURRENT => {
            return Err(format!(
                "is of format {format}, and this program takes {CURRENT}"
            ));
        }
        Line::Journal {
            uuid,
            created_at,
            migrated,
            ..
        } => Part::Journal(Format {
            journal: Mirror::store(&uuid),
            created_at: Time(created_at),
            migrated,
        }),
        Line::Begin { record } => Part::Begin(bytes(record)?),
        Line::Event { sequence, record } => Part::Entry {
            sequence,
            record: bytes(record)?,
        },
    })
}
