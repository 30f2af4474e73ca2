//! A journal as JSON lines: what `journal export` writes and `journal import` reads. First the
//! journal itself, then every record in the order in which it was written, in base64: a record may
//! hold secrets, and its very bytes are what the log's tree is over.
//!
//! - `journal`: `format`, `uuid`, `created_at`, `migrated` (entries that format 1 had), `entries`
//!   and `root` (the log's size and root, as its checkpoint has them).
//! - `begin`: `record`, a transaction's first; the line after it is an `event` of its own.
//! - `event`: `sequence`, which entry of the log it is, from 1; `record`.
//!
//! `entries` and `root` stand in the first line, so that an export that was cut off anywhere behind
//! it is told from a whole one. The first programs that had an export wrote neither: of theirs
//! nobody can say whether the end is missing, and whoever takes one in is told so.

use std::io::{self, BufRead, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::mirror::{Load, Mirror};
use super::primitive::Hash;
use super::{CURRENT, Format, Time};

/// What one line has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Journal {
        format: Format,
        /// `None` in what the first programs wrote.
        extent: Option<Extent>,
    },
    /// A transaction's first record.
    Begin(Vec<u8>),
    Entry {
        sequence: u64,
        record: Vec<u8>,
    },
}

/// The whole log that an export has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// How many.
    pub entries: u64,
    pub root: Hash,
}

/// Why lines are not taken in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Wrong {
    #[error("is damaged: {0}")]
    Damaged(String),
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// Another version's.
    #[error("has format {found}, and this version takes exports of format {CURRENT}")]
    Format { found: u16 },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "line")]
enum Line {
    Journal {
        format: u16,
        uuid: uuid::Uuid,
        created_at: jiff::Timestamp,
        migrated: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entries: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        root: Option<String>,
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
        Part::Journal { format, extent } => Line::Journal {
            format: CURRENT,
            uuid: format.journal.load(),
            created_at: format.created_at.load(),
            migrated: format.migrated,
            entries: extent.as_ref().map(|it| it.entries),
            root: extent.map(|it| it.root.base64()),
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

/// The lines of one export, one after the other; a single one is in memory.
pub struct Lines<'a> {
    input: &'a mut dyn BufRead,
    /// Of the export: its file's.
    name: String,
    /// The last one that was read, from 1.
    number: u64,
    extent: Option<Extent>,
    entries: u64,
}

impl<'a> Lines<'a> {
    /// `name` is what errors call the export: its file, or where else it comes from.
    pub fn new(input: &'a mut dyn BufRead, name: String) -> Self {
        Self {
            input,
            name,
            number: 0,
            extent: None,
            entries: 0,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the export says of itself; `None` before its first line, and where it says nothing.
    pub fn extent(&self) -> Option<&Extent> {
        self.extent.as_ref()
    }

    /// That something is wrong with the line that was read last: `cause` says with which part.
    pub fn wrong(&self, cause: impl std::fmt::Display) -> Wrong {
        Wrong::Damaged(format!("line {}: {cause}", self.number))
    }

    /// The next one; `None` at the end of a whole export. Each entry stands where its number says.
    ///
    /// # Errors
    /// It is not one, cannot be read, or does not belong there; the lines end before the export
    /// does.
    pub fn next_part(&mut self) -> Result<Option<Part>, Wrong> {
        let mut line = Vec::new();
        let read = (&mut *self.input)
            .take(LONGEST)
            .read_until(b'\n', &mut line);
        if read.map_err(|error| Wrong::Unreadable(error.to_string()))? == 0 {
            return self.end().map(|()| None);
        }
        self.number += 1;
        if !line.ends_with(b"\n") {
            return Err(self.wrong("it is cut off in the middle"));
        }
        let part = self::read(&line).map_err(|wrong| match wrong {
            Wrong::Damaged(cause) => self.wrong(cause),
            other => other,
        })?;
        match &part {
            Part::Journal { extent, .. } if self.number == 1 => self.extent.clone_from(extent),
            Part::Journal { .. } => return Err(self.wrong("another journal begins")),
            _ if self.number == 1 => return Err(self.wrong("it is not the journal's own")),
            Part::Begin(_) => {}
            Part::Entry { sequence, .. } => {
                self.entries += 1;
                if *sequence != self.entries {
                    let cause = format!("entry {sequence} stands where {} belongs", self.entries);
                    return Err(self.wrong(cause));
                }
                if let Some(extent) = &self.extent
                    && self.entries > extent.entries
                {
                    let said = extent.entries;
                    let cause = format!("there are more than the {said} entries of its first line");
                    return Err(self.wrong(cause));
                }
            }
        }
        Ok(Some(part))
    }

    fn end(&self) -> Result<(), Wrong> {
        let said = match &self.extent {
            _ if self.number == 0 => return Err(Wrong::Damaged("it is empty".into())),
            None => return Ok(()),
            Some(extent) => extent.entries,
        };
        match said - self.entries {
            0 => Ok(()),
            missing => Err(Wrong::Damaged(format!(
                "it ends after line {}, and the last {missing} of its {said} log entries are \
                 missing",
                self.number
            ))),
        }
    }
}

/// One line, with its end or without.
///
/// # Errors
/// What is wrong with it.
pub fn read(line: &[u8]) -> Result<Part, Wrong> {
    let damaged = |what: String| Wrong::Damaged(what);
    let line = serde_json::from_slice(line).map_err(|error| match other_format(line) {
        Some(found) => Wrong::Format { found },
        None => damaged(format!("it is no line of an export: {error}")),
    })?;
    let bytes = |text: String| {
        STANDARD
            .decode(text)
            .map_err(|error| damaged(format!("its record is not base64: {error}")))
    };
    Ok(match line {
        Line::Journal { format, .. } if format != CURRENT => {
            return Err(Wrong::Format { found: format });
        }
        Line::Journal {
            uuid,
            created_at,
            migrated,
            entries,
            root,
            ..
        } => Part::Journal {
            format: Format {
                journal: Mirror::store(&uuid),
                created_at: Time(created_at),
                migrated,
            },
            extent: extent(entries, root)?,
        },
        Line::Begin { record } => Part::Begin(bytes(record)?),
        Line::Event { sequence, record } => Part::Entry {
            sequence,
            record: bytes(record)?,
        },
    })
}

/// Another format may have another first line, but for this much of it.
fn other_format(line: &[u8]) -> Option<u16> {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case", tag = "line")]
    enum First {
        Journal { format: u16 },
    }
    let First::Journal { format } = serde_json::from_slice(line).ok()?;
    Some(format).filter(|format| *format != CURRENT)
}

fn extent(entries: Option<u64>, root: Option<String>) -> Result<Option<Extent>, Wrong> {
    let damaged = |what: &str| Err(Wrong::Damaged(what.into()));
    let (entries, root) = match (entries, root) {
        (None, None) => return Ok(None),
        (Some(entries), Some(root)) => (entries, root),
        _ => return damaged("it has one of `entries` and `root`, and not the other"),
    };
    let root = STANDARD.decode(root).ok();
    match root.and_then(|root| <[u8; 32]>::try_from(root).ok()) {
        Some(root) => Ok(Some(Extent {
            entries,
            root: Hash(root),
        })),
        None => damaged("its root is not a SHA-256 in base64"),
    }
}
