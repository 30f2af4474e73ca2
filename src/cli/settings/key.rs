//! The keys of the configuration file, and how a value of each is read. A variable's value is text,
//! the file's may be a number, a truth value or a list as well.

use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

use super::Retention;
use super::units::Span;
use crate::model::DigestKind;

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Uri,
    StateDir,
    Quarantine,
    Wait,
    Retention,
    MinimumAge,
    RequireReason,
    Protect,
    Digest,
}

impl Key {
    pub const ALL: [Key; 9] = [
        Key::Uri,
        Key::StateDir,
        Key::Quarantine,
        Key::Wait,
        Key::Retention,
        Key::MinimumAge,
        Key::RequireReason,
        Key::Protect,
        Key::Digest,
    ];

    /// As the file has it.
    pub fn name(self) -> &'static str {
        match self {
            Key::Uri => "uri",
            Key::StateDir => "state-dir",
            Key::Quarantine => "quarantine",
            Key::Wait => "wait",
            Key::Retention => "retention",
            Key::MinimumAge => "minimum-age",
            Key::RequireReason => "require-reason",
            Key::Protect => "protect",
            Key::Digest => "digest",
        }
    }

    /// The environment's name for it.
    pub fn variable(self) -> &'static str {
        match self {
            Key::Uri => "VIRT_RETIRE_URI",
            Key::StateDir => "VIRT_RETIRE_STATE_DIR",
            Key::Quarantine => "VIRT_RETIRE_QUARANTINE",
            Key::Wait => "VIRT_RETIRE_WAIT",
            Key::Retention => "VIRT_RETIRE_RETENTION",
            Key::MinimumAge => "VIRT_RETIRE_MINIMUM_AGE",
            Key::RequireReason => "VIRT_RETIRE_REQUIRE_REASON",
            Key::Protect => "VIRT_RETIRE_PROTECT",
            Key::Digest => "VIRT_RETIRE_DIGEST",
        }
    }
}

pub(super) fn text(value: &Value) -> Result<String, String> {
    match value.as_str() {
        Some("") => Err("it is empty".into()),
        Some(text) => Ok(text.to_owned()),
        None => Err("it is not a string".into()),
    }
}

/// A list, or one string with colons between the entries.
pub(super) fn folders(value: &Value) -> Result<Vec<PathBuf>, String> {
    let folders: Vec<PathBuf> = match value {
        Value::String(text) => std::env::split_paths(text).collect(),
        _ => strings(value)?.into_iter().map(PathBuf::from).collect(),
    };
    match folders.iter().find(|folder| !folder.is_absolute()) {
        Some(folder) => Err(format!("{} is not an absolute path", folder.display())),
        None => Ok(folders),
    }
}

/// A list, or one string with commas between the entries; nothing between two of them is none.
pub(super) fn globs(value: &Value) -> Result<Vec<glob::Pattern>, String> {
    let globs = match value {
        Value::String(text) => (text.split(','))
            .filter(|glob| !glob.is_empty())
            .map(str::to_owned)
            .collect(),
        _ => strings(value)?,
    };
    let read = |text: String| {
        glob::Pattern::new(&text).map_err(|error| format!("'{text}' is not a glob: {error}"))
    };
    globs.into_iter().map(read).collect()
}

fn strings(value: &Value) -> Result<Vec<String>, String> {
    let list = value.as_array().ok_or("it is not a list of strings")?;
    list.iter().map(text).collect()
}

pub(super) fn seconds(value: &Value) -> Result<Duration, String> {
    let number = match value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let number = number.ok_or("it is not a whole number of seconds")?;
    Ok(Duration::from_secs(number))
}

pub(super) fn span(value: &Value) -> Result<Span, String> {
    text(value)?.parse()
}

pub(super) fn retention(value: &Value) -> Result<Retention, String> {
    text(value)?.parse()
}

/// `none`, or the name of a digest.
pub(super) fn digest(value: &Value) -> Result<Option<DigestKind>, String> {
    let word = match value {
        Value::Boolean(true) => DigestKind::Sha256.word().to_owned(),
        Value::Boolean(false) => "none".to_owned(),
        _ => text(value)?,
    };
    if word == "none" {
        return Ok(None);
    }
    let mut kinds = DigestKind::ALL.into_iter();
    let kind = kinds.find(|kind| kind.word() == word);
    kind.map(Some).ok_or_else(|| {
        let words = DigestKind::ALL.map(DigestKind::word);
        format!("'{word}' is neither none nor one of {}", words.join(", "))
    })
}

pub(super) fn yes_or_no(value: &Value) -> Result<bool, String> {
    match value {
        Value::Boolean(value) => Ok(*value),
        Value::String(text) if matches!(text.as_str(), "true" | "yes" | "1") => Ok(true),
        Value::String(text) if matches!(text.as_str(), "false" | "no" | "0") => Ok(false),
        _ => Err("it is neither true nor false".into()),
    }
}
