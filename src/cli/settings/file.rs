//! The configuration file: `/etc/virt-retire/config.toml` for root, else
//! `$XDG_CONFIG_HOME/virt-retire/config.toml`.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Key;
use crate::cli::error::{CliError, Exit};

/// Bytes. No configuration is larger.
const LARGEST: u64 = 1 << 20;

/// What the file says.
pub(super) struct Configuration {
    path: PathBuf,
    table: toml::Table,
}

impl Configuration {
    pub(super) fn value(&self, key: Key) -> Option<(&PathBuf, &toml::Value)> {
        Some((&self.path, self.table.get(key.name())?))
    }
}

/// Where the file is looked for; `None` where there is no home for one.
pub fn location() -> Option<PathBuf> {
    let folder = if rustix::process::geteuid().is_root() {
        PathBuf::from("/etc/virt-retire")
    } else {
        personal("XDG_CONFIG_HOME", ".config")?
    };
    Some(folder.join("config.toml"))
}

/// The program's folder below an XDG base folder, or below its default in the home folder.
pub(super) fn personal(variable: &str, default: &str) -> Option<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute(variable)
        .or_else(|| absolute("HOME").map(|home| home.join(default)))
        .map(|base| base.join("virt-retire"))
}

/// A file that is not there says nothing.
///
/// # Errors
/// It cannot be read, others may write to it, it is not TOML, or a key is not known.
pub(super) fn read() -> Result<Configuration, CliError> {
    let path = location().unwrap_or_default();
    let mut text = String::new();
    match File::open(&path) {
        Ok(file) => {
            ours_alone(&file, &path)?;
            file.take(LARGEST)
                .read_to_string(&mut text)
                .map_err(|error| wrong(&path, format!("cannot be read: {error}")))?;
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
        Err(error) => return Err(wrong(&path, format!("cannot be read: {error}"))),
    }
    parse(path, &text)
}

/// # Errors
/// It is not TOML, or a key is not known.
pub(super) fn parse(path: PathBuf, text: &str) -> Result<Configuration, CliError> {
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| wrong(&path, format!("is not TOML: {}", told(&error))))?;
    for key in table.keys() {
        if Key::ALL.iter().all(|known| known.name() != key) {
            return Err(unknown(&path, key));
        }
    }
    Ok(Configuration { path, table })
}

/// Whoever may write the file decides what this host protects, and where files go.
fn ours_alone(file: &File, path: &Path) -> Result<(), CliError> {
    let found = file
        .metadata()
        .map_err(|error| wrong(path, format!("cannot be read: {error}")))?;
    let us = rustix::process::geteuid().as_raw();
    let is_ours = |found: &Metadata| found.uid() == us || found.uid() == 0;
    let open = |how: &str, what: &Path| {
        let mut error = wrong(path, how.into());
        error.hint = format!("chown {us} {0}; chmod go-w {0}", what.display());
        Err(error)
    };
    if !is_ours(&found) || found.mode() & 0o022 != 0 {
        return open("may be written by others", path);
    }
    // Who may rename the file away may put another one there.
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    match folder.metadata() {
        Ok(found) if !is_ours(&found) || found.mode() & 0o1002 == 0o002 => {
            open("is in a folder that others may write to", folder)
        }
        _ => Ok(()),
    }
}

fn wrong(path: &Path, how: String) -> CliError {
    CliError::unchanged(
        Exit::Error,
        "configuration",
        format!("{} {how}", path.display()),
        "fix the file, or move it away",
    )
}

fn unknown(path: &Path, key: &str) -> CliError {
    let nearest = Key::ALL
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(known.name(), key), known.name()))
        .min();
    let mut error = wrong(path, format!("has a key that is not known: {key}"));
    if let Some((_, nearest)) = nearest {
        error.hint = format!("did you mean {nearest}? All keys: virt-retire config show");
    }
    error
}

/// On one line: the error's own text draws the line of the file below it.
fn told(error: &toml::de::Error) -> String {
    error.message().lines().collect::<Vec<_>>().join(" ")
}
